# debian.sh - a whole Debian on an MBR disk with GRUB, to its login prompt; from virtio only in soak.
. test/bios/lib.sh

debian=$(tools/guest-assets.sh debian 2>"$OUT/assets.log") || {
	echo "SKIP debian: $(tail -n 1 "$OUT/assets.log")"
	exit 0
}
cat >"$OUT/debian.cfg" <<'END'
set root=(hd0,msdos1)
linux /vmlinuz root=LABEL=debian rw console=ttyS0 quiet
initrd /initrd.img
boot
END
tools/grub-disk.sh "$debian/root.img" "$OUT/debian.cfg" "$OUT/debian.img" 2>"$OUT/assets.log" || {
	echo "SKIP debian: $(tail -n 1 "$OUT/assets.log")"
	exit 0
}
chmod 644 "$OUT/debian.img"

# Log in, ask what is of interest, and power off.
session() {
	once "$1" 'login: ' <<-'END'
		root
	END
	once "$1" 'Password: ' <<-'END'
		pandok
	END
	once "$1" ':~#' <<-'END'
		stty -echo; PS1=
		echo "state $(systemctl is-system-running --wait)"; systemctl --failed --no-legend
		echo "root on $(findmnt -no SOURCE /)"; poweroff
	END
	until [ -e "$OUT/$1.status" ]; do sleep 0.5; done # the end of input would press the power button
}

for bus in ide virtio; do
	name=debian-$bus
	[ $bus = ide ] || [ "$TIER" = soak ] || continue
	session $name | LIMIT=200 pandok $name run --engine soft --memory 1g --timeout 190 --overlay \
		--block "$OUT/debian.img$([ $bus = virtio ] || echo ,ide)"
	node=$([ $bus = ide ] && echo sda1 || echo vda1)
	verdict $name ended $name 0 -- said $name 'state running' -- said $name "root on /dev/$node"
done
rm -f "$OUT/debian.img"
