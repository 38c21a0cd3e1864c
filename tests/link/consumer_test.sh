#!/bin/bash
# A second workspace (tests/consumer) uses hakmem as an external repository:
# through malloc =, through --custom_malloc and for a GoogleTest; what did not
# ask for hakmem has nothing of it; PIC; a libc that the platform does not name.
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

# The Bazel that toolchains/bazel takes (.bazelrc lets HAKMEM_BAZEL through), as
# a server of its own: the test may itself run below one.
bazel="${HAKMEM_BAZEL:-/usr/bin/bazel}"
command -v "${bazel}" > /dev/null || bazel="$(command -v bazel)"
bazel=("${bazel}" --nohome_rc --noworkspace_rc
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

[[ -n "${bazel[0]}" ]] ||
  fail "there is no Bazel for a second workspace; name it in HAKMEM_BAZEL"
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

# Position independent code, for programs that are PIE.
run test "${options[@]}" --force_pic //:with_closed_test || fail "--force_pic"

# A platform that does not say which C library it is, or says the wrong one.
musl=/usr/include/x86_64-linux-musl
says_which_libc() {
  local words="$1"
  shift
  run build "${options[@]}" --keep_going @hakmem//:hakmem_release "$@" \
    > "${W}/libc.log" && fail "$*: builds"
  [[ "$(grep -c "error: static assertion failed: ${words}" "${W}/libc.log")" \
    -eq 2 ]] || fail "$*: $(cat "${W}/libc.log")"
}
# No C++ headers here: files that want them fail, too, but not the two.
says_which_libc "this is not glibc: .*//toolchains/platforms:musl" \
  --copt=-nostdinc "--copt=-isystem${musl}" \
  "--copt=-isystem$(gcc -print-file-name=include)"
says_which_libc "this is glibc: .*//toolchains/platforms:musl" \
  --platforms=@hakmem//toolchains/platforms:linux-x86_64-musl
echo "a second workspace: malloc =, --custom_malloc, GoogleTest, nothing leaks"
