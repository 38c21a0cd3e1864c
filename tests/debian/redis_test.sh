#!/bin/bash
# Redis answers its own benchmark, writes its data by a forked child, and has
# them again after a restart.
#
#   redis_test.sh REQUESTS     of each kind of command
set -u
readonly BUILT="${PWD}/tests/debian/redis"
# shellcheck source=tests/debian/use.sh
source "${PWD}/tests/debian/use.sh"

readonly REQUESTS="$1"
readonly COMMANDS=PING_INLINE,PING_MBULK,SET,GET,INCR,LPUSH,RPUSH,LPOP,RPOP
readonly MORE=SADD,HSET,SPOP,ZADD,ZPOPMIN,LRANGE_100,MSET

serve() {
  # shellcheck disable=SC2086  # the runner is a command and its options
  exec ${RUN} "${BUILT}/${malloc}/redis-server" --port "${port}" \
    --bind 127.0.0.1 --save '' --dir "${W}" --databases 1
}

# The client that is linked with hakmem, whatever the server is.
cli() {
  # shellcheck disable=SC2086
  ${RUN} "${BUILT}/hakmem/redis-cli" -h 127.0.0.1 -p "${port}" "$@" |
    tr -d '\r'
}

info() { cli info "$1" | sed -n "s/^$2://p"; }

benchmark() {
  local lines
  # shellcheck disable=SC2086
  timeout 600 ${RUN} "${BUILT}/hakmem/redis-benchmark" -h 127.0.0.1 \
    -p "${port}" -n "${REQUESTS}" -r 20000 -c 20 -P 8 -d 100 --csv \
    -t "${COMMANDS},${MORE}" > "${W}/csv" || fail "redis-benchmark: $?"
  # One line a kind, with the requests per second; LRANGE has one to fill its
  # list.
  lines="$(grep -cE '^"[^"]+","[1-9][0-9.]*"' "${W}/csv")"
  [[ "${lines}" -eq 17 ]] || fail "${lines} results: $(cat "${W}/csv")"
  [[ "$(info stats total_commands_processed)" -ge $((REQUESTS * 17)) ]] ||
    fail "the server did not process all commands"
  ! cli info errorstats | grep -v '^#' || fail "the server saw errors"
}

# Every key is there again, from the file of a child.
survives() {
  local keys sum
  keys="$(cli dbsize)"
  [[ "${keys}" -gt 1000 ]] || fail "only ${keys} keys"
  sum="$(cli debug digest)"
  [[ "$(cli bgsave)" == *started* ]] || fail "bgsave"
  while [[ "$(info persistence rdb_bgsave_in_progress)" != 0 ]]; do
    sleep 0.1
  done
  [[ "$(info persistence rdb_last_bgsave_status)" == ok ]] || fail "the child"
  stop
  start
  # It listens before it has read the file.
  while [[ "$(cli ping)" == LOADING* ]]; do
    sleep 0.1
  done
  [[ "$(cli dbsize)" == "${keys}" ]] || fail "$(cli dbsize) keys, not ${keys}"
  [[ "$(cli debug digest)" == "${sum}" ]] || fail "other data after a restart"
}

proved redis-server redis-benchmark redis-cli
for malloc in libc hakmem; do
  start
  benchmark
  [[ "${malloc}" == libc ]] || cat "${W}/csv"
  script='local t = {}
    for i = 1, 20000 do t[i] = string.rep("x", i % 50) .. i end
    return #table.concat(t, ",")'
  length="$(cli eval "${script}" 0)"
  [[ "${length}" == 598893 ]] || fail "Lua: ${length}"
  before="$(peak_of "${pid}")"
  [[ "${malloc}" == libc ]] || survives
  stop
  peak[${malloc}]="${before}"
  rm -f "${W}/dump.rdb"
done
report redis-server
