#!/bin/bash
# The second mode: lib/hakmem_override.o defines malloc and the rest, and no
# linker flag is given. A leak is then an error of the link itself.
set -u
# shellcheck source=tests/link/link.sh
source "${PWD}/tests/link/link.sh"

readonly OVERRIDE="${H}/lib/hakmem_override.o"

everywhere() {
  local linker mode
  for linker in bfd gold lld mold; do
    for mode in static static-pie; do
      what="override, ${linker}, ${mode}"
      # matrix_test.sh says why not.
      [[ "${linker} ${mode}" != "gold static-pie" ]] || continue
      if ! have "ld.${linker}" && ! have "${triplet}-ld.${linker}"; then
        skip "${what}: not installed"
        continue
      fi
      linked "${cc[@]}" "-${mode}" "-fuse-ld=${linker}" -O1 -w \
        "${HERE}/forty.c" "${OVERRIDE}" -o "${W}/open" || continue
      check 0 "${variant}, override mode" "${W}/open"
      ${RUN} "${W}/open" > "${W}/said" 2>&1 ||
        bad "${what}: $(cat "${W}/said")"
    done
  done
}

# What only libc's malloc.o has brings it along, and everything is there twice.
leaks_do_not_link() {
  local name=__malloc_stats linker
  [[ "${libc}" == glibc ]] || name=__malloc_donate
  compile "-DNAME=${name}" "${HERE}/one_call.c" -o "${W}/one_call.o"
  compile "${HERE}/vendor_heap.c" -o "${W}/heap.o"
  compile "${HERE}/vendor_user.c" -o "${W}/user.o"
  for linker in bfd gold lld; do
    have "ld.${linker}" || have "${triplet}-ld.${linker}" || continue
    what="a way to libc's heap, ${linker}"
    refused "-fuse-ld=${linker}" "${W}/one_call.o" "${OVERRIDE}"
    if [[ "${variant}" != checked ]]; then
      what="a way to libc's heap with hakmem.o, ${linker}"
      refused "-fuse-ld=${linker}" "${W}/one_call.o" "${H}/lib/hakmem.o" \
        "${WRAP}"
    fi
    what="a vendor's malloc, ${linker}"
    refused "-fuse-ld=${linker}" "${W}/user.o" "${W}/heap.o" "${OVERRIDE}"
  done
}

# refused LINKER_ARGUMENT...: a symbol is defined twice.
refused() {
  if "${cc[@]}" -static "$@" -o "${W}/open" > "${W}/linked" 2>&1; then
    bad "${what}: it links"
  elif grep -qE 'multiple definition|duplicate symbol' "${W}/linked"; then
    ok
  else
    bad "${what}: $(tail -3 "${W}/linked")"
  fi
}

# A vendor's pool behind --wrap, beside an object that defines malloc itself:
# it links, and every call goes to the pool.
wrapped_pool() {
  local linker option
  compile "${HERE}/vendor_user.c" -o "${W}/user.o"
  vendor_pool "${W}/pool.o"
  for linker in bfd gold lld mold; do
    have "ld.${linker}" || have "${triplet}-ld.${linker}" || continue
    for option in -O1 -Wl,--gc-sections; do
      what="a vendor's pool behind --wrap, ${linker}, ${option}"
      linked "${cc[@]}" -static "-fuse-ld=${linker}" "${option}" \
        "${W}/user.o" "${W}/pool.o" "${OVERRIDE}" "${POOL_WRAP[@]}" \
        -o "${W}/open" &&
        check 1 '__wrap_malloc .*not only, hakmem.*called by|hakmem is not in' \
          "${W}/open"
    done
  done
}

# Silent where it is an archive after the objects: libc's heap is linked.
# Nothing but the check tells.
archive_is_silent() {
  what="override as an archive that comes too late"
  "${AR}" rc "${W}/libhakmem.a" "${OVERRIDE}"
  linked "${cc[@]}" -static "${HERE}/hello.c" "${W}/libhakmem.a" \
    -o "${W}/open" && check 1 'hakmem is not in this file' "${W}/open"
}

everywhere
leaks_do_not_link
wrapped_pool
archive_is_silent
finish
