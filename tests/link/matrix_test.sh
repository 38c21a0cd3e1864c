#!/bin/bash
# The forty-function program through every linker, link mode and way to build:
# it links, the check says closed, it runs. What cannot work is listed with the
# reason, and must still fail for it.
set -u
# shellcheck source=tests/link/link.sh
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

# What the linker itself says then. There is no program to check.
last_words() {
  case "$1" in
    gold) echo 'no-dynamic-linker: unknown option' ;;
    lld) echo 'undefined symbol: main' ;;
  esac
}

# Every linker but LLVM's own reads Clang's intermediate code by a plugin.
readonly PLUGIN="/usr/lib/llvm-14/lib/LLVMgold.so"

# Compiles and links forty.c as LINKER MODE BUILD say.
build() {
  local linker="$1" mode="$2" build="$3"
  local -a command=("${cc[@]}")
  case "${build}" in
    plain) ;;
    gc) command+=(-ffunction-sections -fdata-sections '-Wl,--gc-sections') ;;
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
    if [[ -n "${reason}" ]] &&
      grep -q -- "$(last_words "${linker}")" "${W}/linked"; then
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
  check 0 closed --variant "${variant}" --libc "${LIBC_A}" "${W}/forty"
  check 0 closed --variant "${variant}" --map "${W}/map" "${W}/forty"
  ${RUN} "${W}/forty" > "${W}/said" 2>&1 || bad "${what}: $(cat "${W}/said")"
}

clang_lto() {
  [[ ${#clang[@]} -ne 0 && ("$1" == lld || -e "${PLUGIN}") ]]
}

# operator new, aligned and not, through libstdc++'s and hakmem_new.o's.
cxx() {
  local linker="$1" object
  [[ "${libc}" == glibc ]] || return 0
  if [[ "${cpu} ${linker}" == "aarch64 gold" ]]; then
    # Also with libc's own malloc. It is no leak, so the check only warns.
    skip "gold, C++: on aarch64 its static programs abort at the first throw"
    what="gold, C++"
    linked "${triplet}-g++-12" -static -fuse-ld=gold -O2 "${HERE}/cxx.cc" \
      "${H}/lib/hakmem.o" "${WRAP}" -o "${W}/open" &&
      check 0 'abort at the first C\+\+ exception' "${W}/open"
    return
  fi
  for object in "" "${H}/lib/hakmem_new.o"; do
    what="${linker}, C++ ${object##*/}"
    linked "${triplet}-g++-12" "-B${W}/bin" -static "-fuse-ld=${linker}" -O2 \
      "${HERE}/cxx.cc" ${object:+"${object}"} "${H}/lib/hakmem.o" "${WRAP}" \
      -o "${W}/open" || continue
    check 0 closed --variant "${variant}" "${W}/open"
    ${RUN} "${W}/open" > "${W}/said" 2>&1 || bad "${what}: $(cat "${W}/said")"
  done
}

# A program that allocates without malloc: --gc-sections takes malloc itself
# away, and the proof must not go with it.
without_malloc() {
  local linker="$1" name
  for name in calloc realloc sync; do
    what="${linker}, only ${name}"
    linked "${cc[@]}" -static "-fuse-ld=${linker}" "-DNAME=${name}" -O2 -w \
      -ffunction-sections -Wl,--gc-sections "${HERE}/one_call.c" \
      "${H}/lib/hakmem.o" "${WRAP}" -o "${W}/open" &&
      check 0 closed --variant "${variant}" "${W}/open"
  done
}

for linker in bfd gold lld mold; do
  program="ld.${linker}"
  [[ "${linker}" != bfd && "${linker}" != gold ]] ||
    program="${triplet}-ld.${linker}"
  if ! have "${program}"; then
    skip "${linker}: ${program} is not installed"
    continue
  fi
  cxx "${linker}"
  without_malloc "${linker}"
  for mode in static static-pie; do
    for build in plain gc gcc-lto clang-lto; do
      if [[ "${build}" == clang-lto ]] && ! clang_lto "${linker}"; then
        skip "${linker}, ${mode}, clang-lto: Clang or its plugin is missing"
        continue
      fi
      try "${linker}" "${mode}" "${build}"
    done
  done
done
finish
