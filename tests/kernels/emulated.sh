#!/bin/sh
# The kernel tests on a CPU that this machine is not, under qemu: Nehalem has no AVX (only plain C may run; a stray
# instruction ends in a signal), Haswell has AVX2 but no AVX-512. No emulator of the distribution runs AVX-512.
# Usage: emulated.sh CPU PROGRAM...
command -v qemu-x86_64 >/dev/null || { echo "qemu-x86_64 is not installed (package qemu-user)"; exit 77; }
cpu=$1
shift
[ $# -gt 0 ] || { echo "no kernel tests"; exit 1; }
failed=0
for program in "$@"; do
    echo "== ${program##*/} on $cpu"
    qemu-x86_64 -cpu "$cpu" "$program" 2>&1 || { echo "failed with exit status $?"; failed=1; }
done
exit $failed
