#!/bin/bash
# compare as its users meet it: tiny runs with the allocators that are always
# there, the three files that it writes, and what it says to a wrong name.
set -u

readonly COMPARE="bench/compare/compare"
readonly OUT="${TEST_TMPDIR}/out"

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect_refused WORD ARGUMENTS...: exit code 2, and one sentence with WORD.
expect_refused() {
  local word="$1"
  shift
  local said
  said="$("${COMPARE}" "$@" 2>&1)"
  [[ $? -eq 2 ]] || fail "'$*' did not end with exit code 2"
  [[ "$(wc -l <<< "${said}")" -eq 1 ]] || fail "'$*' said more than a sentence"
  [[ "${said}" == *"${word}"* ]] || fail "'$*' said '${said}', not '${word}'"
}

expect_refused "no workload 'larsen'" --out="${OUT}" --only=larsen
expect_refused "no allocator 'glib'" --out="${OUT}" --allocators=hakmem,glib
expect_refused "no option '--onyl=x'" --onyl=x
expect_refused "not a number" --out="${OUT}" --rounds=many
expect_refused "--out=DIR is missing" --only=larson
expect_refused "no file" --out="${OUT}" --extra=other=/nowhere/other.o

"${COMPARE}" --list | grep -q '^  random_mixed/1m: live=1000000' ||
  fail "--list does not list"

readonly OWN=hakmem,hardened,glibc,floor,hakmem-musl,hardened-musl,musl
"${COMPARE}" --smoke --rounds=1 --allocators="${OWN}" --out="${OUT}" \
  2> "${TEST_TMPDIR}/progress" ||
  fail "a workload failed: $(tail -n 20 "${TEST_TMPDIR}/progress")"
grep -q 'left out' "${OUT}/summary.md" && fail "a program was not found"
for allocator in ${OWN//,/ }; do
  grep -q "^larson/2t,threads=2,${allocator},[a-z]*,time_per_op,ns,1,[0-9]" \
    "${OUT}/results.csv" ||
    fail "no result of larson with ${allocator}"
  grep -q "\"name\":\"${allocator}\"" "${OUT}/report.html" ||
    fail "report.html lacks ${allocator}"
done
grep -q '^| hakmem | glibc | [0-9.]* ' "${OUT}/summary.md" ||
  fail "summary.md lacks the row of hakmem"
grep -qE 'src=|href=|url\(|https?://[^w]' "${OUT}/report.html" &&
  fail "report.html needs the network"
echo "PASSED"
