#!/bin/bash
# lighttpd serves files of 0 bytes to 2 MiB and the list of a folder, first
# compared byte by byte, then to Apache's load generator.
#
#   lighttpd_test.sh REQUESTS     for each of the files
set -u
readonly BUILT="${PWD}/tests/debian/lighttpd"
# shellcheck source=tests/debian/use.sh
source "${PWD}/tests/debian/use.sh"

readonly REQUESTS="$1"
readonly AB=/usr/bin/ab

serve() {
  cat > "${W}/conf" << EOF
server.document-root = "${W}/files"
server.port = ${port}
server.bind = "127.0.0.1"
server.errorlog = "${W}/errors"
server.max-connections = 256
server.max-keep-alive-requests = 100
server.modules = ("mod_access", "mod_setenv", "mod_dirlisting",
  "mod_staticfile")
dir-listing.activate = "enable"
url.access-deny = ("~")
setenv.add-response-header = ("X-From" => "a module")
mimetype.assign = (".txt" => "text/plain")
EOF
  : > "${W}/errors"
  # shellcheck disable=SC2086  # the runner is a command and its options
  exec ${RUN} "${BUILT}/${malloc}/lighttpd" -D -f "${W}/conf"
}

make_files() {
  local size
  mkdir -p "${W}/files/folder"
  for size in 0 1 4000 70000 2097152; do
    head -c "${size}" < <(yes "line $((size * 7)) of a file") \
      > "${W}/files/${size}.txt"
  done
  for size in {1..300}; do
    : > "${W}/files/folder/a file by the number ${size}.txt"
  done
  : > "${W}/files/secret~"
}

# GET PATH [FIELD]...: the answer, with its header.
get() {
  local path="$1"
  shift
  exec 3<> "/dev/tcp/127.0.0.1/${port}" || return
  {
    printf 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n' "${path}"
    [[ $# -eq 0 ]] || printf '%s\r\n' "$@"
    printf '\r\n'
  } >&3
  cat <&3
  exec 3>&-
}

body() { sed '1,/^\r$/d'; }

# Each file as it is, part of one, the list of a folder, and what is not there.
answers_right() {
  local file
  for file in "${W}"/files/*.txt; do
    get "/${file##*/}" > "${W}/answer"
    body < "${W}/answer" | cmp - "${file}" || fail "${file##*/}"
    grep -q '^X-From: a module' "${W}/answer" || fail "the field of a module"
  done
  get /70000.txt 'Range: bytes=100-299' | body |
    cmp - <(tail -c +101 "${W}/files/70000.txt" | head -c 200) || fail "a range"
  [[ "$(get /folder/ | grep -c 'by the number [0-9]*.txt</a>')" -eq 300 ]] ||
    fail "the list of a folder"
  [[ "$(get /none.txt | head -n 1)" == "HTTP/1.1 404 "* ]] || fail "404"
  [[ "$(get '/secret~' | head -n 1)" == "HTTP/1.1 403 "* ]] || fail "403"
}

# load PATH REQUESTS: every answer must be whole, and 200.
load() {
  timeout 300 "${AB}" -q -k -n "$2" -c 16 \
    "http://127.0.0.1:${port}$1" > "${W}/ab" 2>&1 ||
    fail "ab: $(cat "${W}/ab")"
  if ! grep -q "^Complete requests: *$2\$" "${W}/ab" ||
    ! grep -q '^Failed requests: *0$' "${W}/ab" ||
    grep -q '^Non-2xx' "${W}/ab"; then
    fail "ab: $(cat "${W}/ab")"
  fi
  [[ "${malloc}" == libc ]] ||
    sed -n "s#^Requests per second: *\([0-9.]*\).*#$1: \1 requests/s#p" \
      "${W}/ab"
}

# Waits until all connections are closed: lighttpd ends with 1 if one is left.
settle() {
  local i
  for ((i = 0; i < 200; ++i)); do
    # The one that it listens on.
    [[ "$(find "/proc/${pid}/fd" -lname 'socket:*' | wc -l)" -gt 1 ]] || return
    sleep 0.05
  done
  fail "connections stay open"
}

proved lighttpd
make_files
for malloc in libc hakmem; do
  start
  answers_right
  load /1.txt "${REQUESTS}"
  load /4000.txt "${REQUESTS}"
  load /70000.txt $((REQUESTS / 2))
  load /2097152.txt $((REQUESTS / 100))
  load /folder/ $((REQUESTS / 20))
  answers_right
  [[ "$(grep -cv 'server started' "${W}/errors")" -eq 0 ]] ||
    fail "$(cat "${W}/errors")"
  settle
  stop
done
report lighttpd
