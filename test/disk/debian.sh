# debian.sh - a whole Debian on a raw ext4 disk, with 1, 2 and 4 processors: its login prompt, no failed
# unit, fio with verify.
. test/disk/lib.sh

cpus='1 4'
[ "$TIER" != soak ] || cpus='1 2 4'
names=
for n in $cpus; do
	names="$names debian-$n-login debian-$n-units debian-$n-fio debian-$n-off"
done
debian=$(tools/guest-assets.sh debian 2>"$OUT/assets.log") || skip_all "no Debian disk" $names
for f in vmlinuz initrd.img; do
	cp "$debian/$f" "$OUT/$f" && chmod 644 "$OUT/$f"
done
# The image may lie where the unprivileged user cannot go: it is handed over as an open file.
exec 9<"$debian/root.img"

size=4m
[ "$TIER" != soak ] || size=60m
fio="fio --name=verify --filename=/dev/vdb --rw=randwrite --bsrange=4k-64k --size=$size --numjobs=4
	--offset_increment=64m --ioengine=libaio --iodepth=8 --direct=1 --verify=crc32c --verify_fatal=1
	--do_verify=1 --group_reporting --minimal"

# talk NAME - what a person would type, each line when the guest asks for it.
talk() {
	echo root | once "$1" 'login: '
	echo pandok | once "$1" 'Password: '
	once "$1" '# ' <<-EOF
		export TERM=dumb
		echo state \$(systemctl is-system-running --wait)
		systemctl --failed --no-legend --plain
		echo processors \$(nproc)
		echo fio status \$($(echo "$fio" | tr -d '\n\t') >/run/fio.log 2>&1; echo \$?); cat /run/fio.log
		systemctl poweroff
	EOF
	once "$1" 'reboot: Power down' </dev/null
}

# debian N - one run with N processors; what it said is judged under four names.
debian() {
	rm -f "$OUT/fio.img"
	truncate -s 256M "$OUT/fio.img" && chmod 666 "$OUT/fio.img"
	talk "debian-$1" | pandok "debian-$1" run --cpus "$1" --memory 1g --net none \
		--initrd "$OUT/initrd.img" --block /dev/fd/9,overlay --block "$OUT/fio.img" "$OUT/vmlinuz" \
		root=/dev/vda rw
	for part in login units fio off; do
		for ext in txt err status; do
			cp "$OUT/debian-$1.$ext" "$OUT/debian-$1-$part.$ext"
		done
	done
	verdict "debian-$1-login" has "$1" 'debian login: '
	verdict "debian-$1-units" said "debian-$1" 'state running' -- said "debian-$1" "processors $1"
	verdict "debian-$1-fio" said "debian-$1" 'fio status 0'
	verdict "debian-$1-off" ended "debian-$1" 0
}
has() { grep -aqF -- "$2" "$OUT/debian-$1.txt"; }

LIMIT=400
[ "$TIER" != soak ] || LIMIT=1800
for n in $cpus; do
	debian $n
done
