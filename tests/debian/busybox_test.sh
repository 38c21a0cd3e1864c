#!/bin/bash
# Busybox runs a shell script of more than 200 commands, all of them its own;
# with hakmem and with libc's malloc it prints what is expected, nothing else.
#
#   busybox_test.sh ROUNDS
set -u
readonly BUILT="${PWD}/tests/debian/busybox"
# shellcheck source=tests/debian/use.sh
source "${PWD}/tests/debian/use.sh"

run() {
  local busybox="${BUILT}/${malloc}/busybox" name
  mkdir -p "${W}/${malloc}/folder" "${W}/${malloc}/bin"
  # Its tar looks for these by PATH.
  for name in gzip bzip2 gunzip bunzip2; do
    ln -sf "${busybox}" "${W}/${malloc}/bin/${name}"
  done
  (cd "${W}/${malloc}/folder" && exec timeout 300 env -i LC_ALL=C \
    PATH="${W}/${malloc}/bin" "${busybox}" sh "${HERE}/busybox_commands.sh") \
    > "${W}/out" 2> "${W}/err" || fail "the script ends with $?"
  diff "${HERE}/busybox_commands.expected" "${W}/out" || fail "other output"
  [[ ! -s "${W}/err" ]] || fail "errors: $(cat "${W}/err")"
  peak[${malloc}]="$(sed 's/[^0-9]//g' "${W}/${malloc}/folder/peak" |
    paste -sd /)"
  rm -r "${W:?}/${malloc}"
}

commands="$(grep -c '^[^ #]' "${HERE}/busybox_commands.sh")"
[[ "${commands}" -ge 200 ]] || fail "only ${commands} commands"
proved busybox
for ((round = 0; round < $1; round++)); do
  for malloc in libc hakmem; do
    run
  done
done
report "busybox awk/ash, ${commands} commands"
