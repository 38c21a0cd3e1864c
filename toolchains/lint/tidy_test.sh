#!/bin/bash
# clang-tidy over the allocator, in the variant with the most code in it.
source toolchains/lint/tree.sh
enter_tree "$@"
mapfile -t files < <(tree_files '\.cc$' alloc platform | grep -v '_test\.cc$')
[[ "${#files[@]}" -gt 0 ]] || fail "found no file to look at"
printf '%s\0' "${files[@]}" |
  xargs -0 -P "$(nproc)" -n 1 sh -c '
    file="$1"
    shift
    cpu=x86_64
    case "${file}" in
      *_aarch64.cc) cpu=aarch64 ;;
      # As in toolchains/cc: libstdc++ asks for a macro of glibc.
      *_musl.cc) set -- -isystem/usr/include/x86_64-linux-musl \
        "-D__GLIBC_PREREQ(major,minor)=0" ;;
    esac
    clang-tidy-14 --quiet "${file}" -- -std=c++17 -I. -Ialloc/wrap -O2 \
      "--target=${cpu}-linux-gnu" \
      -DHAKMEM_VARIANT_CHECKED=1 "-DHAKMEM_VERSION=\"0\"" "$@" 2>"$0.$$" &&
      rm "$0.$$" || { cat "$0.$$"; exit 1; }' "${TEST_TMPDIR:-/tmp}/tidy" ||
  fail "clang-tidy found the above"
echo "${#files[@]} files are tidy"
