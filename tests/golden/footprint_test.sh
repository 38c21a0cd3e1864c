#!/bin/bash
# What hello world occupies in memory, with hakmem and with libc's own malloc.
#
#   footprint_test.sh WITH WITHOUT LIBC
set -u

readonly WITH="$1" WITHOUT="$2" LIBC="$3"
readonly THREADS=32
readonly MOST_ADDRESS_SPACE=4096  # KiB over libc's
readonly MOST_THREAD=8            # KiB for a thread that uses one class

case "${LIBC}" in
  # KiB over libc's. What it is today; the aim is 0 on glibc.
  glibc) most_private=40 ;;
  musl) most_private=12 ;;
  *) echo "FAILED: which libc is '${LIBC}'?" >&2; exit 1 ;;
esac

failures=0

# measure PROGRAM KEY [ARGUMENTS...]: the median of five runs, because where
# the stack begins decides whether it touches a page more.
measure() {
  local program="$1" key="$2"
  shift 2
  for _ in 1 2 3 4 5; do
    "${program}" "$@" | sed -n "s/^${key} //p"
  done | sort -n | sed -n 3p
}

# expect_most WHAT KIB MOST
expect_most() {
  echo "$1: $2 KiB (at most $3)"
  if [[ "$2" -gt "$3" ]]; then
    echo "FAILED: $1: $2 KiB, at most $3" >&2
    failures=$((failures + 1))
  fi
}

# compare KEY: how much more it is with hakmem.
compare() {
  local with without
  with="$(measure "${WITH}" "$1")"
  without="$(measure "${WITHOUT}" "$1")"
  [[ "${with}" -gt 0 && "${without}" -gt 0 ]] ||
    { echo "FAILED: hello world does not tell its $1" >&2; exit 1; }
  echo "$1: ${with} with hakmem, ${without} with ${LIBC}'s malloc" >&2
  echo $((with - without))
}

private="$(compare private_kib)" || exit 1
space="$(compare address_space_kib)" || exit 1
expect_most "private memory over libc's" "${private}" "${most_private}"
expect_most "address space over libc's" "${space}" "${MOST_ADDRESS_SPACE}"

idle="$(measure "${WITH}" private_kib threads "${THREADS}" 0)"
busy="$(measure "${WITH}" private_kib threads "${THREADS}" 1)"
expect_most "a thread that allocates from one class (average of ${THREADS})" \
  $(((busy - idle + THREADS - 1) / THREADS)) "${MOST_THREAD}"
[[ "${failures}" -eq 0 ]] || exit 1
echo "PASSED"
