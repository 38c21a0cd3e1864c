#!/bin/bash
# Each lint test passes on a small good tree and fails on each seeded fault.
set -u
readonly LINT="${PWD}/toolchains/lint"
readonly RUNFILES="${PWD}"
good="${TEST_TMPDIR:?}/good"
mkdir -p "${good}/alloc/base" "${good}/alloc/tiny" "${good}/platform"
: > "${good}/WORKSPACE"
cp -L .clang-format .clang-tidy "${good}/"
cat > "${good}/alloc/base/units.h" << 'END'
// Box:   base.   Uses: nothing.   Must not know: anything.
#ifndef HAKMEM_ALLOC_BASE_UNITS_H_
#define HAKMEM_ALLOC_BASE_UNITS_H_

constexpr int kUnit = 16;

#endif  // HAKMEM_ALLOC_BASE_UNITS_H_
END
cat > "${good}/alloc/tiny/half.cc" << 'END'
// Box:   tiny.   Uses: base.   Must not know: wrap.
#include "alloc/base/units.h"

int Half(int n) { return n / kUnit; }
END
# 50 columns, 98 bytes.
printf '# %s\n' "$(printf 'é%.0s' {1..48})" > "${good}/wide.sh"

failures=0

# try TEST WANTED FILE SED-SCRIPT: on a copy of the good tree in which FILE was
# changed, TEST's output has to contain WANTED ("" for: it passes).
try() {
  local test="$1" wanted="$2" file="$3" change="$4" out rc
  local tree="${TEST_TMPDIR}/tree"
  rm -rf "${tree}"
  cp -r "${good}" "${tree}"
  sed -i "${change}" "${tree}/${file}"
  out="$(cd "${RUNFILES}" && bash "${LINT}/${test}.sh" "${tree}" 2>&1)"
  rc=$?
  if [[ -z "${wanted}" && "${rc}" -eq 0 ]]; then return; fi
  if [[ -n "${wanted}" && "${rc}" -ne 0 && "${out}" == *"${wanted}"* ]]; then
    return
  fi
  echo "${test} on '${change}' in ${file}: exit ${rc}, expected '${wanted}':"
  echo "${out}"
  failures=1
}

readonly UNITS=alloc/base/units.h
readonly HALF=alloc/tiny/half.cc
try format_test "" "${HALF}" ""
try format_test "clang-format" "${HALF}" 's/int n/int  n/'
try tidy_test "" "${HALF}" ""
try tidy_test "misc-unused-parameters" "${HALF}" 's/n \/ kUnit/kUnit/'
try boxes_test "" "${HALF}" ""
try boxes_test "must not include alloc/tiny/x.h" "${UNITS}" \
  '4i #include "alloc/tiny/x.h"'
try boxes_test "no #if here" "${HALF}" '2i #ifdef NDEBUG\n#endif'
try boxes_test "include guard" "${UNITS}" 's/_UNITS_/_UNIT_/'
try boxes_test "does not begin with its box" "${HALF}" 1d
try boxes_test "__real_ is for" "${HALF}" '$a void __real_free(void*);'
try boxes_test "over 80 columns: 2" wide.sh '$a '"$(printf '#%.0s' {1..81})"
try boxes_test "400 is the most" "${HALF}" '$a '"$(printf '//\\n%.0s' {1..400})"
try boxes_test "an open end" "${HALF}" '$a // TO''DO: later'
exit "${failures}"
