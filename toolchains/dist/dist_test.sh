#!/bin/bash
# Unpacks the tarball ($1) and links programs against it in the three ways its
# README names, with the plain compiler; runs them; looks for libc's heap.
set -eu

readonly DATA="${PWD}/toolchains/dist"
# Under on_platform_test there are no arguments; the tarball is what there is.
tarball="$(realpath "${1:-$(ls "${PWD}"/hakmem-*.tar.gz)}")"
work="$(mktemp -d "${TEST_TMPDIR:-/tmp}/dist.XXXXXX")"
tar -C "${work}" -xzf "${tarball}"
H="$(echo "${work}"/hakmem-*)"
name="$(basename "${tarball}" .tar.gz)"
libc="${name##*-}"
cpu="${name%-*}"
cpu="${cpu##*-}"
triplet="${cpu}-linux-gnu"
export PKG_CONFIG_PATH="${H}/lib/pkgconfig"
variant="$(pkg-config --variable=variant hakmem)"

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# cc[] and cxx[]: a compiler that the user has.
cc=("${triplet}-gcc-12")
cxx=("${triplet}-g++-12")
programs=(hello lines seeing image pool profile cxx)
if [[ "${libc}" == musl ]]; then
  # What musl-gcc does, which Debian has for one architecture only.
  gcc_include="$("${cc[0]}" -print-file-name=include)"
  musl="${cpu}-linux-musl"
  cc+=(-nostdinc -isystem "/usr/include/${musl}" -isystem "${gcc_include}"
    "-B/usr/lib/${musl}" "-L/usr/lib/${musl}")
  programs=(hello lines seeing image pool profile)
fi

# Tests that PROGRAM prints what it must and has no part of libc's heap.
expect() {
  local program="$1" wanted heap
  case "${program##*/}" in
    hello*) wanted=hello ;;
    lines*) wanted="lines, ${variant}" ;;
    image*) wanted=image ;;
    profile*) wanted=profile ;;
    pool*) wanted=pool ;;
    cxx*) wanted=c++ ;;
    seeing*) wanted=seeing ;;
  esac
  local -a options=()
  [[ "${variant}" != checked ]] || options=(--variant checked)
  "${H}/bin/hakmem-check" ${options[@]+"${options[@]}"} "${program}" \
    > "${work}/check.log" || fail "$(cat "${work}/check.log")"
  local got
  got="$(${HAKMEM_RUNNER:-} "${program}")" || fail "${program}: exit $?"
  [[ "${got}" == "${wanted}" ]] || fail "${program} printed: ${got}"
  if [[ "${wanted}" == image ]]; then
    "${H}/bin/hakmem-view" "${program}.dump" > "${work}/view.log" &&
      grep -qx 'class 1040: slabs 1, live .*' "${work}/view.log" ||
      fail "${program}: no image: $(cat "${work}/view.log")"
  fi
  nm "${program}" | grep -q ' __wrap_malloc$' ||
    fail "${program} has no __wrap_malloc"
  # The checked variant hands foreign blocks to libc's heap, so it has one.
  if [[ "${variant}" != checked ]]; then
    heap="$(nm "${program}" | grep -E " (_int_malloc|_int_free|sysmalloc|\
main_arena|__malloc_context|__simple_malloc|__libc_malloc_impl)$" || true)"
    [[ -z "${heap}" ]] || fail "${program} has libc's heap: ${heap}"
  fi
  echo "ok: ${program##*/}"
}

