#!/bin/bash
# A Rust crate, linked statically with the same object and options as a C
# program: closed, and it runs. With Debian's cargo and rustc, and no downloads.
set -u
# shellcheck source=tests/link/link.sh
source "${PWD}/tests/link/link.sh"

readonly CARGO="${HAKMEM_CARGO:-/usr/bin/cargo}"
export RUSTC="${HAKMEM_RUSTC:-/usr/bin/rustc}"
export CARGO_HOME="${W}/cargo"
rust_libc=gnu
[[ "${libc}" == glibc ]] || rust_libc=musl
readonly RUST_TARGET="${cpu}-unknown-linux-${rust_libc}"

leave() {
  echo "skipped: $*"
  exit 0
}
[[ -x "${CARGO}" && -x "${RUSTC}" ]] ||
  leave "cargo and rustc are not installed (Debian: cargo, rustc)."
[[ -d "$("${RUSTC}" --print sysroot)/lib/rustlib/${RUST_TARGET}/lib" ]] ||
  leave "this Rust has no standard library for ${RUST_TARGET}."

# build NAME RUSTC_FLAG...: both programs, into ${W}/NAME.
build() {
  local name="$1"
  shift
  RUSTFLAGS="-C target-feature=+crt-static -C linker=${cc[0]} $*" "${CARGO}" \
    build --offline --locked --release --target "${RUST_TARGET}" \
    --manifest-path "${W}/crate/Cargo.toml" --target-dir "${W}/${name}" \
    > "${W}/linked" 2>&1 && return
  bad "${what}: $(tail -20 "${W}/linked")"
  return 1
}

cp -rL "${PWD}/tests/rust" "${W}/crate"
# libc.a once more, and not the lld of newer Rust: rustc puts the objects that
# it is given behind the libraries.
for mode in static static-pie; do
  model=static
  [[ "${mode}" == static ]] || model=pie
  what="Rust, ${mode}"
  build "${mode}" "-C relocation-model=${model}" \
    "-C link-arg=-fuse-ld=bfd -C link-arg=${H}/lib/hakmem.o" \
    "-C link-arg=${WRAP} -C link-arg=-l:libc.a" || continue
  for program in system sized; do
    what="Rust, ${mode}, ${program}"
    file="${W}/${mode}/${RUST_TARGET}/release/${program}"
    check 0 closed --variant "${variant}" "${file}"
    ${RUN} "${file}" > "${W}/said" 2>&1 && grep -q '^5 ways' "${W}/said" ||
      bad "${what}: $(cat "${W}/said")"
  done
done
what="canary: the crate without hakmem"
RUSTFLAGS="-C target-feature=+crt-static" "${CARGO}" build --offline --locked \
  --release --bin system --target "${RUST_TARGET}" --target-dir "${W}/plain" \
  --manifest-path "${W}/crate/Cargo.toml" > "${W}/linked" 2>&1 &&
  check 1 'hakmem is not in this file' \
    "${W}/plain/${RUST_TARGET}/release/system"
finish
