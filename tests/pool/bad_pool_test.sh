#!/bin/bash
# A pool in the configuration that is too small ends the program at its first
# allocation, with a sentence, instead of taking memory from elsewhere.
set -u

said="$(tests/pool/bad_pool 2>&1)"
status=$?
wanted="hakmem: the pool in hak_config is too small or too large"
[[ "${status}" -eq 134 && "${said}" == "${wanted}" ]] || {
  echo "FAILED: exit ${status}: ${said}" >&2
  exit 1
}
echo "PASSED"
