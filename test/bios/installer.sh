# installer.sh - Debian's netboot installer to its first dialogue, on the text screen and its keyboard.
. test/bios/lib.sh

package=debian-installer-12-netboot-amd64
images=usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
mkdir -p "$OUT/installer"
for what in linux initrd.gz; do
	from=$(tools/guest-assets.sh file $package $images/$what 2>"$OUT/assets.log") &&
		cp "$from" "$OUT/installer/$what" || {
		echo "SKIP installer: $(tail -n 1 "$OUT/assets.log")"
		exit 0
	}
done
cat >"$OUT/installer.cfg" <<'END'
set root=(hd0,msdos1)
linux /linux quiet
initrd /initrd.gz
boot
END
mke2fs -q -t ext4 -d "$OUT/installer" "$OUT/installer.fs" 100m >/dev/null &&
	tools/grub-disk.sh "$OUT/installer.fs" "$OUT/installer.cfg" "$OUT/installer.img" &&
	chmod 644 "$OUT/installer.img"
rm -rf "$OUT/installer" "$OUT/installer.fs"
touch "$OUT/installer.screen.txt" && chmod 666 "$OUT/installer.screen.txt"
LIMIT=300 starts installer localization --memory 1g --display screen --overlay --block "$OUT/installer.img,ide"
verdict installer shows installer 'Select a language' -- shows installer 'No localization'
rm -f "$OUT/installer.img"
