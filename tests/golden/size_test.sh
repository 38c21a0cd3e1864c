#!/bin/bash
# How large the allocator is in a program, exactly: text and data, which is all
# that is loaded from the file.
#
#   size_test.sh WITH WITHOUT WHOLE.o KEPT.o LIBC
#
# WITH and WITHOUT are hello world linked with hakmem and with libc's own
# malloc; KEPT.o is what of WHOLE.o stays in WITH.
set -u

readonly WITH="$1" WITHOUT="$2" WHOLE="$3" KEPT="$4" LIBC="$5"
# What it is today, rounded up, so that it does not grow unseen; the aim is 24
# and 16 KiB. aarch64 needs a little more than x86-64.
readonly MOST_WHOLE=$((49 * 1024 + 512))
readonly MOST_KEPT=$((39 * 1024 + 512))

failures=0

# Bytes of all sections that are loaded from the file. readelf reads every
# architecture; `size` may not.
loaded() {
  readelf -SW "$1" | sed -n 's/^ *\[ *[0-9]*\] *//p' | awk '
    function hex(text,    i, value) {
      value = 0
      for (i = 1; i <= length(text); ++i) {
        value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
      }
      return value
    }
    # Name Type Address Off Size ES Flg ...; a section without flags has a
    # number in their place.
    $2 != "NOBITS" && $7 ~ /A/ { sum += hex($5) }
    END { print sum + 0 }'
}

# expect_most WHAT BYTES MOST
expect_most() {
  echo "$1: $2 bytes (at most $3)"
  if [[ "$2" -gt "$3" || "$2" -le 0 ]]; then
    echo "FAILED: $1: $2 bytes, at most $3" >&2
    failures=$((failures + 1))
  fi
}

with="$(loaded "${WITH}")"
without="$(loaded "${WITHOUT}")"
echo "hello world: ${with} bytes with hakmem, ${without} with ${LIBC}'s malloc"
expect_most "the whole object" "$(loaded "${WHOLE}")" "${MOST_WHOLE}"
expect_most "what stays in hello world" "$(loaded "${KEPT}")" "${MOST_KEPT}"
if [[ "${LIBC}" == glibc ]]; then
  # hakmem takes less room than the heap that the closed link leaves out.
  expect_most "hello world on glibc" "${with}" "$((without - 1))"
fi
[[ "${failures}" -eq 0 ]] || exit 1
echo "PASSED"
