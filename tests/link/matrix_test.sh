#!/bin/bash
# The forty-function program through every linker, link mode and way to build:
# it links, the check says closed, it runs. What cannot work is listed with the
# reason, and must still fail for it.
set -u
source "${PWD}/tests/link/link.sh"

# The sentence, if LINKER MODE BUILD cannot work.
reason_against() {
  case "$1 $2 $3" in
    "gold static-pie "*)
      echo "gold has no --no-dynamic-linker, so it makes no static PIE" ;;
    "lld "*" gcc-lto")
      echo "ld.lld does not read GCC's intermediate code" ;;
  esac
}

# Compiles and links forty.c as LINKER MODE BUILD say.
build() {
  local linker="$1" mode="$2" build="$3"
  local -a command=("${cc[@]}")
  case "${build}" in
    plain) ;;
    gc) command+=(-ffunction-sections -fdata-sections -Wl,--gc-sections) ;;
    gcc-lto) command+=(-flto) ;;
    clang-lto) command=("${clang[@]}" -flto "-B${W}/bin") ;;
  esac
  "${command[@]}" "-${mode}" "-fuse-ld=${linker}" -O2 -w \
    "${HERE}/forty.c" "${H}/lib/hakmem.o" "${WRAP}" -o "${W}/forty" \
    "-Wl,-Map=${W}/map" > "${W}/linked" 2>&1
}

try() {
  local linker="$1" mode="$2" build="$3" reason
  what="${linker}, ${mode}, ${build}"
  reason="$(reason_against "${linker}" "${mode}" "${build}")"
  rm -f "${W}/forty"
  if ! build "${linker}" "${mode}" "${build}"; then
    if [[ -n "${reason}" ]]; then
      skip "${what}: ${reason}"
    else
      bad "${what}: $(grep -v 'tempnam' "${W}/linked" | tail -4)"
    fi
    return
  fi
  if [[ -n "${reason}" ]]; then
    bad "${what}: works, though '${reason}'"
    return
  fi
  check 0 closed --libc "${LIBC_A}" "${W}/forty"
  check 0 closed --map "${W}/map" "${W}/forty"
  ${RUN} "${W}/forty" > "${W}/said" 2>&1 || bad "${what}: $(cat "${W}/said")"
}

for linker in bfd gold lld mold; do
  program="ld.${linker}"
  [[ "${linker}" != bfd && "${linker}" != gold ]] ||
    program="${triplet}-ld.${linker}"
  if ! have "${program}"; then
    skip "${linker}: ${program} is not installed"
    continue
  fi
  for mode in static static-pie; do
    for build in plain gc gcc-lto clang-lto; do
      if [[ "${build}" == clang-lto && ${#clang[@]} -eq 0 ]]; then
        skip "${linker}, ${mode}, clang-lto: Clang is not installed"
        continue
      fi
      try "${linker}" "${mode}" "${build}"
    done
  done
done
finish
