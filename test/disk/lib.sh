# lib.sh - what disk tests share: a guest with drivers for its cards, and images that nobody owns.
. test/boot/lib.sh

# The busybox guest with its drivers; standard input is its shell's.
lab() {
	lab_name=$1
	shift
	pandok "$lab_name" run --net none --initrd "$shell" --initrd "$modules" "$@" "$kernel" quiet \
		pandok.tty=none panic=-1
}

# need_lab NAME... - what lab() boots, or SKIP for each name.
need_lab() {
	if asset kernel amd64; then kernel=$asset; else skip_all "no Debian kernel" "$@"; fi
	if asset shell; then shell=$asset; else skip_all "no shell to boot" "$@"; fi
	if asset modules amd64; then modules=$asset; else skip_all "no kernel modules" "$@"; fi
}

skip_all() {
	skip_why=$1
	shift
	for skip_name; do
		echo "SKIP $skip_name: $skip_why"
	done
	exit 0
}

# image FILE SIZE - an empty ext4 file system that the unprivileged user may write.
image() {
	rm -f "$1"
	truncate -s "$2" "$1" && mke2fs -q -t ext4 "$1" 2>"$OUT/mke2fs.log" && chmod 666 "$1"
}

# Commands that load the drivers of a lab guest.
drivers='modprobe -a virtio_pci virtio_blk crc32c_generic ext4; mkdir -p /m'
