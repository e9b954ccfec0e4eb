#!/bin/sh
# Installs into an empty prefix and uses what is there as a stranger would: the program, pkg-config and
# CMake, C and C++, shared and static; then takes it away again, and nothing may be left.
here=$(cd "$(dirname "$0")" && pwd)
top=$(mktemp -d "${TMPDIR:-/tmp}/cclip-install-XXXXXX") || exit 1
manifest=$CCLIP_BINARY/install_manifest.txt # a person may have installed from this build folder too
[ ! -f "$manifest" ] || cp "$manifest" "$top/manifest"
clean() {
    rm -f "$manifest"
    [ ! -f "$top/manifest" ] || cp "$top/manifest" "$manifest"
    rm -rf "$top"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
prefix=$top/prefix
work=$top/work
mkdir "$work"

step() {
    echo "-- $*"
    "$@" || { echo "failed: $*"; exit 1; }
}

step "$CCLIP_CMAKE" --install "$CCLIP_BINARY" --prefix "$prefix" >"$work/log"
step "$prefix/bin/cclip" --version
libraries=$(dirname "$(find "$prefix" -name cclip.pc)")
export PKG_CONFIG_PATH="$libraries"
libraries=$(dirname "$libraries")
export LD_LIBRARY_PATH="$libraries"

version=$(pkg-config --modversion cclip) || exit 1
flags=$(pkg-config --cflags cclip) || exit 1
shared=$(pkg-config --libs cclip) || exit 1
static=$(pkg-config --static --libs cclip | sed 's/-lcclip/-l:libcclip.a/') || exit 1
warnings="-Wall -Wextra -pedantic -Werror"
for form in shared static; do
    eval "libs=\$$form"
    step "$CCLIP_CC" -std=c11 $warnings $flags "$here/consumer/consumer.c" -o "$work/c_$form" $libs
    step "$CCLIP_CXX" -std=c++11 $warnings $flags "$here/consumer/consumer.cc" -o "$work/cxx_$form" $libs
    step "$work/c_$form"
    step "$work/cxx_$form"
done
if ldd "$work/c_static" | grep cclip; then
    echo "the static program wants the shared library"
    exit 1
fi

step "$CCLIP_CMAKE" -S "$here/consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCCLIP_WANTED="$version" \
    -DCMAKE_C_COMPILER="$CCLIP_CC" -DCMAKE_CXX_COMPILER="$CCLIP_CXX" >"$work/log"
step "$CCLIP_CMAKE" --build "$work/cmake" >"$work/log"
for program in c_cclip c_static cxx_cclip cxx_static; do
    step "$work/cmake/$program"
done

# The examples know nothing but the installed headers.
for example in "$CCLIP_SOURCE"/examples/[0-9]*.c "$CCLIP_SOURCE"/examples/[0-9]*.cc; do
    [ -f "$example" ] || continue
    case $example in
    *.cc) step "$CCLIP_CXX" -std=c++11 $warnings $flags "$example" -o "$work/example" $shared ;;
    *) step "$CCLIP_CC" -std=gnu11 $warnings $flags "$example" -o "$work/example" $shared -lm ;;
    esac
done

# A page and a completion for every verb
"$prefix/bin/cclip" --help | awk '/^Verbs:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' >"$work/verbs"
step test -s "$work/verbs"
while read -r verb; do
    step test -s "$prefix/share/man/man1/cclip-$verb.1"
    step grep -q "$verb" "$prefix/share/bash-completion/completions/cclip"
done <"$work/verbs"
step test -s "$prefix/share/man/man1/cclip.1"
step bash -n "$prefix/share/bash-completion/completions/cclip"

step sh "$CCLIP_SOURCE/tools/uninstall.sh" "$manifest"
left=$(find "$prefix" -type f -o -type l)
if [ -n "$left" ]; then
    echo "left after uninstall: $left"
    exit 1
fi
