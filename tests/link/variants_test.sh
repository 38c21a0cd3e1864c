#!/bin/bash
# What the check says of each variant, asked for and not, in the programs that
# Bazel linked.
set -u

readonly CHECK="${PWD}/toolchains/check/tool/hakmem-check"
readonly PROGRAMS="${PWD}/tests/link"
failed=0

# says EXIT PATTERN ARGUMENT...
says() {
  local wanted="$1" pattern="$2" code=0 said
  shift 2
  said="$("${CHECK}" "$@" 2>&1)" || code=$?
  if [[ "${code}" -ne "${wanted}" ]] || ! grep -q "${pattern}" <<< "${said}"
  then
    echo "FAILED: $*: exit ${code}, not ${wanted} with '${pattern}': ${said}"
    failed=1
  fi
}

for variant in release hardened; do
  says 0 "${variant}, wrap mode" "${PROGRAMS}/forty_${variant}_test"
  says 1 'not checked' --variant=checked "${PROGRAMS}/forty_${variant}_test"
done
says 1 'Open by design' "${PROGRAMS}/forty_checked_test"
says 0 'checked, wrap mode' --variant=checked "${PROGRAMS}/forty_checked_test"
says 1 'not release' --variant=release "${PROGRAMS}/forty_checked_test"
says 0 'release, override mode' "${PROGRAMS}/forty_override_test"
exit "${failed}"
