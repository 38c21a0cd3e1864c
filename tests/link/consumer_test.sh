#!/bin/bash
# A second workspace (tests/consumer) uses hakmem as an external repository:
# through malloc =, through --custom_malloc and for a GoogleTest; and what did
# not ask for hakmem has nothing of it.
set -u

tree="$(dirname "$(readlink -f WORKSPACE)")"
readonly CHECK="${PWD}/toolchains/check/tool/hakmem-check"
W="$(mktemp -d "${TEST_TMPDIR:-/tmp}/consumer.XXXXXX")"
clean_up() {
  run shutdown > "${W}/shutdown"
  chmod -R u+w "${W}"
  rm -rf "${W}"
}
trap clean_up EXIT
mkdir "${W}/consumer"
cp -r "${tree}"/tests/consumer/* "${W}/consumer"
sed -i "s#\"\.\./\.\.#\"${tree}#" "${W}/consumer/WORKSPACE"
cd "${W}/consumer" || exit 1

# A Bazel of its own: the test may itself run below one.
bazel=("${HAKMEM_BAZEL:-bazel}" --nohome_rc --noworkspace_rc
  "--output_user_root=${W}/out" --max_idle_secs=5)
options=(--nosandbox_debug --jobs=2 --symlink_prefix=bazel- --color=no
  --noshow_progress --spawn_strategy=local)

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

run() { HOME="${W}" USER="${USER:-nobody}" "${bazel[@]}" "$@" 2>&1; }

# How many symbols of hakmem the program has.
symbols() { nm "$1" | grep -cE ' (__wrap_|hakmem_marker_|hak_)' || true; }

if ! command -v "${bazel[0]}" > /dev/null; then
  echo "skipped: Bazel is not in PATH, so there is none for a second workspace."
  exit 0
fi
run test "${options[@]}" //... || fail "bazel test //..."
cp bazel-bin/with with && cp bazel-bin/without without || exit 1
[[ "$(symbols with)" -gt 0 ]] || fail "malloc = did nothing"
[[ "$(symbols without)" -eq 0 ]] || fail "hakmem leaks into who did not ask"
[[ "$(./with)" == hello && "$(./without)" == hello ]] || fail "a program"

run build "${options[@]}" //:mixed > "${W}/mixed" &&
  fail "release's boxes link with hardened's"
grep -q 'undefined reference to .hakmem_malloc_release' "${W}/mixed" ||
  fail "two variants: $(cat "${W}/mixed")"
run build "${options[@]}" //:unmixed || fail "hakmem_see_hardened"
[[ "$(bazel-bin/unmixed)" == 1 ]] || fail "one variant"

run build "${options[@]}" --custom_malloc=@hakmem//:hakmem //:without ||
  fail "--custom_malloc"
[[ "$(symbols bazel-bin/without)" -gt 0 ]] || fail "--custom_malloc did nothing"
"${CHECK}" bazel-bin/without || fail "--custom_malloc: not closed"

# And the other way round: switched off for one build.
run build "${options[@]}" --custom_malloc=@bazel_tools//tools/cpp:malloc \
  //:with || fail "--custom_malloc=@bazel_tools//tools/cpp:malloc"
[[ "$(symbols bazel-bin/with)" -eq 0 ]] || fail "hakmem cannot be switched off"
echo "a second workspace: malloc =, --custom_malloc, GoogleTest, nothing leaks"
