#!/bin/sh
# Builds a preset of CMakePresets.json and runs its tests. Usage: second_build.sh PRESET LABELS WITHOUT
# LABELS and WITHOUT are regular expressions over the labels of tests; WITHOUT may be empty.
preset=$1 labels=$2 without=$3
cd "$(dirname "$0")/.." || exit 1
if [ "$preset" = clang ] && ! command -v clang >/dev/null; then
    echo "clang is not installed"
    exit 77
fi
jobs=$(nproc)
unset MAKEFLAGS MAKELEVEL
folder=${CCLIP_BINARY:-build}/$preset
generator=
if [ ! -f "$folder/CMakeCache.txt" ] && command -v ninja >/dev/null; then
    generator="-G Ninja"
fi
cmake --preset "$preset" -B "$folder" $generator || exit 1
cmake --build "$folder" -j "$jobs" || exit 1
set -- --test-dir "$folder" --output-on-failure -j "$jobs" -L "$labels"
[ -z "$without" ] || set -- "$@" -LE "$without"
ctest "$@"
