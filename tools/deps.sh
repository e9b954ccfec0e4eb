#!/bin/sh
# Installs the packages of cmake/debian-packages.txt that are missing. Without root, or on another
# distribution, says what is missing and goes on: the build then tells what it cannot do without.
list=$(dirname "$0")/../cmake/debian-packages.txt
command -v dpkg-query >/dev/null || { echo "make deps: no dpkg here; see cmake/debian-packages.txt" >&2; exit 0; }

# The missing packages of the levels given as an extended regular expression
missing() {
    sed 's/#.*//' "$list" | while read -r package level reason; do
        echo "$level" | grep -Eqx "$1" || continue
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null
}

all=$(missing '.+')
[ -n "$all" ] || exit 0
echo "make deps: missing:" $all
if [ "$(id -u)" -ne 0 ]; then
    echo "make deps: not root, so nothing is installed; this would do it:" >&2
    echo "  sudo apt-get install --no-install-recommends" $all >&2
    exit 0
fi
# Fresh images come without lists, old ones with stale lists: fetch them when something is missing.
apt-get -o Acquire::http::Timeout=20 -o Acquire::Retries=1 update </dev/null || echo "make deps: the package lists could not be fetched" >&2
install $all && exit 0

# Something is not to be had here: first what is needed, then the rest one by one.
required=$(missing required)
if [ -n "$required" ]; then
    install $required || { echo "make deps: could not install:" $required >&2; exit 1; }
fi
for package in $(missing 'optional|test'); do
    install "$package" || echo "make deps: $package could not be installed; its part will be left out" >&2
done
exit 0