# One program by the response file and one by pkg-config, in both link modes.
link_by_hand() {
  local program="$1" mode
  local -a compile object archive=()
  if [[ "${program}" == cxx ]]; then
    compile=("${cxx[@]}" "${DATA}/testdata/cxx.cc")
    object=("${H}/lib/hakmem_new.o")
  else
    compile=("${cc[@]}" "-I${H}/include" "${DATA}/testdata/${program}.c")
    object=()
    [[ "${program}" != seeing ]] || archive=("${H}/lib/libhakmem_see.a")
    [[ "${program}" != image ]] || object=("${H}/lib/hakmem_dump.o")
    [[ "${program}" != profile ]] || object=("${H}/lib/hakmem_profile.o")
    [[ "${program}" != pool ]] || object=("${H}/lib/hakmem_pool.o")
  fi
  for mode in -static -static-pie; do
    "${compile[@]}" "${mode}" ${object[@]+"${object[@]}"} "${H}/lib/hakmem.o" \
      ${archive[@]+"${archive[@]}"} "@${H}/share/hakmem/wrap.opts" \
      -o "${work}/${program}${mode}"
    expect "${work}/${program}${mode}"
  done
  local package=hakmem
  [[ "${program}" != cxx ]] || package=hakmem_new
  [[ "${program}" != image ]] || package=hakmem_dump
  [[ "${program}" != profile ]] || package=hakmem_profile
  [[ "${program}" != pool ]] || package=hakmem_pool
  # shellcheck disable=SC2046  # the words of pkg-config are words
  "${compile[@]}" -static $(pkg-config --static --cflags --libs "${package}") \
    -o "${work}/${program}-pkgconfig"
  expect "${work}/${program}-pkgconfig"
}

link_by_cmake() {
  local build="${work}/build"
  local -a options=()
  [[ "${libc}" != musl ]] || options+=(-DWITH_CXX=OFF)
  cp -rL "${DATA}/testdata" "${work}/consumer"
  cmake -S "${work}/consumer" -B "${build}" "-DCMAKE_PREFIX_PATH=${H}" \
    "-DCMAKE_C_COMPILER=${cc[0]}" "-DCMAKE_CXX_COMPILER=${cxx[0]}" \
    "-DCMAKE_C_FLAGS=${cc[*]:1}" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
    ${options[@]+"${options[@]}"} > "${work}/cmake.log" 2>&1 &&
    cmake --build "${build}" >> "${work}/cmake.log" 2>&1 &&
    (cd "${build}" && ctest) >> "${work}/cmake.log" 2>&1 ||
    { cat "${work}/cmake.log"; fail "CMake"; }
  local program
  for program in "${programs[@]}"; do
    expect "${build}/${program}"
  done
}

# refused_by_cmake TEXT ARGUMENT...: a closed test that asks for nonsense.
refused_by_cmake() {
  local text="$1"
  shift
  {
    echo "include(${H}/lib/cmake/hakmem/hakmem-check.cmake)"
    echo "hakmem_closed_test(t app $*)"
  } > "${work}/nonsense.cmake"
  cmake -P "${work}/nonsense.cmake" > "${work}/cmake.log" 2>&1 &&
    fail "CMake accepts hakmem_closed_test(t app $*)"
  grep -q "hakmem_closed_test(t): *${text}" "${work}/cmake.log" ||
    fail "CMake says of '$*': $(cat "${work}/cmake.log")"
}

# What hakmem.o wants from libc, and what it offers, is a promise.
check_object() {
  local extra
  extra="$(nm -u "${H}/lib/hakmem.o" | awk '{ print $2 }' |
    grep -vxF -f <(grep -v '^#' "${DATA}/allowed_undefined.txt") || true)"
  if [[ "${variant}" == checked ]]; then
    # The way to libc's heap, and the time that locks are waited for.
    extra="$(grep -vE '^(__real_.*|clock_gettime)$' <<< "${extra}" || true)"
  fi
  [[ -z "${extra}" ]] || fail "hakmem.o needs, unexpectedly: ${extra}"
  extra="$(nm --defined-only -g "${H}/lib/hakmem.o" | awk '{ print $3 }' |
    grep -vxF -f <(nm -u "${H}/lib/libhakmem_see.a" | awk '{ print $2 }') |
    grep -vE '^(__wrap_|hak_|hakmem_(marker|mode)_|__malloc_)' || true)"
  # And what the other objects look into.
  extra="$(grep -vxF -f <(nm -u "${H}/lib/"hakmem_{dump,pool,profile}.o |
    awk '{ print $2 }') <<< "${extra}" || true)"
  if [[ "${variant}" != checked ]]; then
    # Each wrapper under its plain name, too, and nothing more.
    extra="$(grep -vxF -f <(sed -n 's/^-Wl,--wrap=//p' \
      "${H}/share/hakmem/wrap.opts") <<< "${extra}" || true)"
  fi
  [[ -z "${extra}" ]] || fail "hakmem.o defines, unexpectedly: ${extra}"
}

