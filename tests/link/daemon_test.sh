#!/bin/bash
# The daemon, made of other people's archives, through every linker and link
# mode, also compiled for link-time optimization: closed, and it answers a
# replay.
set -u
# shellcheck source=tests/link/link.sh
source "${PWD}/tests/link/link.sh"

readonly DAEMON="${PWD}/tests/daemon"
readonly ARCHIVES="${HERE}/telemetryd_archives"

answers() {
  local port="" i
  # Before the daemon starts: its port must not be the last one's.
  : > "${W}/out"
  ${RUN} "${W}/open" "--rules=${DAEMON}/rules.lua" > "${W}/out" 2> "${W}/said" &
  local pid=$!
  for ((i = 0; i < 200; i++)); do
    port="$(sed -n 's/^listening on 127\.0\.0\.1://p' "${W}/out")"
    [[ -z "${port}" ]] || break
    sleep 0.1
  done
  "${DAEMON}/host/load_generator" "--target=127.0.0.1:${port}" --seconds=60 \
    "--records=${DAEMON}/records.jsonl" --connections=4 --requests=100 \
    >> "${W}/said" 2>&1 || bad "${what}: the replay: $(cat "${W}/said")"
  kill -TERM "${pid}"
  wait "${pid}" || bad "${what}: exit $?: $(cat "${W}/said")"
}

# try LINKER MODE COMPILER_WORD...: with what is in program[].
try() {
  local linker="$1" mode="$2"
  shift 2
  linked "$@" "-${mode}" "-fuse-ld=${linker}" "${program[@]}" \
    -Wl,--start-group "${ARCHIVES}"/*.a -Wl,--end-group -lm -lpthread -ldl \
    "${H}/lib/hakmem.o" "${WRAP}" -o "${W}/open" || return
  check 0 closed --variant "${variant}" "${W}/open"
  answers
}

# matrix_test.sh says why not.
makes_pie() { [[ "$1" != gold ]]; }
reads_gcc() { [[ "$1" != lld ]]; }
reads_clang() {
  [[ ${#clang[@]} -ne 0 ]] &&
    [[ "$1" == lld || -e /usr/lib/llvm-14/lib/LLVMgold.so ]]
}

# sources GCC_OR_CLANG...: compiles the daemon's own files with -flto.
sources() {
  local file
  program=()
  for file in "${DAEMON}"/*.c; do
    linked "$@" -flto -O2 -w -D_GNU_SOURCE "-I${PWD}" "${includes[@]}" \
      -c "${file}" -o "${W}/${file##*/}.o"
    program+=("${W}/${file##*/}.o")
  done
}

includes=()
for folder in "${PWD}"/../{libevent,lua,sqlite3}/include/*/{,lua5.4/}; do
  [[ ! -d "${folder}" ]] || includes+=("-I${folder}")
done
linkers=()
for linker in bfd gold lld mold; do
  if have "ld.${linker}" || have "${triplet}-ld.${linker}"; then
    linkers+=("${linker}")
  else
    skip "${linker} is not installed"
  fi
done

program=('-Wl,--whole-archive' "${ARCHIVES}"/*.lo '-Wl,--no-whole-archive')
for linker in "${linkers[@]}"; do
  what="the daemon, ${linker}, static"
  try "${linker}" static "${cc[@]}"
  what="the daemon, ${linker}, static, --gc-sections"
  try "${linker}" static "${cc[@]}" -Wl,--gc-sections
  what="the daemon, ${linker}, static-pie"
  ! makes_pie "${linker}" || try "${linker}" static-pie "${cc[@]}"
done

what="the daemon's files, GCC's -flto"
sources "${cc[@]}"
for linker in "${linkers[@]}"; do
  reads_gcc "${linker}" || continue
  for mode in static static-pie; do
    what="the daemon, ${linker}, ${mode}, GCC's LTO"
    [[ "${mode}" == static ]] || makes_pie "${linker}" || continue
    try "${linker}" "${mode}" "${cc[@]}" -flto -O2
  done
done

what="the daemon's files, Clang's -flto"
[[ ${#clang[@]} -eq 0 ]] || sources "${clang[@]}"
for linker in "${linkers[@]}"; do
  if ! reads_clang "${linker}"; then
    skip "the daemon, ${linker}, Clang's LTO: Clang or its plugin is missing"
    continue
  fi
  for mode in static static-pie; do
    what="the daemon, ${linker}, ${mode}, Clang's LTO"
    [[ "${mode}" == static ]] || makes_pie "${linker}" || continue
    try "${linker}" "${mode}" "${clang[@]}" -flto -O2 "-B${W}/bin"
  done
done
finish
