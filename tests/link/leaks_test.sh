#!/bin/bash
# Every way in which a link leaks to another heap: seeded, and refused by name.
set -u
# shellcheck source=tests/link/link.sh
source "${PWD}/tests/link/link.sh"

# hakmem.o as it would be without the two nets below the check: the plain names
# that keep ld.lld from reading libc's heap, and libc's fork hooks, which make
# a second heap a duplicate symbol.
naked_object() {
  local -a options=()
  local name
  for name in $(wrapped) __malloc_fork_lock_parent __malloc_atfork \
    __malloc_fork_unlock_parent __malloc_fork_unlock_child \
    __malloc_arena_thread_freeres; do
    options+=("--localize-symbol=${name}")
  done
  "${OBJCOPY}" "${options[@]}" "${H}/lib/hakmem.o" "${W}/naked.o"
}

each_name_left_out() {
  local name
  for name in $(wrapped); do
    what="--wrap=${name} left out"
    wrap_without "${W}/less.opts" "${name}"
    compile "-DNAME=${name}" "${HERE}/one_call.c" -o "${W}/one_call.o"
    expect_open "${name}" "${W}/one_call.o" "${W}/naked.o" "@${W}/less.opts"
    [[ "${variant}" != checked ]] || continue
    # With the nets the mistake is harmless or does not link.
    what="--wrap=${name} left out, hakmem.o whole"
    if "${cc[@]}" -static "${W}/one_call.o" "${H}/lib/hakmem.o" \
      "@${W}/less.opts" -o "${W}/open" > "${W}/linked" 2>&1; then
      check "$(heapless "${W}/open")" "${name}|closed" "${W}/open"
    elif grep -qE 'multiple definition|duplicate symbol|undefined' \
      "${W}/linked"; then
      ok
    else
      bad "${what}: $(tail -3 "${W}/linked")"
    fi
  done
}

# 0 if nm finds no part of libc's heap, 1 otherwise: what the check must say.
heapless() {
  local heap="_int_malloc|main_arena|__malloc_context|__simple_malloc"
  if nm "$1" | grep -qE " (${heap}|__libc_malloc_impl)\$"; then
    echo 1
  else
    echo 0
  fi
}

# A name that neither libc calls, so that main alone is to blame, nor hakmem,
# which does not link without the --wrap of what it hands on (checked).
FREE_NAME=malloc_trim
[[ "${libc}" == glibc ]] || FREE_NAME=valloc
readonly FREE_NAME

names_the_caller() {
  local name="${FREE_NAME}"
  what="the culprit by name"
  wrap_without "${W}/less.opts" "${name}"
  compile "-DNAME=${name}" "${HERE}/one_call.c" -o "${W}/one_call.o"
  local -a link=("${cc[@]}" -static "${W}/one_call.o" "${W}/naked.o"
    "@${W}/less.opts" -o "${W}/open")
  linked "${link[@]}" && check 1 "${name} .*called by main" "${W}/open"
  what="the culprit by relocations"
  linked "${link[@]}" -Wl,-q && check 1 "${name} .*called by main" "${W}/open"
  grep -q 'relocations (-q)' "${W}/said" || bad "${what}: not read"
  what="the culprit by the map"
  local words='asked for by .*one_call\.o'
  # Hakmem asked for it first.
  [[ "${variant}" != checked ]] || words='from .*libc\.a\([a-z]*\.l?o\)'
  linked "${link[@]}" "-Wl,-Map=${W}/map" &&
    check 1 "${words}" --map "${W}/map" "${W}/open"
  what="JSON"
  check 1 "\"exit\": 1.*\"symbol\": \"${name}\"" --json "${W}/open"
}

