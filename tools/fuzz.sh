#!/bin/sh
# Builds every fuzz target with libFuzzer, AddressSanitizer and UBSan and runs each for a while.
# Usage: fuzz.sh SECONDS [TARGET...]   New inputs go to build/fuzz/found/<name>; one that fails is kept as
# build/fuzz/failed/<name>-*, to be added to tests/fuzz/corpora/<name>/ once it is mended.
seconds=${1:-60}
[ $# -eq 0 ] || shift
cd "$(dirname "$0")/.." || exit 1
build=build/fuzz
generator=
if [ ! -f $build/CMakeCache.txt ] && command -v ninja >/dev/null; then
    generator="-G Ninja"
fi
cmake --preset fuzz $generator >/dev/null || exit 1
cmake --build $build -j "$(nproc)" || exit 1
mkdir -p $build/failed
export LSAN_OPTIONS="suppressions=$PWD/tests/support/leaks.supp:print_suppressions=0"
failed=
for program in $build/targets/fuzz_*; do
    name=${program##*/fuzz_}
    case " $* " in "  " | *" $name "*) ;; *) continue ;; esac
    mkdir -p "$build/found/$name"
    echo "== $name, $seconds s"
    "$program" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=30 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$build/failed/$name-" "$build/found/$name" "tests/fuzz/corpora/$name" 2>&1 |
        tee "$build/failed/$name.log" | grep -E 'stat::number_of_executed|ERROR|SUMMARY|Test unit'
    grep -q 'SUMMARY: ' "$build/failed/$name.log" && failed="$failed $name"
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
echo "all targets ran clean"
