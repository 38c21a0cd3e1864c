#!/bin/bash
# The daemon under a short replay: right answers, clean start and stop, bad
# command lines, a seeded fault that the replay must notice, and the closed
# link.
#
#   daemon_test.sh DAEMON ALLOCATOR REQUESTS [dynamic]
#
# ALLOCATOR is what the gauges must say: release, hardened, checked or libc.
# dynamic: the daemon is not linked statically (some sanitizers cannot).
set -u

daemon="$1"
allocator="$2"
requests="$3"
linked="${4:-static}"
here="tests/daemon"
load="${here}/host/load_generator"
check="toolchains/check/tool/hakmem-check"
scratch="${TEST_TMPDIR:-$(mktemp -d)}"
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# Starts the daemon; sets ${pid} and ${port}.
start() {
  : >"${scratch}/out"
  # HAKMEM_RUNNER is a command and its options: it must be split.
  # shellcheck disable=SC2086
  ${HAKMEM_RUNNER:-} "${daemon}" "$@" >"${scratch}/out" 2>"${scratch}/err" &
  pid=$!
  port=""
  local i
  for ((i = 0; i < 300; i++)); do
    port="$(sed -n 's/^listening on 127\.0\.0\.1://p' "${scratch}/out")"
    [[ -n "${port}" ]] && return
    sleep 0.1
  done
  fail "the daemon did not start: $(cat "${scratch}/err")"
}

# Stops the daemon: it must end by itself, with code 0.
stop() {
  kill -TERM "${pid}"
  wait "${pid}"
  local code=$?
  [[ ${code} -eq 0 ]] || fail "the daemon ended with ${code}"
}

stop_silent() {
  stop
  [[ ! -s "${scratch}/err" ]] || fail "it said: $(cat "${scratch}/err")"
}

replay() {
  "${load}" --target="127.0.0.1:${port}" --records="${here}/records.jsonl" \
    --seconds=100 --connections=4 "$@"
}

# The body of GET $1.
get() {
  exec 3<>"/dev/tcp/127.0.0.1/${port}" || return
  printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
  sed '1,/^\r$/d' <&3
  exec 3>&-
}

# Sends the file $1 as one request; prints the code of the answer.
post() {
  exec 3<>"/dev/tcp/127.0.0.1/${port}" || return
  printf 'POST /ingest?source=a HTTP/1.0\r\nContent-Length: %d\r\n\r\n' \
    "$(wc -c <"$1")" >&3
  cat "$1" >&3
  head -n 1 <&3 | cut -d ' ' -f 2
  exec 3>&-
}

# refused SENTENCE COMMAND...: code 2, and a line on stderr with SENTENCE.
refused() {
  local sentence="$1"
  shift
  "$@" >/dev/null 2>"${scratch}/refused"
  local code=$?
  [[ ${code} -eq 2 ]] || fail "code ${code}, not 2: $*"
  grep -qF -- "${sentence}" "${scratch}/refused" ||
    fail "no '${sentence}' from: $* but $(cat "${scratch}/refused")"
}

test_replay() {
  start --rules="${here}/rules.lua" --workers=3
  replay --requests="${requests}" || fail "the replay"
  get /gauges | grep -qx "allocator ${allocator}" ||
    fail "the gauges do not say allocator ${allocator}"
  get '/gauges?format=json' | grep -q '^{"requests":.*}$' ||
    fail "the gauges are no JSON"
  [[ "$(get '/gauges?format=xml')" == '{"error":"format is text or json"}' ]] ||
    fail "a format that there is not: $(get '/gauges?format=xml')"
  test_same_gauges
  stop_silent
}

# The two forms of a daemon that is idle say the same, line by line.
test_same_gauges() {
  [[ "${allocator}" != libc ]] || return 0
  local text json key value
  text="$(get '/gauges?format=text')"
  json="$(get '/gauges?format=json')"
  for key in large_blocks huge_blocks huge_bytes heaps metadata peak_mapped; do
    value="$(sed -n "s/^${key} //p" <<<"${text}")"
    [[ -n "${value}" && "${json}" == *"\"${key}\":${value},"* ]] ||
      fail "${key} is '${value}' in text, not in JSON: ${json}"
  done
  value="$(grep -c '^heap [0-9]*: idle 0, slabs ' <<<"${text}")"
  # The workers' and the main thread's.
  [[ "${value}" -ge 4 ]] || fail "gauges of ${value} heaps only: ${text}"
  if [[ "${allocator}" == checked ]]; then
    grep -q '^lock heap: locks [1-9]' <<<"${text}" || fail "no locks: ${text}"
  else
    ! grep -q '^lock ' <<<"${text}" || fail "locks in ${allocator}: ${text}"
  fi
}

