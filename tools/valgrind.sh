#!/bin/sh
# Runs the examples under valgrind: no invalid access, no leak. Usage: valgrind.sh BUILD-FOLDER
# The program of a release build uses instructions that valgrind may not know, hence CCLIP_CPU=avx2.
build=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
command -v valgrind >/dev/null || { echo "valgrind is not installed: make deps"; exit 1; }
export CCLIP_CPU=avx2
failed=0 ran=0
for program in "$build"/examples/[0-9]*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    name=${program##*/}
    echo "== $name"
    CCLIP_RUN="valgrind -q --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
--error-exitcode=9" sh examples/run.sh "$name" "$program" >/dev/null || { echo "$name: failed"; failed=1; }
    ran=$((ran + 1))
done
echo "valgrind: $ran examples"
[ $ran -gt 0 ] && [ $failed -eq 0 ]
