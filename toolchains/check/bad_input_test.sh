#!/bin/bash
# What is no program, no map, no libc.a, and what asks for nonsense: exit 2 and
# a sentence that says which, never a crash and never a verdict.
set -u

readonly CHECK="${PWD}/toolchains/check/hakmem-check"
readonly CORPUS="${PWD}/toolchains/check/corpus"
W="$(mktemp -d "${TEST_TMPDIR:-/tmp}/bad_input.XXXXXX")"
trap 'rm -rf "${W}"' EXIT
cd "${W}" || exit 1
passed=0
failed=0

# refuses PATTERN ARGUMENT...
refuses() { expect 2 "$@"; }

# expect EXIT PATTERN ARGUMENT...
expect() {
  local wanted="$1" pattern="$2" code=0
  shift 2
  timeout 20 "${CHECK}" "$@" > said 2>&1 || code=$?
  if [[ "${code}" -eq "${wanted}" ]] && grep -q -- "${pattern}" said; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $*: exit ${code}, '${pattern}' expected: $(cat said)" >&2
  fi
}

# put FILE OFFSET HEX: overwrites bytes.
put() {
  # shellcheck disable=SC2059  # the bytes are the format
  printf "$(sed 's/../\\x&/g' <<< "$3")" |
    dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

readonly GOOD="${CORPUS}/closed_glibc.elf"
expect 0 closed "${GOOD}"
expect 1 'called by caller' "${CORPUS}/open_glibc.elf"
expect 1 'called by caller' "${CORPUS}/open_aarch64.elf"
expect 1 'relocations (-q)' "${CORPUS}/open_relocations.elf"
expect 1 __wrap_calloc "${CORPUS}/open_relocations.elf"

refuses 'not an ELF file' /etc/passwd
: > empty
refuses 'not an ELF file' empty
refuses 'cannot be opened' missing
refuses 'not a regular file' "${W}"
refuses 'not a regular file' /dev/zero
mkfifo pipe
refuses 'not a regular file' pipe
refuses 'object file' "${CORPUS}/object64.elf"
refuses '32-bit' "${CORPUS}/object32.elf"
refuses 'shared library' "${CORPUS}/shared.elf"
refuses stripped "${CORPUS}/stripped.elf"
truncate -s 5G huge
refuses 'not read' huge
head -c 40 "${GOOD}" > short
refuses truncated short
head -c 20 "${CORPUS}/object32.elf" > short32
refuses '32-bit' short32
head -c 700 "${GOOD}" > tail_off
refuses truncated tail_off

# Offsets of the fields: e_ident[EI_DATA] 5, e_type 16, e_machine 18, e_shoff
# 40, e_phentsize 54, e_shentsize 58, e_shnum 60, e_shstrndx 62.
damage() {
  cp "${GOOD}" damaged
  chmod u+w damaged
  put damaged "$2" "$3"
  refuses "$1" damaged
}
damage 'little-endian' 5 02
damage 'neither a program' 16 0400
damage 'another CPU' 18 0800
damage 'truncated' 40 ffffffffffffffff
damage 'truncated' 32 ffffffffffffff7f
damage 'impossible size' 54 0100
damage 'impossible size' 58 0100
damage 'truncated' 60 ffff
damage 'stripped' 40 0000000000000000

refuses 'not a linker' --map /etc/passwd "${GOOD}"
refuses 'cannot be opened' --map missing "${GOOD}"
refuses 'not an archive' --libc /etc/passwd "${GOOD}"
printf '!<arch>\n' > nothing.a
refuses 'holds no malloc' --libc nothing.a "${GOOD}"
expect 1 'has not been verified' --libc "${CORPUS}/libc.a.bin" \
  "${CORPUS}/open_glibc.elf"
expect 1 'refers to __heap_secret' \
  --libc "${CORPUS}/libc.a.bin" "${CORPUS}/open_glibc.elf"
# A map that shows libc's heap contradicts a symbol table that does not.
for map in bfd lld mold; do
  expect 1 'malloc\.o' --map "${CORPUS}/${map}.map" "${GOOD}"
done
expect 1 'asked for by main\.o' --map "${CORPUS}/bfd.map" \
  "${CORPUS}/open_glibc.elf"

refuses 'no file was given'
refuses 'not an option' --frobnicate "${GOOD}"
refuses 'more than one file' "${GOOD}" "${GOOD}"
refuses 'not a variant' --variant=fast "${GOOD}"
refuses 'value is missing' "${GOOD}" --map
for option in --map --libc --variant; do
  refuses "${option} has an empty value" "${option}=" "${GOOD}"
  refuses "${option} has an empty value" "${GOOD}" "${option}" ""
done
expect 0 'usage: hakmem-check' --help
expect 1 'not hardened' --variant hardened "${GOOD}"
"${CHECK}" "${GOOD}" > /dev/full 2> said && code=0 || code=$?
[[ "${code}" -eq 2 ]] || { echo "FAILED: /dev/full: ${code}"; failed=1; }

# Names from outside stay inside of their quotes.
cp "${GOOD}" $'a "name"\n\\ \x1b[31m\xff'
expect 0 '\\x1b' $'a "name"\n\\ \x1b[31m\xff'
if command -v python3 > /dev/null; then
  "${CHECK}" --json $'a "name"\n\\ \x1b[31m\xff' |
    python3 -c 'import json, sys; assert json.load(sys.stdin)["exit"] == 0' ||
    { echo "FAILED: the JSON does not parse"; failed=$((failed + 1)); }
fi

echo "${passed} passed, ${failed} failed"
[[ "${failed}" -eq 0 ]]
