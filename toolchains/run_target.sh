#!/bin/bash
# Runs a program of any target on the build machine: an aarch64 ELF file under
# qemu-user, everything else (shell tests too) directly.
#
#   run_target [--page=BYTES] [--qemu=OPTION]... PROGRAM [ARGUMENT]...
#
# A script that starts programs of the target puts $HAKMEM_RUNNER before them.
set -u
options=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --page=*) options+=(-p "${1#--page=}"); shift ;;
    --qemu=*) options+=("${1#--qemu=}"); shift ;;
    *) break ;;
  esac
done
if [[ $# -eq 0 ]]; then
  echo "run_target: no program given." >&2
  exit 2
fi

# The bytes FIRST..FIRST+3 of the program, as hexadecimal digits.
bytes() { od -An -tx1 -j"$1" -N4 -- "${program}" 2>/dev/null | tr -d ' \n'; }

program="$1"
[[ -e "${program}" ]] || program="$(command -v -- "$1")"
qemu="${HAKMEM_QEMU_AARCH64:-/usr/bin/qemu-aarch64-static}"

export HAKMEM_RUNNER=""
if [[ "$(uname -m)" != aarch64 ]]; then
  if [[ "$(bytes 0)" != 7f454c46 ]]; then
    # A script runs here. Its programs may be of the target, so it gets this
    # runner; qemu's options are plain words.
    self="$(realpath -- "${BASH_SOURCE[0]}")"
    words=()
    for word in "${options[@]+"${options[@]}"}"; do
      words+=("--qemu=${word}")
    done
    HAKMEM_RUNNER="${self} ${words[*]+"${words[*]}"}"
  elif [[ "$(bytes 16)" == ????b700 ]]; then
    exec "${qemu}" "${options[@]+"${options[@]}"}" "$@"
  fi
fi
exec "$@"
