# ladder.sh - Xen guests nobody wrote for us: GRUB's image, and Debian's stock kernel.
# tiers: full soak
set -u
. test/disk/lib.sh

d=$OUT/ladder
mkdir -p "$d"

# ---- GRUB's paravirtual image: a config on a disk ends it, without one it stays at its prompt ----

if asset file grub-xen-host usr/lib/grub-xen/grub-x86_64-xen.bin; then
	grub=$asset
	mkdir -p "$d/root/boot/grub"
	printf 'echo "grub-reads-its-config"\nhalt\n' >"$d/root/boot/grub/grub.cfg"
	mke2fs -q -t ext4 -d "$d/root" "$d/grub.img" 16M >"$d/mke2fs.log" 2>&1 && chmod 666 "$d/grub.img"
	pandok grub_config run --memory 64 --timeout 60 --block "$d/grub.img" "$grub" </dev/null
	verdict grub_config ended grub_config 0 -- grep -aq 'grub-reads-its-config' "$OUT/grub_config.txt"
	{ once grub_prompt 'grub>' <<'E'; sleep 1; echo halt; } | pandok grub_prompt run --memory 64 --timeout 60 "$grub"
ls
E
	verdict grub_prompt ended grub_prompt 0 -- grep -aq '(memdisk)' "$OUT/grub_prompt.txt"
else
	echo "SKIP grub_config: no grub-xen-host package"
	echo "SKIP grub_prompt: no grub-xen-host package"
fi

# ---- Debian's stock kernel as a Xen guest: a shell on hvc0, xvda ----

need_lab linux_disk
image "$d/xvda.img" 32M
lab linux_disk --xen --memory 256 --timeout 120 --block "$d/xvda.img" <<'E'
uname -r; cat /sys/hypervisor/type
modprobe -a xen_blkfront crc32c_generic ext4; mkdir -p /m; mount /dev/xvda /m && echo mounted
dd if=/dev/urandom of=/m/noise bs=64k count=100 2>/dev/null; md5sum </m/noise >/m/sum; echo kept >/m/word
sync; echo 3 >/proc/sys/vm/drop_caches; [ "$(md5sum </m/noise)" = "$(cat /m/sum)" ] && echo equal
umount /m
i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i + 1)); done; echo forked
sleep 1; echo slept
poweroff -f
E
fsck() { e2fsck -fn "$1" >"$d/fsck.log" 2>&1; }
written() { [ "$(debugfs -R 'cat word' "$1" 2>/dev/null)" = kept ]; }
verdict linux_disk ended linux_disk 0 -- said linux_disk xen -- said linux_disk mounted -- \
	said linux_disk equal -- said linux_disk forked -- said linux_disk slept -- \
	fsck "$d/xvda.img" -- written "$d/xvda.img"

lab linux_net --xen --memory 256 --timeout 120 --net user <<'E'
modprobe xen_netfront; sleep 1; ip link set eth0 up
udhcpc -i eth0 -n -q -s /bin/true && ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
ping -c 2 10.0.2.2 >/dev/null && echo pinged
nslookup localhost 10.0.2.3 2>&1 | grep -q '^Server:.*10.0.2.3' && echo asked
poweroff -f
E
verdict linux_net ended linux_net 0 -- said linux_net pinged -- said linux_net asked
