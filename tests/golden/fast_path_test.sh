#!/bin/bash
# Holds the taken path of malloc and free, in the linked program, to the golden
# table and (release) to the budget: a change that adds a load shows here as a
# difference to be looked at. After an intended change copy the printed rows
# into fast_path.golden.
#
#   fast_path_test.sh LISTING VARIANT [GOLDEN]
set -u

readonly LISTING="$1"
readonly VARIANT="$2"
readonly HERE="tests/golden"
readonly GOLDEN="${3:-${HERE}/fast_path.golden}"
readonly ENTRIES="__wrap_malloc __wrap_free"

fail() {
  echo "FAILED: $*" >&2
  awk -v entries="${ENTRIES}" -v show=1 -f "${HERE}/fast_path.awk" \
    "${LISTING}" >&2
  exit 1
}

# The most instructions that an entry point may take, the return included.
budget() {
  case "$1" in
    "x86_64 __wrap_malloc") echo 20 ;;
    "x86_64 __wrap_free") echo 24 ;;
    "aarch64 __wrap_malloc") echo 25 ;;
    "aarch64 __wrap_free") echo 28 ;;
    *) fail "there is no budget for '$1'" ;;
  esac
}

case "$(grep -m 1 'file format' "${LISTING}")" in
  *elf64-x86-64) arch=x86_64 ;;
  *elf64-littleaarch64) arch=aarch64 ;;
  *) fail "'${LISTING}' is not a listing of a program" ;;
esac

found="$(awk -v entries="${ENTRIES}" -f "${HERE}/fast_path.awk" \
  "${LISTING}")" || fail "the path could not be followed"
found="$(sed "s/^/${arch} ${VARIANT} /" <<< "${found}")"
echo "${found}"

expected="$(grep "^${arch} ${VARIANT} " "${GOLDEN}")"
[[ "${found}" == "${expected}" ]] ||
  fail "the golden table says
${expected}"

[[ "${VARIANT}" == release ]] || exit 0
while read -r _ _ entry instructions _ _ _ calls; do
  most="$(budget "${arch} ${entry}")"
  [[ "${instructions}" -le "${most}" ]] ||
    fail "${entry}: ${instructions} instructions, the budget is ${most}"
  [[ "${calls}" -eq 0 ]] || fail "${entry}: calls a function"
done <<< "${found}"
echo "PASSED"