by_pointer_only() {
  local name=malloc_usable_size
  [[ "${variant}" != checked ]] || name="${FREE_NAME}"
  what="${name} by pointer only"
  wrap_without "${W}/less.opts" "${name}"
  compile "-DNAME=${name}" "${HERE}/pointer.c" -o "${W}/pointer.o"
  local -a link=("${cc[@]}" -static "${W}/naked.o" -o "${W}/open")
  if [[ "${variant}" == checked ]]; then
    # Libc's heap is there anyway: who points at it is in the relocations only.
    linked "${link[@]}" "${W}/pointer.o" "@${W}/less.opts" &&
      check 0 'pointer to it was not seen.*Wl,-q' "${W}/open"
    linked "${link[@]}" "${W}/pointer.o" "@${W}/less.opts" -Wl,-q &&
      check 1 "${name} .*-Wl,--wrap=${name} is missing" "${W}/open"
    what="no name left out, by relocations"
    linked "${link[@]}" "${W}/pointer.o" "${WRAP}" -Wl,-q &&
      check 0 'closed' "${W}/open"
    never 'pointer to it was not seen'
    return
  fi
  linked "${link[@]}" "${W}/pointer.o" "@${W}/less.opts" &&
    check 1 "${name}|libc's own heap" "${W}/open"
}

musl_internals() {
  [[ "${libc}" == musl ]] || return 0
  what="musl's own calls of __libc_malloc"
  wrap_without "${W}/less.opts" __libc_malloc __libc_calloc __libc_realloc \
    __libc_free
  compile "${HERE}/forty.c" -o "${W}/forty.o"
  expect_open __libc_calloc "${W}/forty.o" "${W}/naked.o" "@${W}/less.opts"
}

vendor_heaps() {
  compile "${HERE}/vendor_heap.c" -o "${W}/heap.o"
  compile "${HERE}/vendor_user.c" -o "${W}/user.o"
  local hakmem
  for hakmem in "${W}/naked.o" "${H}/lib/hakmem.o"; do
    what="a vendor's malloc, ${hakmem##*/}"
    expect_open malloc "${W}/user.o" "${W}/heap.o" "${hakmem}" "${WRAP}"
    what="a vendor's blob (ld -r), ${hakmem##*/}"
    "${LD}" -r "${W}/heap.o" "${W}/user.o" -o "${W}/blob.o"
    expect_open malloc "${W}/blob.o" "${hakmem}" "${WRAP}"
    what="a blob that hides its malloc, ${hakmem##*/}"
    "${OBJCOPY}" --keep-global-symbol=main "${W}/blob.o" "${W}/hidden.o"
    expect_open malloc "${W}/hidden.o" "${hakmem}" "${WRAP}"
  done
  what="a blob that hides its pool behind --wrap (ld -r --wrap)"
  vendor_pool "${W}/pool.o"
  "${LD}" -r "${POOL_NAMES[@]/#/--wrap=}" "${W}/pool.o" "${W}/user.o" \
    -o "${W}/blob.o"
  "${OBJCOPY}" --keep-global-symbol=main "${W}/blob.o" "${W}/hidden.o"
  expect_open __wrap_malloc "${W}/hidden.o" "${H}/lib/hakmem.o" "${WRAP}"
}

# A static function of the program's own is nobody's heap, whatever its name;
# but a malloc is one.
own_functions() {
  local name
  for name in cfree free_sized mallopt malloc_info valloc malloc; do
    what="a static function called ${name}"
    compile "-DNAME=${name}" "${HERE}/own_function.c" -o "${W}/own.o"
    linked "${cc[@]}" -static "${W}/own.o" "${H}/lib/hakmem.o" "${WRAP}" \
      -o "${W}/open" || continue
    if [[ "${name}" == malloc ]]; then
      check 1 'malloc .*called by main' "${W}/open"
    elif ! wrapped | grep -qx "${name}"; then
      check 0 closed "${W}/open"
    else
      check 0 "A local function is called ${name} \(called by main" "${W}/open"
    fi
  done
}

# One wrapper in each member of an archive: ld.lld puts 0 where bfd and gold
# say "undefined reference".
split_archive() {
  local name
  rm -f "${W}/libsplit.a"
  for name in malloc free calloc realloc; do
    "${OBJCOPY}" "--keep-global-symbol=__wrap_${name}" "${W}/naked.o" \
      "${W}/only_${name}.o"
    "${AR}" rc "${W}/libsplit.a" "${W}/only_${name}.o"
  done
  for linker in bfd lld; do
    what="one wrapper per member, ${linker}"
    if ! have "ld.${linker}"; then
      skip "${what}: ld.${linker} is not here"
      continue
    fi
    expect_open '__wrap_(calloc|malloc|free|realloc)' "-fuse-ld=${linker}" \
      -Wl,--gc-sections "${HERE}/hello.c" "${W}/libsplit.a" "${WRAP}"
  done
}

