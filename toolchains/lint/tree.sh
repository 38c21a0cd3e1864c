# Shared by the lint tests: sets `tree` to the checkout and goes there.
#
# A lint test reads the tree itself and not declared copies of it, so that a
# new file is never forgotten. WORKSPACE among the runfiles is a link to it.
set -u

fail() {
  echo "$*" >&2
  exit 1
}

enter_tree() {
  tree="${1:-$(dirname "$(readlink -f WORKSPACE)")}"
  [[ -f "${tree}/WORKSPACE" ]] || fail "there is no checkout at ${tree}"
  cd "${tree}" || fail "cannot enter ${tree}"
}

# Prints the files below the folders $2... whose name matches the regex $1.
tree_files() {
  local pattern="$1"
  shift
  find "$@" \( -name '.git' -o -name 'bazel-*' \) -prune -o -type f -print |
    sed 's|^\./||' | grep -E "${pattern}" | LC_ALL=C sort
}
