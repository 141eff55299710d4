# debian.sh - a whole Debian on a raw ext4 disk: its login prompt, no failed unit, fio with verify.
. test/disk/lib.sh

names='debian-login debian-units debian-fio debian-off'
debian=$(tools/guest-assets.sh debian 2>"$OUT/assets.log") || skip_all "no Debian disk" $names
for f in vmlinuz initrd.img; do
	cp "$debian/$f" "$OUT/$f" && chmod 644 "$OUT/$f"
done
# The image may lie where the unprivileged user cannot go: it is handed over as an open file.
exec 9<"$debian/root.img"
truncate -s 256M "$OUT/fio.img" && chmod 666 "$OUT/fio.img"

size=4m
[ "$TIER" != soak ] || size=60m
fio="fio --name=verify --filename=/dev/vdb --rw=randwrite --bsrange=4k-64k --size=$size --numjobs=4
	--offset_increment=64m --ioengine=libaio --iodepth=8 --direct=1 --verify=crc32c --verify_fatal=1
	--do_verify=1 --group_reporting --minimal"

# talk - what a person would type, each line when the guest asks for it.
talk() {
	echo root | once debian 'login: '
	echo pandok | once debian 'Password: '
	once debian '# ' <<-EOF
		export TERM=dumb
		echo state \$(systemctl is-system-running --wait)
		systemctl --failed --no-legend --plain
		echo "failed: \$(systemctl --failed --no-legend --plain | wc -l)"
		echo fio status \$($(echo "$fio" | tr -d '\n\t') >/run/fio.log 2>&1; echo \$?); cat /run/fio.log
		systemctl poweroff
	EOF
	once debian 'reboot: Power down' </dev/null
}

[ "$TIER" != soak ] || LIMIT=1800
talk | LIMIT=${LIMIT:-280} pandok debian run --memory 1g --net none --initrd "$OUT/initrd.img" \
	--block /dev/fd/9,overlay --block "$OUT/fio.img" "$OUT/vmlinuz" root=/dev/vda rw
cp "$OUT/debian.txt" "$OUT/debian-all.txt"
for n in $names; do
	for ext in txt err status; do
		cp "$OUT/debian.$ext" "$OUT/$n.$ext"
	done
done
has() { grep -aqF -- "$1" "$OUT/debian.txt"; }
verdict debian-login has 'debian login: '
verdict debian-units said debian 'state running' -- said debian 'failed: 0'
verdict debian-fio said debian 'fio status 0'
verdict debian-off ended debian 0
