# shellcheck shell=bash disable=SC2034  # sourced by build.sh
# The shell and what busybox_commands.sh calls, all in one program.
PROGRAMS=(busybox_unstripped)

readonly APPLETS="ASH AWK BASE64 BASENAME BC BUNZIP2 BZIP2 CAT CHMOD CKSUM CMP
  COMM CP CPIO CUT DATE DC DD DIFF DIRNAME DU ECHO ED ENV EXPAND EXPR FACTOR
  FALSE FIND FOLD GREP GUNZIP GZIP HD HEAD HEXDUMP ID LN LS MD5SUM MKDIR MKFIFO
  MKTEMP MV NL OD PASTE PATCH PRINTF PWD READLINK REALPATH REV RM RMDIR SED SEQ
  SHA1SUM SHA256SUM SHA512SUM SHUF SLEEP SORT SPLIT STAT STRINGS SUM TAC TAIL
  TAR TEE TEST TIMEOUT TOUCH TR TRUE TRUNCATE UNAME UNEXPAND UNIQ UNXZ
  UUDECODE UUENCODE WC WHICH XARGS XXD XZCAT YES ZCAT"
# The shell runs these applets and not the system's.
readonly OPTIONS="STATIC LFS LONG_OPTS FEATURE_SH_STANDALONE
  FEATURE_PREFER_APPLETS"

prepare() {
  local name
  make HOSTCC=gcc-12 allnoconfig
  # What these can do, and every size, is to be as it is by default.
  sed -i -e '/^# CONFIG_\(ASH\|FEATURE\|SH\)_.* is not set$/d' \
    -e '/^CONFIG_[A-Z0-9_]*=[0-9]*$/d' .config
  for name in ${APPLETS} ${OPTIONS}; do
    sed -i "/^# CONFIG_${name} is not set\$/d" .config
    echo "CONFIG_${name}=y" >> .config
  done
  yes '' | make HOSTCC=gcc-12 oldconfig
  for name in ${APPLETS} ${OPTIONS}; do
    grep -qx "CONFIG_${name}=y" .config || { echo "no ${name}"; return 1; }
  done
}

# LDFLAGS would go to ld -r as well, once for each folder.
build() {
  make "-j${JOBS}" "CC=${CC}" HOSTCC=gcc-12 "CFLAGS_busybox=${LDFLAGS}" \
    LDFLAGS= CFLAGS=-O1 busybox_unstripped
}
