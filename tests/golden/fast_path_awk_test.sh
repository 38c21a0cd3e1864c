#!/bin/bash
# The counter itself, on listings whose counts are known, and the test that
# uses it, which must fail where it should.
set -u

readonly HERE="tests/golden"
readonly DATA="${HERE}/testdata"
readonly GOLDEN="${TEST_TMPDIR}/golden"

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect_counts LISTING ENTRY COUNTS
expect_counts() {
  local found
  found="$(awk -v entries="$2" -f "${HERE}/fast_path.awk" "$1")"
  [[ "${found}" == "$2 $3" ]] || fail "$1: expected '$2 $3', found '${found}'"
}

# expect_refused WORD LISTING VARIANT: the test must fail, and say why.
expect_refused() {
  local said
  said="$("${HERE}/fast_path_test.sh" "$2" "$3" "${GOLDEN}" 2>&1)" &&
    fail "$2 passed, which has to fail: $1"
  [[ "${said}" == *"$1"* ]] || fail "$2 said '${said}', not '$1'"
}

# instructions loads stores branches calls
expect_counts "${DATA}/x86_64.txt" __wrap_malloc "14 4 2 4 0"
expect_counts "${DATA}/x86_64.txt" __wrap_free "8 3 3 1 1"
expect_counts "${DATA}/aarch64.txt" __wrap_malloc "11 2 2 4 0"
expect_counts "${DATA}/aarch64.txt" __wrap_free "4 1 1 0 1"
awk -v entries=slow -f "${HERE}/fast_path.awk" "${DATA}/x86_64.txt" \
  2> /dev/null && fail "a path without a return passed"
awk -v entries=nobody -f "${HERE}/fast_path.awk" "${DATA}/x86_64.txt" \
  2> /dev/null && fail "an entry point that is not there passed"

cat > "${GOLDEN}" << 'END'
x86_64 hardened __wrap_malloc 14 4 2 4 0
x86_64 hardened __wrap_free 8 3 3 1 1
x86_64 release __wrap_malloc 14 4 2 4 0
x86_64 release __wrap_free 8 3 3 1 1
aarch64 release __wrap_malloc 11 2 2 4 0
END
"${HERE}/fast_path_test.sh" "${DATA}/x86_64.txt" hardened "${GOLDEN}" ||
  fail "the golden table was not recognised"
expect_refused "calls a function" "${DATA}/x86_64.txt" release
expect_refused "golden table says" "${DATA}/aarch64.txt" release

# A load more than the golden table has.
sed 's/lea    0xf(%rdi),%rax/mov    0xf(%rdi),%rax/' "${DATA}/x86_64.txt" \
  > "${TEST_TMPDIR}/one_load.txt"
expect_refused "golden table says" "${TEST_TMPDIR}/one_load.txt" hardened

# 21 instructions, and a golden table that has them.
awk '{ print } /401011:/ { for (i = 0; i < 7; ++i)
  printf "  4010f%d:\tnop\n", i }' \
  "${DATA}/x86_64.txt" | sed '/call /d' > "${TEST_TMPDIR}/long.txt"
sed -i 's/malloc 14/malloc 21/; s/free 8 3 3 1 1/free 7 3 3 1 0/' "${GOLDEN}"
expect_refused "the budget is 20" "${TEST_TMPDIR}/long.txt" release
echo "PASSED"
