# lab.sh - a small guest on every kind of disk: raw, packed rings, read-only, overlay, seed,
# qcow2, NBD; and by drivers of old, and without MSI-X.
. test/disk/lib.sh
need_lab raw reboot legacy wire packed seed readonly overlay qcow2 qcow2-without-qemu-nbd nbd

raw=$OUT/raw.img
image "$raw" 64M
write="$drivers
mount -t ext4 /dev/vda /m && dd if=/dev/urandom of=/m/data bs=64k count=160 2>/dev/null
echo sum \$(md5sum </m/data)
umount /m; echo 3 >/proc/sys/vm/drop_caches
mount -t ext4 /dev/vda /m && echo sum \$(md5sum </m/data); fstrim /m; umount /m
cat /sys/block/vda/serial; echo"
read="$drivers
mount -t ext4 -o ro /dev/vda /m && echo sum \$(md5sum </m/data); umount /m
echo ro \$(cat /sys/block/vda/ro)"

# sum NAME - the guest read the same twice; sets $sum.
sum() {
	sum=$(grep -a '^sum' "$OUT/$1.txt" | sort -u)
	[ -n "$sum" ] && [ "$(echo "$sum" | wc -l)" = 1 ]
}
sound() { e2fsck -fn "$1" >"$OUT/e2fsck.log" 2>&1; }
differ() { ! cmp -s "$1" "$2"; }
says() { grep -qF -- "$2" "$OUT/$1.err"; }

echo "$write" | lab raw --block "$raw,serial=number one"
verdict raw ended raw 0 -- sum raw -- sound "$raw" -- said raw 'number one'

# The guest resets the machine while requests are under way.
echo "$drivers; (while :; do dd if=/dev/vda of=/dev/null bs=64k; done) 2>/dev/null & sleep 0.2; reboot -f" |
	lab reboot --block "$raw,overlay"
twice() { [ "$(grep -acx 'pandok: first line of /init' "$OUT/reboot.txt")" = 2 ]; }
verdict reboot ended reboot 0 -- twice

echo "modprobe virtio_pci force_legacy=1; $write
cat /sys/bus/virtio/devices/virtio0/features" | lab legacy --block "$raw"
without_version_1() { grep -aqx '[01]\{32\}0*' "$OUT/legacy.txt"; }
verdict legacy ended legacy 0 -- sum legacy -- sound "$raw" -- without_version_1

echo "$write; grep 'IO-APIC.*virtio0' /proc/interrupts | sed 's/.*IO-APIC.*/by wire/'" |
	lab wire --append pci=nomsi --block "$raw"
verdict wire ended wire 0 -- sum wire -- sound "$raw" -- said wire 'by wire'

echo "$write" | lab packed --packed-rings --block "$raw"
verdict packed ended packed 0 -- sum packed -- sound "$raw"
written=$sum

echo "$read" | lab readonly --block "$raw,ro"
verdict readonly ended readonly 0 -- said readonly "$written" -- said readonly 'ro 1'

cp --sparse=always "$raw" "$OUT/before.img"
echo "$write" | lab overlay --overlay --block "$raw"
verdict overlay ended overlay 0 -- sum overlay -- differ /dev/null "$raw" -- cmp "$raw" "$OUT/before.img"

printf '#cloud-config\npackages: []\n' >"$OUT/user-data"
echo "modprobe -a virtio_pci virtio_blk isofs; mkdir /m; mount -t iso9660 /dev/vda /m; cat /m/*-data
echo label \$(dd if=/dev/vda bs=1 skip=32808 count=6 2>/dev/null)" | lab seed --seed "$OUT/user-data"
verdict seed ended seed 0 -- said seed '#cloud-config' -- said seed 'local-hostname: pandok' -- \
	said seed 'label cidata'

if command -v qemu-img >/dev/null && command -v qemu-nbd >/dev/null; then
	qemu-img convert -O qcow2 "$raw" "$OUT/disk.qcow2" && chmod 666 "$OUT/disk.qcow2"
	echo "$write" | lab qcow2 --block "$OUT/disk.qcow2"
	qemu-img convert -O raw "$OUT/disk.qcow2" "$OUT/back.img"
	verdict qcow2 ended qcow2 0 -- sum qcow2 -- sound "$OUT/back.img" -- differ "$OUT/back.img" "$raw"

	printf '#!/bin/sh\nPATH=/nonexistent exec %s "$@"\n' "$PROG" >"$OUT/no-path"
	chmod 755 "$OUT/no-path"
	echo | PROG=$OUT/no-path lab qcow2-without-qemu-nbd --block "$OUT/disk.qcow2"
	verdict qcow2-without-qemu-nbd ended qcow2-without-qemu-nbd 1 -- \
		says qcow2-without-qemu-nbd 'qemu-img convert -O raw'

	qemu-nbd --fork --persistent --format raw --socket "$OUT/nbd.sock" --pid-file "$OUT/nbd.pid" "$raw"
	chmod 777 "$OUT/nbd.sock"
	echo "$write" | lab nbd --block "nbd:nbd+unix:///?socket=$OUT/nbd.sock"
	kill "$(cat "$OUT/nbd.pid")"
	verdict nbd ended nbd 0 -- sum nbd -- sound "$raw"
else
	for name in qcow2 qcow2-without-qemu-nbd nbd; do
		echo "SKIP $name: qemu-utils is not installed"
	done
fi
