#!/bin/bash
# What pprof makes of a profile: the name of the place and its bytes.
#
#   pprof_test.sh PROGRAM        PROGRAM is profile_test.c
set -u

readonly PROGRAM="${PWD}/$1"
if ! command -v google-pprof > /dev/null; then
  echo "SKIPPED: there is no google-pprof; Debian's package is" \
    "google-perftools."
  exit 0
fi
W="$(mktemp -d "${TEST_TMPDIR:-/tmp}/pprof.XXXXXX")"
trap 'rm -rf "${W}"' EXIT
cd "${W}" || exit 1

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

"${PROGRAM}" out.heap || fail "no profile: exit $?"
# 3,000 blocks of 2,000 bytes: 5.7 MB of pprof's, give or take what samples do.
google-pprof --text "${PROGRAM}" out.heap > said 2>&1 || fail "$(cat said)"
grep -qE '^ +(5\.[0-9]|6\.[0-4]) +[0-9.]+% .* Leak$' said ||
  fail "live: $(cat said)"
# And 100,000 of 100 that were freed at once.
google-pprof --text --alloc_space "${PROGRAM}" out.heap > said 2>&1
grep -qE '^ +(8\.[5-9]|9\.[0-9]|10\.[0-5]) +[0-9.]+% .* Churn$' said ||
  fail "allocated: $(cat said)"
echo "PASSED"
