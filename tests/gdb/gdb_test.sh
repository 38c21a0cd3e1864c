#!/bin/bash
# hakmem.py in gdb, on a live process and on its core: the numbers are those of
# hak_stats, an address is what the program says it is, and a program without
# hakmem, without symbols or without a process gets a sentence.
#
#   gdb_test.sh PROGRAM [DAEMON]     PROGRAM is hold_heap.c
set -u

readonly PROGRAM="${PWD}/$1" DAEMON="${2:+${PWD}/$2}"
readonly SCRIPT="${PWD}/toolchains/gdb/hakmem.py" ROOT="${PWD}"
readonly IMAGE="${PWD}/tests/view/image.py"
if ! command -v gdb > /dev/null; then
  echo "SKIPPED: there is no gdb here; Debian's package is gdb."
  exit 0
fi
W="$(mktemp -d "${TEST_TMPDIR:-/tmp}/gdb.XXXXXX")"
pids=()
leave() {
  local pid
  for pid in ${pids[@]+"${pids[@]}"}; do
    kill -9 "${pid}"
    wait "${pid}"
  done 2> /dev/null
  rm -rf "${W}"
}
trap leave EXIT
cd "${W}" || exit 1
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# in_gdb OPTION...: gdb with the script loaded.
in_gdb() {
  timeout 60 gdb -nx -batch -iex 'set debuginfod enabled off' \
    -iex 'set auto-load off' -ex "source ${SCRIPT}" "$@" 2>&1
}

# at NAME: the address that the program printed.
at() { sed -n "s/^$1 //p" said; }

# expect PATTERN FILE
expect() {
  tr '\n' ' ' < "$2" | grep -qE -- "$1" ||
    fail "'$1' expected: $(head -50 "$2")"
}

blocks=()
looks() {
  blocks=(-ex 'hakmem stats' -ex 'echo BLOCKS\n')
  local what
  for what in "$(at small)" "$(at small)+9" "$(at freed)" "$(at large)+5000" \
    "$(at huge)+1" "$(at global)" 0 -1 "\$sp"; do
    blocks+=(-ex "hakmem block ${what}")
  done
  blocks+=(-ex 'hakmem heap')
}

check_looks() {
  sed '/^BLOCKS/,$d' "$1" | sed -n '/^hakmem /,$p' > numbers
  python3 "${IMAGE}" some numbers stats.json || fail "$1: the numbers differ"
  local small large
  small="$(at small)"
  large="$(at large)"
  expect "${small}: the start of a live block of stride 112 " "$1"
  expect "in a live block of stride 112 \(class 6\) +starts at ${small}, \
offset 9, header byte 0xa6 +slab 0x[0-9a-f]+0000, heap [0-9]" "$1"
  expect "$(at freed): the start of a cached block of stride 2064" "$1"
  expect "in a live Large block +starts at ${large}, offset 5000, 10[0-9]+ " \
    "$1"
  expect "in a live Huge block +starts at $(at huge), offset 1, " "$1"
  expect "$(at global): not in the heap" "$1"
  expect "0x0: not in the heap 0xffffffffffffffff: not in the heap" "$1"
  expect "window at 0x[0-9a-f]+;.* of no heap: [0-9]+ slabs.* heap 1: " "$1"
  expect "spans in use: 1, 10.* Huge $(at huge), 5242" "$1"
}

"${PROGRAM}" stats.json > said &
pids+=($!)
for _ in {1..100}; do
  grep -qx ready said && break
  sleep 0.1
done
looks
if ! in_gdb -p "${pids[0]}" -ex 'generate-core-file core' \
  "${blocks[@]}" > live || ! [[ -s core ]]; then
  if grep -qE 'ptrace: Operation not permitted' live; then
    echo "SKIPPED: gdb may not look at processes here: $(tail -1 live)"
    exit 0
  fi
  fail "gdb: $(cat live)"
fi
check_looks live
in_gdb "${PROGRAM}" core "${blocks[@]}" > dead
check_looks dead
# And it would notice.
sed 's/^\(class 112: .*live \)/\11/' numbers > wrong
python3 "${IMAGE}" some wrong stats.json 2> /dev/null &&
  fail "a wrong number of blocks was not noticed"

in_gdb /bin/true -ex 'hakmem stats' > out
expect 'hakmem: /.* has no symbol hakmem_window: it is stripped, or not ' out
objcopy --strip-all "${PROGRAM}" stripped
in_gdb stripped core -ex 'hakmem heap' > out
expect 'hakmem: /.*stripped has no symbol hakmem_window' out
in_gdb "${PROGRAM}" -ex 'hakmem block 0' > out
expect 'hakmem: there is no process and no core file' out
in_gdb -ex 'hakmem heap' > out
expect 'hakmem: gdb has no program' out
in_gdb "${PROGRAM}" core -ex 'hakmem frobnicate' > out
expect 'hakmem: say hakmem stats, hakmem heap, or hakmem block' out
in_gdb "${PROGRAM}" core -ex 'hakmem block nothing.here' > out
expect 'No symbol' out
grep -l 'Traceback' live dead out && fail "a traceback"

# The daemon's core, after some work.
if [[ -n "${DAEMON}" ]]; then
  (cd "${ROOT}" && exec "${DAEMON}" --rules=tests/daemon/rules.lua) > daemon &
  pids+=($!)
  for _ in {1..100}; do
    port="$(sed -n 's/^listening on 127\.0\.0\.1://p' daemon)"
    [[ -n "${port}" ]] && break
    sleep 0.1
  done
  "${ROOT}/tests/daemon/host/load_generator" --target="127.0.0.1:${port}" \
    --records="${ROOT}/tests/daemon/records.jsonl" --seconds=100 \
    --connections=2 --requests=300 > load || fail "the replay: $(cat load)"
  exec 3<> "/dev/tcp/127.0.0.1/${port}"
  printf 'GET /gauges?format=json HTTP/1.0\r\n\r\n' >&3
  sed '1,/^\r$/d' <&3 > gauges.json
  in_gdb -p "${pids[1]}" -ex 'generate-core-file daemon.core' > out
  in_gdb "${DAEMON}" daemon.core -ex 'hakmem stats' > numbers
  python3 "${IMAGE}" near numbers gauges.json || fail "the daemon's numbers"
  in_gdb "${DAEMON}" daemon.core -ex 'hakmem heap' > out
  expect 'heap 1: [0-9]+ slabs, [0-9]+ bytes live' out
fi

[[ "${failures}" -eq 0 ]] || exit 1
echo "PASSED"
