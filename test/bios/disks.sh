# disks.sh - GRUB on a disk, from IDE and from virtio; then Linux' own drivers on the same drives.
. test/bios/lib.sh

small_disk || { echo "SKIP disks: $(tail -n 1 "$OUT/assets.log")"; exit 0; }
asset file memtest86+ usr/lib/memtest86+/memtest86+x64.iso || true
cd=$asset
cd_sum=$(sha256sum <"$cd")
floppy=$OUT/floppy.img
head -c 1474560 "$cd" >"$floppy" && chmod 666 "$floppy"
floppy_sum=$(sha256sum <"$floppy")

free=2000 # a sector that neither GRUB nor the file system uses

# errands DISK - what the guest's shell does: the disk is what it is, and so is the CD; a write stays.
errands() {
	cat <<-END
		modprobe -a ata_piix sd_mod sr_mod virtio_pci virtio_blk floppy
		sleep 1; until [ -b /dev/$1 ] && [ -b /dev/sr0 ]; do sleep 0.2; done
		sha256sum </dev/$1 | sed s/^/disk\ /
		sha256sum </dev/sr0 | sed s/^/cd\ /
		head -c 1474560 </dev/fd0 | sha256sum | sed s/^/floppy\ /
		echo written | dd of=/dev/$1 bs=512 seek=$free conv=notrunc,fsync 2>/dev/null
		dmesg | grep -ciE 'ata[0-9.:]*.*(error|failed|exception)|I/O error'
	END
}

for bus in ide virtio; do
	name=grub-$bus
	cp --sparse=always "$disk" "$OUT/$name.img" && chmod 666 "$OUT/$name.img"
	sum=$(sha256sum <"$disk")
	node=$([ $bus = ide ] && echo sda || echo vda)
	errands $node | once $name 'first line of /init' |
		pandok $name run --engine soft --memory 512m --timeout 100 --cdrom "$cd" --floppy "$floppy" \
			--block "$OUT/$name.img$([ $bus = virtio ] || echo ,ide)"
	dd if="$OUT/$name.img" bs=512 skip=$free count=1 status=none | tr -d '\0' >"$OUT/$name.note"
	verdict $name ended $name 0 -- said $name "disk $sum" -- said $name "cd $cd_sum" -- \
			said $name "floppy $floppy_sum" -- \
		said $name 0 -- grep -qx written "$OUT/$name.note"
	rm -f "$OUT/$name.img"
done
