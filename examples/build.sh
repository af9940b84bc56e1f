#!/bin/sh
# Compiles the examples against a kernel's BTF (plain or gzip): examples/build.sh [VMLINUX_BTF]
# Needs clang, llvm-strip, bpftool and libbpf's headers. CLANG, LLVM_STRIP and BPFTOOL name other versions.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
btf=${1:-$here/../tests/fixtures/goldens/vmlinux-6.12.btf.gz}
clang=${CLANG:-clang-19}
strip=${LLVM_STRIP:-llvm-strip-19}
bpftool=${BPFTOOL:-$(command -v bpftool || echo /usr/sbin/bpftool)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $btf in
*.gz) gunzip -c "$btf" >"$work/vmlinux" ;;
*) cp "$btf" "$work/vmlinux" ;;
esac
"$bpftool" btf dump file "$work/vmlinux" format c >"$work/vmlinux.h"
cd "$here"
for source in *.bpf.c; do
	object=${source%.c}.o
	# A fixed debug directory keeps the objects byte-stable wherever they are built.
	"$clang" -O2 -g -target bpf -mcpu=v3 -Wall -Werror -fdebug-prefix-map="$here"=. -I"$work" -c "$source" -o "$object"
	"$strip" -g "$object"
	echo "$object"
done
