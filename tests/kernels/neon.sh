#!/bin/sh
# The kernel tests on the NEON variants: cross-compiled for aarch64 and run under qemu.
#   neon.sh [BUILD_DIR]     writes under BUILD_DIR/neon; default: $CCLIP_BINARY, else ./build
# Exit status: 0 passed, 1 failed, 77 when the cross compiler or qemu is not installed.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-${CCLIP_BINARY:-build}}/neon
cc=${CCLIP_CROSS_CC:-aarch64-linux-gnu-gcc}
qemu=${CCLIP_QEMU:-qemu-aarch64}
for tool in "$cc" "$qemu"; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "neon: $tool is not installed; skipped"
        exit 77
    fi
done
mkdir -p "$out"
flags="-std=c11 -D_GNU_SOURCE -O3 -ffp-contract=off -Wall -Wextra -Werror -static -I$source/include -I$source/src"
objects=
for file in "$source"/src/base/*.c "$source"/src/tensor/*.c "$source"/src/cpu/*.c "$source"/src/cpu/arm/*.c; do
    object=$out/$(basename "$(dirname "$file")")_$(basename "$file" .c).o
    # shellcheck disable=SC2086
    "$cc" $flags -c "$file" -o "$object" || exit 1
    objects="$objects $object"
done
for name in product conv2d attention; do
    # shellcheck disable=SC2086
    "$cc" $flags -I"$source/tests/kernels/cpu/neon" -I"$source/tests" \
        "$source/tests/kernels/cpu/test_$name.c" $objects -o "$out/test_$name" -lm -lpthread || exit 1
    echo "$name:"
    "$qemu" "$out/test_$name" || exit 1
done
