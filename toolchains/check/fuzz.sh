#!/bin/bash
# fuzz.sh [SECONDS]: fuzzes hakmem-check with Clang's libFuzzer; run it from the
# top of the tree. What it finds goes to the folder that it prints.
set -eu

seconds="${1:-600}"
work="$(mktemp -d)"
toolchains/bazel build //toolchains/check:wrapped_names
clang++ -g -O1 -std=c++17 -fsanitize=fuzzer,address,undefined \
  -fno-sanitize-recover=undefined -I. -Ibazel-bin \
  toolchains/check/{archive,byte_source,callers,elf_file,facts,judge}.cc \
  toolchains/check/{link_map,report,warnings,fuzz}.cc -o "${work}/fuzz"
mkdir "${work}/corpus"
echo "fuzzing for ${seconds} s in ${work}"
cd "${work}"
exec nice -n 19 ./fuzz "-max_total_time=${seconds}" -max_len=16384 \
  -rss_limit_mb=2000 -timeout=10 corpus "${OLDPWD}/toolchains/check/corpus"
