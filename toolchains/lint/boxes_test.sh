#!/bin/bash
# The order of the boxes and the habits that a compiler does not enforce.
source toolchains/lint/tree.sh
enter_tree "$@"
found=0

complain() {
  echo "$*" >&2
  found=1
}

# What each box may include, besides itself. Nothing points up.
declare -Ar MAY_INCLUDE=(
  [platform]=""
  [alloc/base]="platform"
  [alloc/superslab]="alloc/base platform"
  [alloc/tiny]="alloc/superslab alloc/base platform"
  [alloc/large]="alloc/superslab alloc/base platform"
  [alloc/stats]="alloc/tiny alloc/large alloc/superslab alloc/base platform"
  [alloc/wrap]="alloc/stats alloc/tiny alloc/large alloc/superslab alloc/base
    platform"
)

check_includes() {
  local file="$1" box="$2" included from
  [[ -n "${MAY_INCLUDE[${box}]+known}" ]] ||
    complain "${file}: ${box} is not a box; add it to MAY_INCLUDE"
  while read -r included; do
    from="${included%/*}"
    # The public header is the one file that everybody may know.
    [[ "${included}" == hakmem.h || "${from}" == "${box}" ]] && continue
    [[ " ${MAY_INCLUDE[${box}]-} " == *[[:space:]]"${from}"[[:space:]]* ]] ||
      complain "${file}: ${box} must not include ${included}"
  done < <(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "${file}")
}

# Macros become constants in variant.h; CPUs and C libraries differ in platform.
check_conditionals() {
  local file="$1" lines
  case "${file}" in
    alloc/base/variant.h | alloc/wrap/hakmem.h) return ;;
    platform/cpu.h | platform/libc_kind.h) return ;;
  esac
  lines="$(grep -nE '^ *# *(if|ifdef|ifndef|elif|else)\b' "${file}" |
    grep -vE "#ifndef $(guard_of "${file}")\$")"
  [[ -z "${lines}" ]] || complain "${file}: no #if here: ${lines}"
}

guard_of() {
  local name="${1^^}"
  echo "HAKMEM_${name//[^A-Z0-9]/_}_"
}

check_guard() {
  local guard
  guard="$(guard_of "$1")"
  grep -qx "#ifndef ${guard}" "$1" && grep -qx "#define ${guard}" "$1" ||
    complain "$1: the include guard is not ${guard}"
}

check_opening() {
  [[ "$(head -1 "$1")" == '// Box: '* ]] ||
    complain "$1: does not begin with its box (// Box: ...)"
}

mapfile -t core < <(tree_files '\.(c|cc|h)$' alloc platform |
  grep -v '_test\.cc$')
[[ "${#core[@]}" -gt 0 ]] || fail "found no file to look at"
for file in "${core[@]}"; do
  check_includes "${file}" "${file%/*}"
  check_conditionals "${file}"
  if [[ "${file}" != alloc/wrap/hakmem.h ]]; then
    check_opening "${file}"
    [[ "${file}" != *.h ]] || check_guard "${file}"
  fi
  if [[ "${file}" != alloc/wrap/* ]] && grep -n '__real_' "${file}"; then
    complain "${file}: __real_ is for alloc/wrap alone"
  fi
done

mapfile -t sources < <(tree_files '(\.(c|cc|h|bzl|sh|py|lua)|/bazel)$' .)
for file in "${sources[@]}"; do
  lines="$(wc -l < "${file}")"
  [[ "${lines}" -le 400 ]] ||
    complain "${file}: ${lines} lines; 400 is the most"
  case "${file}" in
    *.c | *.cc | *.h) ;;
    # Not awk: Debian's counts bytes.
    *) lines="$(LC_ALL=C.UTF-8 grep -nE '^.{81}' "${file}" | cut -d: -f1 |
        xargs)"
      [[ -z "${lines}" ]] || complain "${file}: over 80 columns: ${lines}" ;;
  esac
  lines="$(grep -nE '\b(TODO|FIXME)([:( ]|$)' "${file}")"
  [[ -z "${lines}" || "${file}" == toolchains/lint/* ]] ||
    complain "${file}: an open end: ${lines}"
done

[[ "${found}" -eq 0 ]] || fail "see the lines above"
echo "${#core[@]} files of the boxes and ${#sources[@]} in all are in order"
