#!/bin/sh
# grub-disk.sh - puts a file system behind an MBR and GRUB, so that a BIOS boots it. Needs no root.
#   usage: tools/grub-disk.sh FS CONFIG DISK
#     FS      an image of an ext2/3/4 file system
#     CONFIG  GRUB's commands; the file system is (hd0,msdos1), and $root
#     DISK    the disk that is written: one partition, from 1 MiB on
set -eu

fs=$1 config=$2 disk=$3
boot=$("$(dirname "$0")/guest-assets.sh" file grub-pc-bin usr/lib/grub/i386-pc/boot.img)
mkimage=$("$(dirname "$0")/guest-assets.sh" file grub-common usr/bin/grub-mkimage)

# le32 NUMBER - as four bytes, little-endian
le32() {
	printf "\\$(printf %03o $(($1 & 255)))\\$(printf %03o $(($1 >> 8 & 255)))"
	printf "\\$(printf %03o $(($1 >> 16 & 255)))\\$(printf %03o $(($1 >> 24 & 255)))"
}

# put OFFSET - standard input into the disk at a byte offset
put() { dd of="$disk.new" bs=1 seek="$1" conv=notrunc status=none; }

"$mkimage" -d "$(dirname "$boot")" -O i386-pc -c "$config" -o "$disk.core" -p '(hd0,msdos1)/boot/grub' \
	biosdisk part_msdos ext2 normal linux linux16 configfile echo boot test ls reboot halt
rm -f "$disk.new"
dd if="$fs" of="$disk.new" bs=1M seek=1 conv=sparse status=none
truncate -s $((1048576 + $(stat -c %s "$fs"))) "$disk.new"
# GRUB's boot sector reads the next one, whose list of blocks grub-mkimage has filled in.
head -c 440 "$boot" | put 0
{ # an active Linux partition; CHS addresses say "too large"
	printf '\200\376\377\377\203\376\377\377'
	le32 2048
	le32 $(($(stat -c %s "$fs") / 512))
} | put 446
printf '\125\252' | put 510
dd if="$disk.core" of="$disk.new" bs=512 seek=1 conv=notrunc status=none
rm -f "$disk.core"
mv "$disk.new" "$disk"
