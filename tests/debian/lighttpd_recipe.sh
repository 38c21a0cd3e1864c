# shellcheck shell=bash disable=SC2034,SC2154  # sourced by build.sh
# The web server, with its modules linked in.
PROGRAMS=(src/lighttpd)

prepare() {
  local name
  for name in access dirlisting indexfile setenv simple_vhost staticfile; do
    echo "PLUGIN_INIT(mod_${name})"
  done > src/plugin-static.h
  ./configure "--host=${triplet}" --disable-shared --enable-static \
    --without-bzip2 --without-pcre2 --without-zlib CFLAGS=-O1 \
    LIGHTTPD_STATIC=yes
}

build() {
  # libtool keeps -static for itself, but not this.
  make -C src "-j${JOBS}" "LDFLAGS=-all-static ${LDFLAGS#-static}" \
    versionstamp lighttpd
}