# libc.a is searched last and asks for __wrap_malloc when an archive before it
# is already over, unless something has asked for the member earlier.
archive_order() {
  local linker
  "${AR}" rc "${W}/libhakmem.a" "${H}/lib/hakmem.o"
  for linker in bfd gold; do
    have "${triplet}-ld.${linker}" || continue
    local -a link=("${cc[@]}" -static "-fuse-ld=${linker}" "${HERE}/hello.c"
      "${W}/libhakmem.a" "${WRAP}" -o "${W}/open")
    what="an archive before libc.a, ${linker}"
    if "${link[@]}" > "${W}/linked" 2>&1; then
      check 1 . "${W}/open"
    elif grep -q "undefined.*__wrap_malloc" "${W}/linked"; then
      ok
    else
      bad "${what}: $(tail -3 "${W}/linked")"
    fi
    what="an archive that is asked for, ${linker}"
    linked "${link[@]}" -Wl,-u,__wrap_malloc && check 0 closed "${W}/open"
  done
}

# A shim that falls back on libc's malloc brings libc's heap along.
real_malloc() {
  what="a call of __real_malloc"
  compile -DNAME=__real_malloc "${HERE}/one_call.c" -o "${W}/one_call.o"
  expect_open '(malloc|__malloc_[a-z_]*)' "${W}/one_call.o" "${W}/naked.o" \
    "${WRAP}"
}

# never PATTERN: what the last check did not say.
never() { ! grep -qE -- "$1" "${W}/said" || bad "${what}: $(cat "${W}/said")"; }

# Not a leak of the link, but of the run: glibc loads a second libc.
loads_libraries() {
  [[ "${libc}" == glibc ]] || return 0
  local name
  for name in getaddrinfo getpwnam_r getgrgid_r initgroups gethostbyaddr \
    getservbyport getnameinfo ether_hostton iconv_open dlopen dlmopen; do
    what="${name}"
    compile "-DNAME=${name}" "${HERE}/one_call.c" -o "${W}/one_call.o"
    linked "${cc[@]}" -static "${W}/one_call.o" "${H}/lib/hakmem.o" "${WRAP}" \
      -o "${W}/open" && check 0 "With ([a-z0-9_]+, )*${name}[ ,].*glibc may \
load" "${W}/open"
  done
  what="a program that loads nothing"
  for name in -O1 -Wl,-q; do
    linked "${cc[@]}" -static "${name}" "${HERE}/hello.c" \
      "${H}/lib/hakmem.o" "${WRAP}" -o "${W}/open" && check 0 closed "${W}/open"
    never 'glibc may load'
  done
}

lld_keeps_libcs_heap() {
  have ld.lld || { skip "ld.lld is not here"; return; }
  local -a link=("${cc[@]}" -static -fuse-ld=lld "${HERE}/hello.c" "${WRAP}"
    -o "${W}/open")
  what="ld.lld without --gc-sections"
  linked "${link[@]}" "${W}/naked.o" && check 1 'Wl,--gc-sections' "${W}/open"
  what="ld.lld with --gc-sections"
  linked "${link[@]}" "${W}/naked.o" -Wl,--gc-sections &&
    check 0 closed "${W}/open"
  what="ld.lld, hakmem.o whole"
  linked "${link[@]}" "${H}/lib/hakmem.o" && check 0 closed "${W}/open"
}

