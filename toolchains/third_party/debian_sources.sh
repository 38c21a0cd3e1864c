#!/bin/bash
# debian_sources.sh PACKAGE...: puts the files of each Debian source package
# into a folder of its name here, by apt and from where this machine's apt gets
# its binary packages. What could not be had has PACKAGE.missing instead, and in
# it the reason. The system's apt is not changed: it has no deb-src entries as a
# rule, so the lists of sources are fetched into a folder here, and removed.
set -u

readonly APT="${PWD}/apt"
mkdir -p "${APT}/sources" "${APT}/lists/partial" "${APT}/cache/archives/partial"
trap 'rm -rf "${APT}"' EXIT

# The files that say where Debian's packages come from, not other people's.
origins() {
  # shellcheck disable=SC2016  # apt expands this one
  apt-get indextargets --format '$(SOURCESENTRY)' 'Created-By: Packages' \
    'Origin: Debian' | sed 's/:[0-9]*$//' | sort -u
}

# The same with deb-src for deb, in both of apt's formats.
while read -r file; do
  sed -E -e 's/^deb([[:space:]])/deb-src\1/' -e 's/^Types:.*/Types: deb-src/' \
    "${file}" > "${APT}/sources/${file##*/}"
done < <(origins)

options=(-q -o "Dir::Etc::sourcelist=/dev/null"
  -o "Dir::Etc::sourceparts=${APT}/sources" -o "Dir::State::lists=${APT}/lists"
  -o "Dir::Cache=${APT}/cache" -o APT::Sandbox::User=root
  -o Acquire::Retries=2 -o Acquire::http::Timeout=20)

apt-get "${options[@]}" update > "${APT}/log" 2>&1
for package in "$@"; do
  mkdir -p "${package}"
  if ! (cd "${package}" && apt-get "${options[@]}" source --download-only \
    "${package}") > "${APT}/log.${package}" 2>&1; then
    rm -rf "${package}"
    # Without a network it is the lists that could not be had.
    {
      grep -m 1 'Failed to fetch' "${APT}/log"
      grep '^E:' "${APT}/log.${package}"
    } | head -n 1 > "${package}.missing"
  fi
done
