#!/bin/sh
# extract-vmlinux.sh - writes the ELF file inside a bzImage to standard output.
#   usage: tools/extract-vmlinux.sh VMLINUZ
# Source: Linux Documentation/x86/boot.rst: setup_sects at 0x1f1, payload_offset and
# payload_length at 0x248 and 0x24c; the last four bytes of the payload are its unpacked size.
set -eu

image=${1:?usage: tools/extract-vmlinux.sh VMLINUZ}

# number OFFSET BYTES - a little-endian number of the header.
number() {
	od -An -v -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '
}

[ "$(number $((0x202)) 2)" -ge $((0x208)) ] 2>/dev/null || {
	echo "pandok: '$image' is no bzImage of boot protocol 2.08 or later" >&2
	exit 1
}
sects=$(number $((0x1f1)) 1)
[ "$sects" != 0 ] || sects=4
at=$(((sects + 1) * 512 + $(number $((0x248)) 4)))
len=$(number $((0x24c)) 4)

payload() { tail -c +$((at + 1)) "$image" | head -c "$len"; }

# The four bytes of size at the end are not part of the stream; decoders may complain about them.
case $(od -An -v -t x1 -j "$at" -N 6 "$image" | tr -d ' ') in
1f8b*) unpack="gzip -dcq" ;;
fd377a585a00) unpack="xz -dc --single-stream" ;;
28b52ffd*) unpack="zstd -dcq" ;;
425a68*) unpack="bzip2 -dcq" ;;
5d0000*) unpack="xz -dc --format=lzma" ;;
02214c18*) unpack="lz4 -dcq" ;;
7f454c46*) unpack=cat ;;
*)
	echo "pandok: the payload of '$image' is packed in a way this script does not know" >&2
	exit 1
	;;
esac
payload | $unpack 2>/dev/null || true
