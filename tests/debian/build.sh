#!/bin/bash
# build.sh RECIPE OUT DSC: builds Debian's source package DSC, patched as Debian
# patches it, and puts its programs into OUT/hakmem and, linked again without
# hakmem, into OUT/libc. The action of daemon.bzl; $HAKMEM_TARBALL is //:dist.
#
# RECIPE is sourced at the top of the unpacked tree and defines
#   PROGRAMS=(...)   what there is to link, as paths in that tree
#   prepare          configures, with ${CC} and ${LDFLAGS}
#   build            compiles what is missing, and links with ${LDFLAGS}
set -eu
# shellcheck source=tests/link/link.sh
source "${PWD}/tests/link/link.sh"

recipe="${PWD}/$1"
out="${PWD}/$2"
dsc="${PWD}/$3"
readonly log="${W}/log"
if [[ "${libc}" == musl ]]; then
  # Debian's musl-dev comes without the kernel's headers, and musl without BSD's
  # lists, which are nothing but macros.
  mkdir -p "${W}/include/sys"
  ln -s /usr/include/{linux,asm-generic,mtd} "/usr/include/${triplet}/asm" \
    "${W}/include"
  ln -s "/usr/include/${triplet}/sys/queue.h" "${W}/include/sys"
  cc+=(-idirafter "${W}/include")
fi
export CC="${cc[*]}"
export LDFLAGS="-static ${W}/lib/hakmem.o @${W}/lib/wrap.opts"
export JOBS=2

step() {
  "$@" >> "${log}" 2>&1 && return
  echo "$1 failed for ${dsc##*/}, ${target}; the end of its log:" >&2
  tail -n 40 "${log}" >&2
  exit 1
}

# Keeps what was linked, without debug information; the check needs symbols.
keep() {
  local program name
  mkdir -p "${out}/$1"
  for program in "${PROGRAMS[@]}"; do
    name="${program##*/}"
    "${OBJCOPY}" --strip-debug "${program}" "${out}/$1/${name%_unstripped}"
  done
}

step dpkg-source --no-check -x "${dsc}" "${W}/source"
mkdir "${W}/lib"
cp "${H}/lib/hakmem.o" "${H}/share/hakmem/wrap.opts" "${W}/lib"
cd "${W}/source"
# shellcheck source=/dev/null  # one of the recipes here
source "${recipe}"
step prepare
step build
keep hakmem
# Makefiles that remember their flags would compile everything again; so the
# flags stay and lose their meaning.
"${cc[@]}" -c -x c /dev/null -o "${W}/lib/hakmem.o"
: > "${W}/lib/wrap.opts"
rm -f "${PROGRAMS[@]}"
step build
keep libc
