# shellcheck shell=bash disable=SC2034,SC2154  # sourced by build.sh
# Redis, with libc's malloc where Debian has jemalloc.
PROGRAMS=(src/redis-server src/redis-benchmark)

redis() {
  make -C src "-j${JOBS}" "CC=${CC}" MALLOC=libc OPTIMIZATION=-O1 DEBUG= \
    USE_SYSTEMD=no BUILD_TLS=no "$@"
}

# redis-server does not depend on LDFLAGS once they are the same: the file
# .make-settings, which remembers them, would have all compiled again.
prepare() { :; }

link() { redis "LDFLAGS=-static $*" redis-server redis-benchmark; }
