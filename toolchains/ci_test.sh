#!/bin/bash
# .ci/run counts what Bazel says, on a stand-in for Bazel.
set -u
failures=0
tree="${TEST_TMPDIR:?}/tree"
mkdir -p "${tree}/.ci" "${tree}/toolchains"
cp -L .ci/run "${tree}/.ci/run"

# expect LAST-LINE EXIT-CODE BAZEL-EXIT-CODE BAZEL-OUTPUT [CONFIG]...
expect() {
  local wanted="$1" wanted_rc="$2" out rc
  printf '#!/bin/bash\ncat << "END"\n%s\nEND\nexit %s\n' "$4" "$3" \
    > "${tree}/toolchains/bazel"
  chmod +x "${tree}/toolchains/bazel"
  shift 4
  out="$(cd / && bash "${tree}/.ci/run" "$@" 2>&1 < /dev/null)"
  rc=$?
  if [[ "${out##*$'\n'}" != "${wanted}" || "${rc}" -ne "${wanted_rc}" ]]; then
    echo "FAILED: expected '${wanted}' and ${wanted_rc}, got ${rc}: ${out}"
    failures=1
  fi
}

readonly GOOD='//a:x_test      PASSED in 0.1s
//a/b:y_test   (cached) PASSED in 0.2s'
expect "2 passed, 0 failed" 0 0 "${GOOD}"
expect "4 passed, 0 failed" 0 0 "${GOOD}" asan tsan
expect "2 passed, 0 failed, 1 skipped" 0 0 "${GOOD}
//a:z_test      SKIPPED"
expect "2 passed, 3 failed" 1 3 "${GOOD}
//a:f_test      FAILED in 3 out of 3 in 1.0s
//a:t_test      TIMEOUT in 60.0s
//a:b_test      FAILED TO BUILD"
# A library that does not build fails no test.
expect "2 passed, 1 failed" 1 1 "${GOOD}"
# Nothing ran.
expect "0 passed, 1 failed" 1 0 ""
expect "0 passed, 1 failed, 1 skipped" 1 0 "//a:z_test      SKIPPED"
exit "${failures}"
