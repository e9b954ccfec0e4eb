#!/bin/sh
# The kernel tests on CPUs that this machine is not, under qemu: one without AVX (only plain C may run; a stray
# instruction ends in a signal) and one with AVX2 but no AVX-512. No emulator of the distribution runs AVX-512.
# Usage: emulated.sh PROGRAM...
command -v qemu-x86_64 >/dev/null || { echo "qemu-x86_64 is not installed (package qemu-user)"; exit 77; }
[ $# -gt 0 ] || { echo "no kernel tests"; exit 1; }
failed=0
for cpu in Nehalem Haswell; do
    for program in "$@"; do
        echo "== ${program##*/} on $cpu"
        qemu-x86_64 -cpu $cpu "$program" 2>&1 || { echo "failed with exit status $?"; failed=1; }
    done
done
exit $failed
