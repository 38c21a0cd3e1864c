#!/bin/bash
# fuzz.sh SECONDS VARIANT...: fuzzes sequences of calls with Clang's libFuzzer,
# with UBSan in the allocator as well; run from the top of the tree, or as a
# test. What it finds is printed, as base64 too.
source toolchains/lint/tree.sh
readonly SECONDS_EACH="$1"
shift
enter_tree
work="$(mktemp -d "${TEST_TMPDIR:-/tmp}/fuzz.XXXXXX")"
command -v clang++-14 > /dev/null || fail "fuzz.sh needs clang++-14"

mapfile -t sources < <(tree_files '\.cc$' alloc/base alloc/superslab \
  alloc/tiny alloc/large | grep -v '_test\.cc$')
sources+=(platform/{config,die,page_source_linux,thread_hooks_glibc}.cc
  alloc/wrap/{memory,aligned,lifetime,armoured,relief}.cc tests/fuzz/calls.cc)

# Checked has libc's heap beside it, which is the fuzzer's own here.
for variant in "$@"; do
  clang++-14 -g -O1 -std=c++17 -fsanitize=fuzzer,undefined \
    -fno-sanitize-recover=undefined -fno-sanitize=alignment \
    -fno-builtin -fno-rtti -fno-exceptions -fno-threadsafe-statics -I. \
    -Ialloc/wrap "-DHAKMEM_VARIANT_${variant^^}=1" \
    "-DHAKMEM_VERSION=\"fuzz\"" "${sources[@]}" \
    -o "${work}/fuzz_${variant}" || fail "the fuzz target does not build"
  mkdir "${work}/corpus_${variant}"
  (cd "${work}" && "./fuzz_${variant}" "-max_total_time=${SECONDS_EACH}" \
    -max_len=4096 -timeout=30 -rss_limit_mb=2000 -print_final_stats=1 \
    "corpus_${variant}" > "log_${variant}" 2>&1) || {
    tail -n 40 "${work}/log_${variant}" >&2
    fail "fuzzing ${variant} found the above"
  }
  runs="$(sed -n 's/^stat::number_of_executed_units: *//p' \
    "${work}/log_${variant}")"
  [[ "${runs:-0}" -gt 100 ]] || fail "only '${runs}' inputs were run"
  echo "${variant}: ${runs} inputs"
done
