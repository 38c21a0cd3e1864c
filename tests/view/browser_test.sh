#!/bin/bash
# The page of hakmem-view in a real browser: it is drawn to its end without an
# error on the console, its numbers are those of hak_stats, the mouse shows
# what is under it, light and dark, one image and two.
set -u

readonly VIEW="${PWD}/toolchains/view/tool/hakmem-view"
readonly IMAGE="${PWD}/tests/view/image.py"
readonly PROGRAM="${PWD}/tests/view/make_heap_release"
browser="$(command -v chromium || true)"
if [[ -z "${browser}" ]]; then
  echo "SKIPPED: there is no chromium here; Debian's package is chromium."
  exit 0
fi
W="$(mktemp -d "${TEST_TMPDIR:-/tmp}/browser.XXXXXX")"
trap 'rm -rf "${W}"' EXIT
cd "${W}" || exit 1
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# browse PAGE[#HASH] OPTION...: stdout of the browser to dom, what it says to
# said.
browse() {
  local page="$1"
  shift
  rm -rf profile
  HOME="${W}" timeout 100 "${browser}" --headless --no-sandbox --disable-gpu \
    --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-dev-shm-usage \
    --user-data-dir="${W}/profile" --enable-logging=stderr \
    --window-size=1240,1400 "$@" "file://${W}/${page}" > dom 2> said
}
quiet() { ! grep -q ':CONSOLE' said; }

# with SCRIPT PAGE: the page with a script at its end.
with() { sed "s|^</body>|<script>$1</script>&|" "$2"; }

# The words of HAKMEM_RUNNER are words.
# shellcheck disable=SC2086
${HAKMEM_RUNNER:-} "${PROGRAM}" one.dump stats.json two.dump busy.dump ||
  fail "make_heap: exit $?"
"${VIEW}" one.dump -o one.html || fail "no page"
"${VIEW}" one.dump two.dump -o diff.html || fail "no page of two images"

browse one.html --dump-dom || fail "the browser: exit $?: $(tail -5 said)"
quiet || fail "the console: $(grep CONSOLE said)"
python3 "${IMAGE}" page dom stats.json || fail "the numbers differ"

# What would be noticed: a wrong number, an error, a page that stops half-way.
sed 's/\(data-gauge="live" data-value="\)/\11/' dom > wrong
python3 "${IMAGE}" page wrong stats.json 2> /dev/null &&
  fail "a wrong number was not noticed"
with 'nothing.is.here()' one.html > broken.html
browse broken.html --dump-dom
quiet && fail "an error on the console was not noticed"

# In the dark, the mouse over the first slab of the second row.
point='const c = document.querySelector("canvas");'
point+='const b = c.getBoundingClientRect();'
point+='c.dispatchEvent(new MouseEvent("mousemove",'
point+='{clientX: b.left + 140, clientY: b.top + 40}));'
with "${point}" one.html > hover.html
browse 'hover.html#dark' --dump-dom
quiet || fail "the console, dark: $(grep CONSOLE said)"
grep -q '<html[^>]* class="dark"' dom || fail "#dark is not dark"
grep -A 3 'id="tip"' dom | tr '\n' ' ' |
  grep -qE 'slab 0x[0-9a-f]+ .*[0-9]+ live, [0-9]+ cached' ||
  fail "the mouse shows nothing: $(grep -A 3 'id="tip"' dom)"

# Two images: 5,000 blocks of 300 bytes and one of 3 MiB were added.
click='for (const b of [...document.querySelectorAll("#modes button")])'
click+='document.querySelector(`[data-mode="${b.dataset.mode}"]`).click();'
click+='document.querySelector("tr.pick").click();'
with "${click}" diff.html > clicked.html
browse 'clicked.html#light' --dump-dom
quiet || fail "the console, two images: $(grep CONSOLE said)"
grep -q '<html[^>]* class="dark"' dom && fail "#light is dark"
grep -qF 'data-grown="blocks of 336 B" data-difference="1680000"' dom ||
  fail "the leak is not seen: $(grep -o 'data-grown[^>]*' dom)"
grep -qF 'data-grown="spans up to 4.00 MiB" data-difference="3145728"' dom ||
  fail "the Large block is not seen: $(grep -o 'data-grown[^>]*' dom)"

[[ "${failures}" -eq 0 ]] || exit 1
echo "PASSED"
