#!/bin/sh
# Compiles the programs for BPF. Needs clang; CLANG names another version.
set -eu
cd "$(dirname "$0")"
for source in *.c; do
	"${CLANG:-clang-19}" -O2 -target bpf -mcpu=v3 -Wall -Werror -fno-builtin -c "$source" -o "${source%.c}.o"
done
