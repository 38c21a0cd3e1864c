# shellcheck shell=bash disable=SC2034,SC2154  # sourced
# Sourced by the tests here, from the top of the tree. A test sets
#   BUILT          where hakmem/PROGRAM and libc/PROGRAM are
#   malloc         hakmem or libc
#   serve          starts the daemon of ${malloc} on ${port}, by exec
# and calls proved, start, stop and report. The first failure ends it.

readonly HERE="${PWD}/tests/debian"
readonly CHECK="${PWD}/toolchains/check/tool/hakmem-check"
readonly RUN="${HAKMEM_RUNNER:-}"
W="$(mktemp -d "${TEST_TMPDIR:-/tmp}/debian.XXXXXX")"
pid=""
of=""
declare -A peak=()

clean_up() {
  # shellcheck disable=SC2046  # one word each
  kill -KILL $(jobs -p) 2> /dev/null
  rm -rf "${W}"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "${W}"/server.* 2> /dev/null >&2
  exit 1
}

# proved PROGRAM...: hakmem-check says closed of the one, open of its twin.
proved() {
  local program variant code
  for program in "$@"; do
    variant="$(nm "${BUILT}/hakmem/${program}" |
      sed -n 's/.* hakmem_marker_//p')"
    "${CHECK}" --variant "${variant:-release}" "${BUILT}/hakmem/${program}" \
      > "${W}/said" 2>&1 || fail "${program}: $(cat "${W}/said")"
    echo "${program} is closed: $(sed -n 's/^  seen *//p' "${W}/said")"
    code=0
    "${CHECK}" "${BUILT}/libc/${program}" > "${W}/said" 2>&1 || code=$?
    [[ "${code}" -eq 1 ]] ||
      fail "${program} with libc's malloc: ${code}: $(cat "${W}/said")"
  done
}

# Whether somebody answers on ${port}.
answers() { (exec 3<> "/dev/tcp/127.0.0.1/${port}") 2> /dev/null; }

# Runs serve in the background on a free port; sets ${port} and ${pid}.
start() {
  local try i
  for try in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    answers && continue
    serve > "${W}/server.${port}" 2>&1 &
    pid=$!
    for ((i = 0; i < 300; i++)); do
      kill -0 "${pid}" 2> /dev/null || continue 2
      answers && return
      sleep 0.1
    done
    fail "nobody listens on port ${port}"
  done
  fail "the daemon does not start"
}

# The most memory that the process $1 had at a time, in KiB.
peak_of() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"; }

# Ends the daemon as init does; keeps its peak RSS.
stop() {
  local code=0
  [[ "$(readlink "/proc/${pid}/exe")" != *qemu* ]] || of=", qemu's included,"
  peak[${malloc}]="$(peak_of "${pid}")"
  kill -TERM "${pid}"
  wait "${pid}" || code=$?
  pid=""
  [[ "${code}" -eq 0 ]] || fail "it ended with ${code}"
  ! grep -h '^hakmem:' "${W}"/server.* || fail "hakmem has something to say"
}

report() {
  echo "$1: peak RSS${of} ${peak[hakmem]} KiB with hakmem," \
    "${peak[libc]} KiB with libc's malloc"
}
