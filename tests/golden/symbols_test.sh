#!/bin/bash
# What must not be in a production build, by its symbols: the way to libc's
# heap (__real_*), the domain routing, the statistics of locks and stages. The
# checked variant has them all, and must be seen to have them: a search that
# finds nothing there would find nothing anywhere.
#
#   symbols_test.sh CHECKED.o CLEAN...
#
# CLEAN are objects of release and hardened, and programs linked with them.
set -u

readonly CHECKED="$1"
shift
# Name of the finding, and the symbol, demangled, that gives it away.
readonly -A TRACES=(
  ["a reference to libc's heap"]=' __real_'
  ["domain routing"]='Domain<true>'
  ["lock statistics"]='hakmem::LockStats'
  ["reports of locks"]='hakmem::stats::WriteLocks'
  ["counts of stages"]='StageCounts<true>'
)

failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# symbols FILE: its symbols, or the end of the test.
symbols() {
  local found
  found="$(nm -C "$1")" && [[ "${found}" == *__wrap_malloc* ]] ||
    { echo "FAILED: nm finds no allocator in '$1'" >&2; return 1; }
  echo "${found}"
}

for trace in "${!TRACES[@]}"; do
  found="$(symbols "${CHECKED}")" || exit 1
  grep -qE "${TRACES[${trace}]}" <<< "${found}" ||
    fail "${trace}: not found in the checked variant, so the search is wrong"
  for file in "$@"; do
    found="$(symbols "${file}")" || exit 1
    while read -r line; do
      fail "${file}: ${trace}: ${line}"
    done < <(grep -E "${TRACES[${trace}]}" <<< "${found}")
  done
done
[[ "$#" -gt 0 ]] || fail "no file to look at"
[[ "${failures}" -eq 0 ]] || exit 1
echo "PASSED: $# files have none of ${#TRACES[@]} traces"
