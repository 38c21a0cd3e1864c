#!/bin/bash
# Mosquitto carries messages of 0 to 2,000 bytes from two of its own publishers
# to two of its own subscribers, which get each of them once and in order.
#
#   mosquitto_test.sh MESSAGES
set -u
readonly BUILT="${PWD}/tests/debian/mosquitto"
# shellcheck source=tests/debian/use.sh
source "${PWD}/tests/debian/use.sh"

readonly HALF=$(($1 / 2))
readonly CLIENTS="${BUILT}/hakmem"

serve() {
  cat > "${W}/conf" << EOF
listener ${port} 127.0.0.1
allow_anonymous true
user root
log_dest file ${W}/log
log_type subscribe
log_type error
max_queued_messages 0
EOF
  : > "${W}/log"
  # shellcheck disable=SC2086  # the runner is a command and its options
  exec ${RUN} "${BUILT}/${malloc}/mosquitto" -c "${W}/conf"
}

# The lines that PUBLISHER sends.
lines() {
  awk -v n="${HALF}" -v seed="$1" 'BEGIN {
    for (i = 0; i < 50; i++) text = text "0123456789 of a message, on and on. "
    for (i = 1; i <= n; i++) {
      seed = (seed * 1103515245 + 12345) % 2147483648
      length_ = seed % 10 ? seed % 200 : seed % 1800
      print i, substr(text, 1, length_)
    }
  }'
}

subscribe() {
  # shellcheck disable=SC2086
  timeout 300 ${RUN} "${CLIENTS}/mosquitto_sub" -h 127.0.0.1 -p "${port}" \
    -q 1 -t 'house/#' -F '%t %p' -C $((2 * HALF)) > "${W}/got.$1" &
}

publish() {
  # shellcheck disable=SC2086
  timeout 300 ${RUN} "${CLIENTS}/mosquitto_pub" -h 127.0.0.1 -p "${port}" \
    -q 1 -t "house/$1" -l < "${W}/lines.$1" &
}

# Waits until the broker knows both subscribers.
subscribed() {
  local i
  for ((i = 0; i < 300; i++)); do
    [[ "$(grep -c 'house/#' "${W}/log")" -eq 2 ]] && return
    sleep 0.1
  done
  fail "nobody subscribes: $(cat "${W}/log")"
}

carry() {
  local client jobs=()
  for client in 1 2; do
    subscribe "${client}"
    jobs+=($!)
  done
  subscribed
  for client in 1 2; do
    publish "${client}"
    jobs+=($!)
  done
  for client in "${jobs[@]}"; do
    wait "${client}" || fail "a client ended with $?"
  done
}

# Each subscriber has what each publisher sent.
arrived() {
  local from to
  for to in 1 2; do
    for from in 1 2; do
      sed -n "s#^house/${from} ##p" "${W}/got.${to}" |
        cmp - "${W}/lines.${from}" || fail "from ${from} to ${to}"
    done
    [[ "$(wc -l < "${W}/got.${to}")" -eq $((2 * HALF)) ]] || fail "to ${to}"
  done
}

proved mosquitto mosquitto_pub mosquitto_sub
lines 1 > "${W}/lines.1"
lines 2 > "${W}/lines.2"
for malloc in libc hakmem; do
  start
  carry
  arrived
  stop
done
report "mosquitto, $((2 * HALF)) messages to two subscribers"
