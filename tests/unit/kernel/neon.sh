#!/bin/sh
# usage: neon.sh SOURCE_ROOT BUILD_DIR - compiles the kernel floor for 64-bit ARM and runs it in an emulator.
set -eu
root=$1 out=$2/neon
common="-std=gnu11 -I$root/include -I$root/src -I$root/tests/unit/kernel -Wall -Wextra -Werror"
cd "$2"
aarch64-linux-gnu-gcc $common -O2 -ffp-contract=off -c "$root/src/kernel/exact.c" -o neon_exact.o
aarch64-linux-gnu-gcc $common -O2 -ffp-contract=off -c "$root/src/kernel/select.c" -o neon_select.o
for variant in scalar neon; do
    aarch64-linux-gnu-gcc $common -O3 -fassociative-math -fno-signed-zeros -fno-trapping-math \
        -c "$root/src/kernel/$variant.c" -o "neon_$variant.o"
done
aarch64-linux-gnu-gcc $common -O2 -ffp-contract=off "$root/tests/unit/kernel/neon.c" neon_exact.o neon_select.o \
    neon_scalar.o neon_neon.o -static -lm -o "$out"
qemu-aarch64 "$out"
