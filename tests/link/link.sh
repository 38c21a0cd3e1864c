# shellcheck shell=bash disable=SC2034,SC2154  # sourced
# Sourced by the tests here: the unpacked //:dist of the target, its compilers,
# and how to link, check and run with them. Sets
#   H         the unpacked dist        W         a scratch folder
#   cpu libc variant  of the dist; other, a variant that it is not
#   LIBC_A    the target's libc.a
#   cc[]      GCC for it               clang[]   Clang for it, or empty
#   CHECK     hakmem-check, of the build machine
# Outside of Bazel these tests run from the top of the tree, with the tarball in
# $HAKMEM_TARBALL and the tool in $HAKMEM_CHECK.

readonly HERE="${PWD}/tests/link"
CHECK="${HAKMEM_CHECK:-${PWD}/toolchains/check/tool/hakmem-check}"
tarball="$(realpath "${HAKMEM_TARBALL:-$(ls "${PWD}"/hakmem-*.tar.gz)}")"
W="$(mktemp -d "${TEST_TMPDIR:-/tmp}/link.XXXXXX")"
trap '[[ -n "${HAKMEM_KEEP:-}" ]] || rm -rf "${W}"' EXIT
tar -C "${W}" -xzf "${tarball}"
H="$(echo "${W}"/hakmem-*)"
target="${H##*/}"
libc="${target##*-}"
cpu="${target%-*}"
cpu="${cpu##*-}"
variant="$(nm "${H}/lib/hakmem.o" | sed -n 's/.* hakmem_marker_//p')"
other=hardened
[[ "${variant}" != hardened ]] || other=release
readonly triplet="${cpu}-linux-gnu"
readonly musl="${cpu}-linux-musl"
readonly RUN="${HAKMEM_RUNNER:-}"

# What `check` says to the tool before its other arguments.
asked=()

passed=0
failed=0
skipped=0

ok() { passed=$((passed + 1)); }
skip() {
  skipped=$((skipped + 1))
  echo "skipped: $*"
}
bad() {
  failed=$((failed + 1))
  echo "FAILED: $*" >&2
}
finish() {
  echo "${target}: ${passed} passed, ${failed} failed, ${skipped} skipped"
  [[ "${failed}" -eq 0 && "${passed}" -gt 0 ]]
}

have() { command -v "$1" > /dev/null; }

cc=("${triplet}-gcc-12")
clang=()
for name in clang-14 clang; do
  if [[ ${#clang[@]} -eq 0 ]] && have "${name}"; then
    clang=("${name}" "--target=${triplet}")
  fi
done
if [[ "${libc}" == musl ]]; then
  # What musl-gcc does, which Debian has for one architecture only.
  where=("-B/usr/lib/${musl}" "-L/usr/lib/${musl}")
  cc+=(-nostdinc -isystem "/usr/include/${musl}"
    -isystem "$("${cc[0]}" -print-file-name=include)" "${where[@]}")
  if [[ ${#clang[@]} -ne 0 ]]; then
    clang+=(-nostdinc -isystem "/usr/include/${musl}"
      -isystem "$("${clang[0]}" -print-resource-dir)/include" "${where[@]}")
  fi
  LIBC_A="/usr/lib/${musl}/libc.a"
else
  LIBC_A="$("${cc[@]}" -print-file-name=libc.a)"
fi
LIBC_A="$(realpath "${LIBC_A}")"
# -fuse-ld=lld wants an ld.lld, which Debian's lld-14 does not have, and a cross
# GCC looks for it only under its own prefix.
mkdir "${W}/bin"
for name in ld.lld ld.lld-14 ld.mold; do
  if have "${name}"; then
    ln -sf "$(command -v "${name}")" "${W}/bin/${name%-14}"
  fi
done
PATH="${W}/bin:${PATH}"
cc+=("-B${W}/bin")
readonly OBJCOPY="${triplet}-objcopy"
readonly AR="${triplet}-ar"
readonly LD="${triplet}-ld"
readonly WRAP="@${H}/share/hakmem/wrap.opts"

# The names that wrap.opts takes over.
wrapped() { sed -n 's/^-Wl,--wrap=//p' "${H}/share/hakmem/wrap.opts"; }

# wrap.opts without the names given: wrap_without FILE NAME...
wrap_without() {
  local out="$1" name
  shift
  cp "${H}/share/hakmem/wrap.opts" "${out}"
  for name in "$@"; do
    sed -i "/^-Wl,--wrap=${name}\$/d" "${out}"
  done
}

compile() { "${cc[@]}" -O1 -fno-builtin -w -c "$@"; }

# A vendor's allocator to be put behind --wrap: vendor_pool OUT.
readonly POOL_NAMES=(malloc free calloc realloc)
readonly POOL_WRAP=("${POOL_NAMES[@]/#/-Wl,--wrap=}")
vendor_pool() {
  local out="$1" name
  local -a options=()
  for name in "${POOL_NAMES[@]}"; do
    options+=("--redefine-sym=${name}=__wrap_${name}")
  done
  compile "${HERE}/vendor_heap.c" -o "${out}"
  "${OBJCOPY}" "${options[@]}" "${out}"
}

# linked COMMAND...: a link that must not fail.
linked() {
  rm -f "${W}/open"
  "$@" > "${W}/linked" 2>&1 && return
  bad "${what}: does not link: $(tail -3 "${W}/linked")"
  return 1
}

# check EXIT PATTERN ARGUMENT...: the tool's exit code and its words.
check() {
  local wanted="$1" pattern="$2" code=0
  shift 2
  "${CHECK}" ${asked[@]+"${asked[@]}"} "$@" > "${W}/said" 2>&1 || code=$?
  if [[ "${code}" -ne "${wanted}" ]]; then
    bad "${what}: exit ${code}, not ${wanted}: $(cat "${W}/said")"
  elif ! grep -qE -- "${pattern}" "${W}/said"; then
    bad "${what}: does not say '${pattern}': $(cat "${W}/said")"
  else
    ok
  fi
}

# expect_open NAME LINKER_ARGUMENT...: the link fails or the check does, and
# either one names NAME. Which one it is depends on linker and hakmem.o.
expect_open() {
  local name="$1"
  shift
  rm -f "${W}/open"
  if "${cc[@]}" -static -o "${W}/open" "$@" > "${W}/linked" 2>&1; then
    check 1 "(^|[^_a-z])${name}([^_a-z]|\$)" "${W}/open"
  elif grep -qE "(^|[^_a-z]|__real_)${name}([^_a-z]|\$)" "${W}/linked"; then
    ok
  else
    bad "${what}: the link fails without a word about ${name}:" \
      "$(tail -5 "${W}/linked")"
  fi
}
