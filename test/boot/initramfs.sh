# initramfs.sh - Debian's own full initial RAM disk, to its prompt just before it would mount a disk.
. test/boot/lib.sh

for what in vmlinux kernel; do
	name=debian-initrd-$what
	asset debian-initrd && initrd=$asset && asset $what amd64 || {
		echo "SKIP $name: cannot get it: $(tail -n 1 "$OUT/assets.log")"
		continue
	}
	printf 'echo $((6*7)) is the answer\npoweroff -f\n' | once $name '(initramfs)' |
		pandok $name run --engine soft --memory 1g --timeout 140 --initrd "$initrd" "$asset" \
			console=ttyS0 break=mount
	verdict $name grep -aq '(initramfs)' "$OUT/$name.txt" -- \
		grep -aq '^42 is the answer' "$OUT/$name.txt" -- ended $name 0
done
