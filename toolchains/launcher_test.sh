#!/bin/bash
# The launcher, in a tree of its own with stand-ins for Bazel, dpkg and apt.
set -u
failures=0
fail() {
  echo "FAILED: $*"
  failures=1
}

tree="$(realpath "${TEST_TMPDIR:?}")/tree"
mkdir -p "${tree}/toolchains/third_party/small" "${tree}/bin" "${tree}/sub/sub"
cp -L toolchains/bazel toolchains/packages.txt "${tree}/toolchains/"
touch "${tree}/WORKSPACE" "${tree}/toolchains/third_party/small/WORKSPACE"

stub() {
  printf '#!/bin/bash\n%s\n' "$2" > "${tree}/bin/$1"
  chmod +x "${tree}/bin/$1"
}
stub bazel 'echo "$(pwd -P)" "$@"'
export HAKMEM_BAZEL="${tree}/bin/bazel" HOME="${TEST_TMPDIR}"

# launch WANTED-EXIT-CODE WANTED-TEXT FOLDER LAUNCHER [ARGUMENT]...
launch() {
  local code="$1" text="$2" folder="$3" out rc
  shift 3
  out="$(cd "${folder}" && "$@" 2>&1 < /dev/null)"
  rc=$?
  [[ "${rc}" -eq "${code}" && "${out}" == *"${text}"* ]] ||
    fail "$* in ${folder}: ${rc} (expected ${code}, '${text}'): ${out}"
}

# Any folder, any way to name it; the arguments arrive as they are.
export HAKMEM_NO_SETUP=1
launch 0 "${tree} info a b" "${tree}" toolchains/bazel info "a b"
launch 0 "${tree}/sub/sub info" "${tree}/sub/sub" ../../toolchains/bazel info
launch 0 "${tree} info" / "${tree}/toolchains/bazel" info
launch 0 "${tree} info" "${tree}/toolchains/third_party/small" \
  ../../bazel info
ln -s "${tree}/toolchains/bazel" "${tree}/bin/launcher"
launch 0 "${tree} info" / "${tree}/bin/launcher" info
launch 0 "${tree} info" / env -u HOME -u USER "${tree}/bin/launcher" info
HAKMEM_BAZEL=/nonexistent launch 2 "there is no Bazel" "${tree}" \
  toolchains/bazel info
# A test that starts Bazel finds it from where it runs.
stub named 'echo "told ${HAKMEM_BAZEL}"'
HAKMEM_BAZEL=../bin/named launch 0 "told ${tree}/bin/named" "${tree}/sub" \
  ../toolchains/bazel info
cp toolchains/bazel "${tree}/bin/copy"
launch 2 "not in the toolchains folder" "${tree}" bin/copy info
unset HAKMEM_NO_SETUP

# All packages there: nothing but Bazel is started, in less than 0.3 s.
stub dpkg-query 'for p in "${@:4}"; do
  case "$p" in
    *:arm64) echo "${p%:arm64} arm64 installed" ;;
    *) echo "$p amd64 installed" ;;
  esac
done'
stub apt-get 'echo "apt-get $*" >&2; exit 100'
stub dpkg 'case "$1" in --print-*) echo amd64 ;; esac'
stub sudo 'exit 1'
export PATH="${tree}/bin:${PATH}"
launch 0 "${tree} info" "${tree}" toolchains/bazel info
[[ "$(cd "${tree}" && toolchains/bazel 2>&1)" == "${tree}" ]] ||
  fail "the launcher says something although nothing is missing"
best=9999
for _ in 1 2 3 4 5; do
  start="$(date +%s%N)"
  (cd "${tree}" && toolchains/bazel > /dev/null)
  took=$((($(date +%s%N) - start) / 1000000))
  [[ "${took}" -ge "${best}" ]] || best="${took}"
done
[[ "${best}" -lt 300 ]] || fail "nothing to do took ${best} ms"

# Optional packages are missing: who cannot install them is told so once, and
# they are tried once as soon as somebody can.
stub dpkg-query '[[ " $* " == *" bazel-bootstrap "* ]] || exit 1
for p in "${@:4}"; do
  case "$p" in
    *:arm64) echo "${p%:arm64} arm64 installed" ;;
    *) echo "$p amd64 installed" ;;
  esac
done'
export XDG_CACHE_HOME="${TEST_TMPDIR}/cache"
as_user=()
# In a user namespace of its own root is nobody, and owns its files.
[[ "${EUID}" -ne 0 ]] || as_user=(unshare -U)
if ${as_user[@]+"${as_user[@]}"} true; then
  for text in "what needs it is left out: libjemalloc-dev" "" \
    "installing the optional package libjemalloc-dev" ""; do
    [[ "${text}" != installing* ]] ||
      stub sudo '[[ "$1" == -n ]] || exec "$@"'
    launch 0 "${text}" "${tree}" ${as_user[@]+"${as_user[@]}"} \
      toolchains/bazel info
    [[ -n "${text}" ]] || launch 0 only "${tree}" \
      ${as_user[@]+"${as_user[@]}"} bash -c \
      '[[ "$(toolchains/bazel info 2>&1)" == "${PWD} info" ]] && echo only'
  done
else
  echo "skipped: optional packages; no user namespace, and this is root"
fi
stub sudo 'exit 1'

# Something is missing: as root apt is asked, and its failure reported; other
# users are told what to run.
stub dpkg-query 'exit 1'
if [[ "${EUID}" -eq 0 ]]; then
  launch 2 "apt-get could not install: bazel-bootstrap" "${tree}" \
    toolchains/bazel info
else
  launch 2 "please run: sudo sh -c" "${tree}" toolchains/bazel info
fi
rm "${tree}/toolchains/packages.txt"
launch 2 "cannot read" "${tree}" toolchains/bazel info

exit "${failures}"