# What looks into the heap wants a little more of libc, and is not there where
# nobody calls it.
check_archive() {
  local extra
  extra="$(nm -u "${H}/lib/libhakmem_see.a" | awk '$1 == "U" { print $2 }' |
    grep -vE 'hakmem|^(fcntl|sigaction|sigemptyset|strncmp|clock_gettime)$' |
    grep -vxF -f <(grep -v '^#' "${DATA}/allowed_undefined.txt") || true)"
  [[ -z "${extra}" ]] || fail "libhakmem_see.a needs, unexpectedly: ${extra}"
  extra="$(nm "${work}/hello-pkgconfig" | grep -E ' hak_(block_of|report)' ||
    true)"
  [[ -z "${extra}" ]] || fail "hello has what it does not call: ${extra}"
}

# A program that calls nothing of it, and whose crash is reported.
check_crash() {
  local said
  # shellcheck disable=SC2046  # the words of pkg-config are words
  "${cc[@]}" "${DATA}/testdata/crash.c" -static \
    $(pkg-config --static --cflags --libs hakmem_crash) -o "${work}/crash"
  said="$(ulimit -c 0; ${HAKMEM_RUNNER:-} "${work}/crash" 2>&1 || true)"
  grep -q '^hakmem: crash: last words: double free of 0x' <<< "${said}" &&
    grep -q '^hakmem: crash: 0x.* is 0 bytes inside a freed block' \
      <<< "${said}" || fail "the crash was reported so: ${said}"
}

# --gc-sections must still find something to drop.
check_prunes() {
  local -a link=("${cc[@]}" -static "${DATA}/testdata/hello.c"
    "${H}/lib/hakmem.o" "@${H}/share/hakmem/wrap.opts")
  "${link[@]}" -o "${work}/whole"
  "${link[@]}" -Wl,--gc-sections -o "${work}/pruned"
  local whole pruned
  whole="$(nm "${work}/whole" | grep -c ' __wrap_' || true)"
  pruned="$(nm "${work}/pruned" | grep -c ' __wrap_' || true)"
  [[ "${pruned}" -lt "${whole}" ]] ||
    fail "--gc-sections left all ${whole} wrappers in"
}

for file in include/hakmem.h LICENSE README lib/hakmem.o lib/hakmem_new.o \
  lib/hakmem_crash.o lib/libhakmem_see.a lib/hakmem_dump.o \
  lib/hakmem_pool.o lib/hakmem_profile.o bin/hakmem-view \
  share/hakmem/hakmem.py; do
  [[ -s "${H}/${file}" ]] || fail "${file} is missing"
done
if grep -rlE '@[A-Z_]+@' "${H}" --include=* -I; then
  fail "a placeholder was left in the files above"
fi
check_object
check_prunes
for program in "${programs[@]}"; do
  link_by_hand "${program}"
done
check_archive
check_crash
link_by_cmake
refused_by_cmake 'not understood: hardened' hardened
refused_by_cmake 'not understood: VARIENT' VARIENT hardened
refused_by_cmake 'VARIANT has no value' VARIANT
refused_by_cmake 'VARIANT has no value' VARIANT '""'
rm -rf "${work}"
echo "${name}, ${variant}: all programs linked and ran"
