#!/bin/sh
# Installs what is missing of packages.txt. Usage: install_packages.sh [group...]; default all.
# Asks dpkg first, so that a run with nothing missing needs no network, no root and no second.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
log=${FINACK_LOG_DIR:-$root/build/logs}/packages.log

fail() {
  echo "error: $*" >&2
  exit 1
}

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 ||
  fail "this is not Debian (no dpkg-query or apt-get): install what packages.txt names by hand," \
    "then run again with FINACK_SKIP_PACKAGES=1"

# Prints the package names of the wanted groups.
wanted() {
  awk -v groups=" $* " '
    /^# group:/ { group = $3; next }
    /^[ \t]*(#|$)/ { next }
    groups == "  " || index(groups, " " group " ") { print $1 }' "$root/packages.txt"
}

packages=$(wanted "$@")
[ -n "$packages" ] || fail "no package in packages.txt is in the group: $*"

missing=""
installed=" $(dpkg-query -W -f='${db:Status-Abbrev}|${Package}\n' 2>/dev/null |
  awk -F'|' '$1 ~ /^.i/ { print $2 }' | tr '\n' ' ') "
for package in $packages; do
  case "$installed" in
    *" $package "*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 ||
    fail "these packages are missing and neither root nor sudo is there to install them:$missing"
  as_root="sudo"
fi

mkdir -p "$(dirname "$log")"
echo "installing:$missing (log: $log)"
: >"$log"
apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1
}

refresh() {
  apt update && return
  tail -n 5 "$log" >&2
  fail "apt-get update failed: is the network there? ($log)"
}

# Stale or absent lists: a simulated install tells without touching the network.
# shellcheck disable=SC2086
if ! apt-get -s -q install --no-install-recommends $missing >/dev/null 2>&1; then
  refresh
fi
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $missing; then
  # The lists may be older than the archive: once more with fresh ones.
  refresh
  apt install --no-install-recommends $missing || {
    tail -n 15 "$log" >&2
    fail "apt-get could not install:$missing (Debian 12 is expected; whole log: $log)"
  }
fi
