#!/bin/bash
# hak_dump and hakmem-view: the numbers are those of hak_stats, the page is
# whole, and what is no heap image is refused with a sentence and exit code 2.
#
#   view_test.sh PROGRAM       PROGRAM is make_heap.c, linked with a variant
set -u

readonly PROGRAM="${PWD}/$1" VIEW="${PWD}/toolchains/view/tool/hakmem-view"
readonly IMAGE="${PWD}/tests/view/image.py"
W="$(mktemp -d "${TEST_TMPDIR:-/tmp}/view.XXXXXX")"
trap 'rm -rf "${W}"' EXIT
cd "${W}" || exit 1
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# refuses PATTERN ARGUMENT...: exit 2, a sentence, and page.html as it was.
refuses() {
  local pattern="$1" code=0
  shift
  echo 'what was there' > page.html
  timeout 20 "${VIEW}" "$@" > said 2>&1 || code=$?
  [[ "${code}" -eq 2 ]] && grep -q -- "^hakmem-view: .*${pattern}.*\.$" said ||
    fail "$*: exit ${code}, '${pattern}' expected: $(cat said)"
  [[ "$(cat page.html)" == 'what was there' ]] || fail "$*: page.html is gone"
  [[ -z "$(compgen -G 'page.html.*')" ]] || fail "$*: left a temporary behind"
}

# The words of HAKMEM_RUNNER are words.
# shellcheck disable=SC2086
${HAKMEM_RUNNER:-} "${PROGRAM}" one.dump stats.json two.dump busy.dump ||
  { fail "make_heap: exit $?"; exit 1; }

"${VIEW}" one.dump > one.txt || fail "no text"
python3 "${IMAGE}" compare one.txt stats.json || fail "the numbers differ"
# And it would notice: one block more, one byte more.
sed 's/^\(class 64: .*live \)/\19/' one.txt > wrong.txt
python3 "${IMAGE}" compare wrong.txt stats.json 2> said &&
  fail "a wrong number of blocks was not noticed"
sed 's/^mapped /mapped 1/' one.txt > wrong.txt
python3 "${IMAGE}" compare wrong.txt stats.json 2> said &&
  fail "a wrong gauge was not noticed"

"${VIEW}" busy.dump > busy.txt || fail "no text of a busy heap"
"${VIEW}" one.dump -o one.html || fail "no page"
"${VIEW}" one.dump two.dump -o diff.html || fail "no page of two images"
for page in one.html diff.html; do
  [[ "$(tail -1 "${page}")" == '</html>' ]] || fail "${page} is not whole"
  grep -qE '(src|href)="?(https?:)?//|@import|url\(' "${page}" &&
    fail "${page} refers to something outside"
done
[[ "$(stat -c %a one.html)" == "$(printf '%o' $((0666 & ~$(umask))))" ]] ||
  fail "one.html has mode $(stat -c %a one.html)"

size="$(stat -c %s one.dump)"
for cut in 0 1 8 63 64 70 71 200 $((size / 2)) $((size - 1)); do
  head -c "${cut}" one.dump > cut.dump
  if [[ "${cut}" -lt 8 ]]; then
    refuses 'not a heap image' cut.dump -o page.html
  else
    refuses 'truncated' cut.dump -o page.html
  fi
done
refuses 'not a heap image' /etc/passwd -o page.html
refuses 'not a heap image' "${VIEW}" -o page.html
refuses 'not a regular file' . -o page.html
refuses 'not a regular file' /dev/zero -o page.html
refuses 'cannot be opened' nowhere.dump -o page.html
truncate -s 1G huge.dump
refuses 'too large' huge.dump -o page.html
cp one.dump other.dump
printf '\x01' | dd of=other.dump bs=1 seek=8 conv=notrunc status=none
refuses 'is of version 1; this hakmem-view reads version 2' other.dump \
  -o page.html
cp one.dump damaged.dump
printf '\x55\xaa' | dd of=damaged.dump bs=1 seek=500 conv=notrunc status=none
refuses 'its checksum is wrong' damaged.dump -o page.html
(cat one.dump; echo) > longer.dump
refuses 'something behind its end' longer.dump -o page.html
refuses 'no heap image was given'
refuses 'not an option' --frobnicate one.dump
refuses 'value is missing' one.dump -o
refuses 'more than two' one.dump one.dump one.dump -o page.html
refuses '-o is missing' one.dump two.dump
refuses 'cannot be written: No such file' one.dump -o nowhere/page.html
refuses 'not a regular file' one.dump -o .
if [[ "${EUID}" -ne 0 ]]; then
  mkdir locked && chmod 500 locked
  refuses 'cannot be written: Permission denied' one.dump -o locked/page.html
fi
# No room: the file that is there stays.
(
  failures=0
  ulimit -f 8
  trap '' XFSZ
  refuses 'cannot be written: File too large' one.dump -o page.html
  exit "${failures}"
) || fail "a full disk"
"${VIEW}" one.dump > /dev/full 2> said && fail "/dev/full took the text"
"${VIEW}" --help | grep -q '^usage: hakmem-view' || fail "--help"

# Damage that the checksum does not show: right or refused, never a crash.
python3 "${IMAGE}" mangle one.dump "${VIEW}" || fail "damaged images"

[[ "${failures}" -eq 0 ]] || exit 1
echo "PASSED"
