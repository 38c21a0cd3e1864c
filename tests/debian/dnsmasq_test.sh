#!/bin/bash
# dnsmasq answers names of a hosts file, of its own configuration and of
# nowhere, over UDP and TCP; it reads another hosts file at SIGHUP, and asks a
# server above it: a second one of its kind.
#
#   dnsmasq_test.sh QUERIES
set -u
readonly BUILT="${PWD}/tests/debian/dnsmasq"
# shellcheck source=tests/debian/use.sh
source "${PWD}/tests/debian/use.sh"

readonly QUERIES="$1"
readonly HOSTS=5000

# For each I, hostI is 10.GENERATION.I/256.I%256.
write_hosts() {
  awk -v n="${HOSTS}" -v generation="$1" 'BEGIN {
    for (i = 0; i < n; i++)
      printf "10.%d.%d.%d host%d\n", generation, i / 256, i % 256, i
  }' > "${W}/hosts"
}

dnsmasq() {
  # shellcheck disable=SC2086  # the runner is a command and its options
  exec ${RUN} "${BUILT}/${malloc}/dnsmasq" --keep-in-foreground \
    --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces \
    --listen-address=127.0.0.1 --user= --group= --pid-file= --log-facility=- \
    --cache-size=2000 "$@"
}

serve() {
  if [[ -z "${above}" ]]; then
    dnsmasq "--port=${port}" --auth-ttl=60 --address=/above.test/192.0.2.7 \
      --local-ttl=60
  else
    dnsmasq "--port=${port}" "--addn-hosts=${W}/hosts" \
      "--server=127.0.0.1#${above}" --address=/device.test/192.0.2.1 \
      "--txt-record=about.test,a record of text"
  fi
}

ask() {
  timeout 300 python3 "${HERE}/dns_queries.py" --port="${port}" "$@" ||
    fail "queries: $*"
}

command -v python3 > /dev/null || fail "python3, which asks, is not there"
proved dnsmasq
for malloc in libc hakmem; do
  write_hosts 1
  above=""
  start
  above_pid="${pid}" above="${port}"
  start
  ask --queries="${QUERIES}" --hosts="${HOSTS}" --generation=1
  ask --queries=200 --hosts="${HOSTS}" --generation=1 --tcp
  write_hosts 2
  kill -HUP "${pid}"
  ask --wait --hosts="${HOSTS}" --generation=2
  ask --queries="${QUERIES}" --hosts="${HOSTS}" --generation=2
  stop
  pid="${above_pid}" below="${peak[${malloc}]}"
  stop
  peak[${malloc}]="${below}"
done
report "dnsmasq, ${HOSTS} hosts"
