# shellcheck shell=bash disable=SC2034  # sourced by build.sh
# Redis, with libc's malloc where Debian has jemalloc.
PROGRAMS=(src/redis-server src/redis-benchmark src/redis-cli)

prepare() { :; }

build() {
  make -C src "-j${JOBS}" MALLOC=libc OPTIMIZATION=-O1 DEBUG= USE_SYSTEMD=no \
    BUILD_TLS=no redis-server redis-benchmark redis-cli
}