test_database_file() {
  start --rules="${here}/rules.lua" --db="${scratch}/telemetry.db"
  replay --requests=40 || fail "the replay into a file"
  stop_silent
  [[ -s "${scratch}/telemetry.db" ]] || fail "nothing was stored in the file"
}

# psi a little off: the replay must see it, or it would not see anything.
test_seeded_fault() {
  sed 's/6894\.757/6894.767/' "${here}/rules.lua" >"${scratch}/rules.lua"
  cp "${here}/json.lua" "${scratch}/"
  start --rules="${scratch}/rules.lua"
  replay --requests=300 2>"${scratch}/load"
  [[ $? -eq 1 ]] || fail "the replay did not notice a wrong rule"
  grep -q "differs from what was sent" "${scratch}/load" ||
    fail "the replay found another fault: $(cat "${scratch}/load")"
  stop_silent
}

# Out of memory is an answer, not an end: malloc says NULL, Lua, SQLite and
# libevent pass it on, and the daemon lives through all requests that follow.
# libevent closes a connection without a word when it is its own memory that
# lacks. Not under qemu, whose own memory the limit would be.
test_memory_limit() {
  [[ "${allocator}" != libc && -z "${HAKMEM_RUNNER:-}" ]] || return 0
  head -n 40 "${here}/records.jsonl" >"${scratch}/batch"
  local before i code="" enough=0 refused=0 again="${1:-0}"
  before="$(ulimit -S -v)"
  ulimit -S -v 65536
  start --rules="${here}/rules.lua"
  ulimit -S -v "${before}"
  for ((i = 0; i < 600; i++)); do
    code="$(post "${scratch}/batch")"
    case "${code}" in
      200) [[ ${refused} -gt 0 ]] || enough=$((enough + 1)) ;;
      503) refused=$((refused + 1)) ;;
      "") ;;
      *) fail "64 MiB and ${i} requests: ${code}" ;;
    esac
    [[ ${refused} -lt 20 ]] || break
  done
  # libevent 2.1.12 faults itself where it gets no bufferevent for a connection:
  # it frees the connection before that has an event base. Then once more.
  local last
  last="$(tail -n 1 "${scratch}/err")"
  if [[ ${again} -lt 4 && "${last}" == *"bufferevent_socket_new failed"* ]] &&
    ! kill -0 "${pid}" 2>/dev/null; then
    wait "${pid}"
    test_memory_limit $((again + 1))
    return
  fi
  [[ ${refused} -eq 20 ]] || fail "64 MiB, ${i} requests: ${refused} refused"
  [[ ${enough} -ge 20 ]] || fail "64 MiB were used up by ${enough} requests"
  get /gauges | grep -q '^failures [1-9]' || fail "no gauges after that"
  stop
}

# The daemon with libc's malloc is what an open link looks like.
test_closed_link() {
  local expected=0 variant="${allocator}"
  [[ "${allocator}" == libc ]] && expected=1 variant=release
  [[ "${linked}" == dynamic ]] && expected=2
  "${check}" --variant="${variant}" "${daemon}" >"${scratch}/closed"
  local code=$?
  [[ ${code} -eq ${expected} ]] || {
    cat "${scratch}/closed" >&2
    fail "hakmem-check says ${code}, not ${expected}"
  }
}

test_bad_input() {
  # shellcheck disable=SC2206
  local run=(${HAKMEM_RUNNER:-} "${daemon}")
  refused "There is no option '--bogus'" "${run[@]}" --bogus
  refused "--rules=FILE is missing" "${run[@]}"
  refused "--port wants a number" "${run[@]}" --rules=x --port=70000
  refused "cannot start: cannot open" "${run[@]}" --rules=/nowhere/rules.lua
  refused "cannot start: /nowhere/x.db" "${run[@]}" \
    --rules="${here}/rules.lua" --db=/nowhere/x.db
  refused "127.0.0.1:PORT only" "${load}" --target=192.0.2.1:80
  refused "127.0.0.1:PORT only" "${load}" --target=localhost:80
  refused "There is no option" "${load}" --bogus
  refused "is no value for --requests" "${load}" --requests=many
  refused "Cannot read" "${load}" --target=127.0.0.1:9 --records=/nowhere
}

test_replay
test_database_file
test_seeded_fault
test_memory_limit
test_closed_link
test_bad_input
if [[ ${failures} -ne 0 ]]; then
  echo "${failures} failures." >&2
  exit 1
fi
echo "PASSED"
