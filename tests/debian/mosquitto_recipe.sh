# shellcheck shell=bash disable=SC2034  # sourced by build.sh
# The MQTT broker and its two clients.
PROGRAMS=(src/mosquitto client/mosquitto_pub client/mosquitto_sub)

prepare() { :; }

build() {
  local -a options=(WITH_TLS=no WITH_CJSON=no WITH_DOCS=no WITH_SYSTEMD=no
    WITH_STATIC_LIBRARIES=yes WITH_SHARED_LIBRARIES=no CROSS_COMPILE=)
  local folder
  for folder in lib client src; do
    make -C "${folder}" "-j${JOBS}" CFLAGS=-O1 "${options[@]}" || return
  done
}
