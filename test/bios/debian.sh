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

# answer TEXT - type standard input when the guest has asked with TEXT; a loaded host takes its time.
answer() {
	until grep -aqF -- "$1" "$OUT/$name.out" 2>/dev/null; do
		[ ! -e "$OUT/$name.status" ] || return
		sleep 0.5
	done
	cat
}

# Log in, ask what is of interest, and power off.
session() {
	answer 'login: ' <<-'END'
		root
	END
	answer 'Password: ' <<-'END'
		pandok
	END
	answer ':~#' <<-'END'
		stty -echo; PS1=
		echo "state $(systemctl is-system-running --wait)"; systemctl --failed --no-legend
		echo "root on $(findmnt -no SOURCE /)"; poweroff
	END
	until [ -e "$OUT/$name.status" ]; do sleep 0.5; done # the end of input would press the power button
}

for bus in ide virtio; do
	name=debian-$bus
	[ $bus = ide ] || [ "$TIER" = soak ] || continue
	session | LIMIT=310 pandok $name run --engine soft --memory 1g --timeout 300 --overlay \
		--block "$OUT/debian.img$([ $bus = virtio ] || echo ,ide)"
	node=$([ $bus = ide ] && echo sda1 || echo vda1)
	verdict $name ended $name 0 -- said $name 'state running' -- said $name "root on /dev/$node"
done
rm -f "$OUT/debian.img"