nothing_to_tell() {
  local -a link=("${cc[@]}" "${HERE}/hello.c" "${H}/lib/hakmem.o" "${WRAP}"
    -o "${W}/open")
  what="a stripped file"
  linked "${link[@]}" -static -s && check 2 stripped "${W}/open"
  what="local symbols dropped"
  linked "${link[@]}" -static -Wl,-x && check 2 'not complete' "${W}/open"
  what="a dynamic program"
  [[ "${libc}" == musl ]] ||
    { linked "${link[@]}" && check 2 'linked dynamically' "${W}/open"; }
  what="an object file"
  check 2 'object file' "${H}/lib/hakmem.o"
  what="canary: hakmem left out"
  linked "${cc[@]}" -static "${HERE}/hello.c" -o "${W}/open" &&
    check 1 'hakmem is not in this file' "${W}/open"
  what="another variant than asked for"
  linked "${link[@]}" -static &&
    check 1 "not ${other}" --variant "${other}" "${W}/open"
  what="the variant asked for"
  check 0 closed "--variant=${variant}" "${W}/open"
}

# The proof that needs no names: no part of libc's heap is there to be linked.
absence() {
  mkdir -p "${W}/heapless"
  # Before the folder of the real one.
  local -a link=("${cc[0]}" "-L${W}/heapless" ${cc[@]+"${cc[@]:1}"})
  cp "${LIBC_A}" "${W}/heapless/libc.a"
  local -a members=(malloc.o) twice=()
  if [[ "${libc}" == musl ]]; then
    members=(lite_malloc.lo malloc.lo free.lo realloc.lo calloc.lo
      libc_calloc.lo aligned_alloc.lo malloc_usable_size.lo donate.lo)
    twice=(free.lo realloc.lo)
  fi
  "${AR}" d "${W}/heapless/libc.a" "${members[@]}"
  [[ ${#twice[@]} -eq 0 ]] || "${AR}" d "${W}/heapless/libc.a" "${twice[@]}"
  local mode
  for mode in -static -static-pie; do
    what="libc.a without its heap, ${mode}"
    if "${link[@]}" "${mode}" -O1 -w "${HERE}/forty.c" \
      "${H}/lib/hakmem.o" "${WRAP}" -o "${W}/absent" > "${W}/linked" 2>&1; then
      ${RUN} "${W}/absent" > "${W}/said" 2>&1 && ok ||
        bad "${what}: $(cat "${W}/said")"
    else
      bad "${what}: $(grep undefined "${W}/linked")"
    fi
  done
  what="canary: libc.a without its heap and no hakmem"
  if "${link[@]}" -static "${HERE}/hello.c" -o "${W}/absent" \
    > "${W}/linked" 2>&1; then
    bad "${what}: it links"
  else
    ok
  fi
}

# libc's heap lives on brk; without it only glibc asks for two, for the TLS of
# the first thread.
at_run_time() {
  local qemu="qemu-${cpu}-static" wanted=0
  [[ "${libc}" == musl ]] || wanted=2
  have "${qemu}" || { skip "${qemu}, to count system calls"; return; }
  local -a link=("${cc[@]}" -static "${HERE}/hello.c" -o "${W}/open")
  what="no brk at run time"
  linked "${link[@]}" "${H}/lib/hakmem.o" "${WRAP}" && expect_brk -eq
  what="canary: libc's heap calls brk"
  linked "${link[@]}" && expect_brk -gt
}

# expect_brk -eq|-gt: against ${wanted}.
expect_brk() {
  local brk
  brk="$("${qemu}" -strace "${W}/open" 2>&1 | grep -c 'brk(')"
  if [[ "$1" == -eq && "${brk}" -eq "${wanted}" ]] ||
    [[ "$1" == -gt && "${brk}" -gt "${wanted}" ]]; then
    ok
  else
    bad "${what}: ${brk} calls of brk"
  fi
}

naked_object
if [[ "${variant}" == checked ]]; then
  # Libc's heap is linked on purpose: what is left are its other callers.
  asked=(--variant=checked)
  each_name_left_out
  names_the_caller
  by_pointer_only
  vendor_heaps
  own_functions
  loads_libraries
  finish
  exit
fi
each_name_left_out
names_the_caller
by_pointer_only
musl_internals
vendor_heaps
own_functions
split_archive
archive_order
real_malloc
loads_libraries
lld_keeps_libcs_heap
nothing_to_tell
absence
at_run_time
finish
