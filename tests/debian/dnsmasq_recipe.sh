# shellcheck shell=bash disable=SC2034  # sourced by build.sh
# The DNS and DHCP server of many a router.
PROGRAMS=(src/dnsmasq)

prepare() { :; }

build() { make "-j${JOBS}" "CC=${CC}" CFLAGS=-O1 "LDFLAGS=${LDFLAGS}"; }
