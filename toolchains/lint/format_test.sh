#!/bin/bash
# Every C and C++ file is what clang-format makes of it.
source toolchains/lint/tree.sh
enter_tree "$@"
mapfile -t files < <(tree_files '\.(c|cc|h)$' .)
[[ "${#files[@]}" -gt 0 ]] || fail "found no file to look at"
clang-format-14 --dry-run -Werror "${files[@]}" ||
  fail "repair it with: clang-format-14 -i FILE"
echo "${#files[@]} files are formatted"
