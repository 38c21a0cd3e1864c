#!/bin/bash
# The daemon, made of other people's archives, through every linker and link
# mode: closed, and it answers a replay.
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

try() {
  local linker="$1" mode="$2"
  shift 2
  linked "${cc[@]}" "-${mode}" "-fuse-ld=${linker}" "$@" \
    -Wl,--whole-archive "${ARCHIVES}"/*.lo -Wl,--no-whole-archive \
    -Wl,--start-group "${ARCHIVES}"/*.a -Wl,--end-group -lm -lpthread -ldl \
    "${H}/lib/hakmem.o" "${WRAP}" -o "${W}/open" || return
  check 0 closed --variant "${variant}" "${W}/open"
  answers
}

for linker in bfd gold lld mold; do
  if ! have "ld.${linker}" && ! have "${triplet}-ld.${linker}"; then
    skip "${linker} is not installed"
    continue
  fi
  what="the daemon, ${linker}, static"
  try "${linker}" static
  what="the daemon, ${linker}, static, --gc-sections"
  try "${linker}" static -Wl,--gc-sections
  # matrix_test.sh says why not.
  [[ "${linker}" != gold ]] || continue
  what="the daemon, ${linker}, static-pie"
  try "${linker}" static-pie
done
finish
