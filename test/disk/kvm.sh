# kvm.sh - the same Debian on the KVM engine, inside QEMU, which emulates SVM; its disk is the outer
# guest's block device, under an overlay.
# tiers: soak
. test/disk/lib.sh

names='kvm-debian-login kvm-debian-units kvm-debian-off'
command -v qemu-system-x86_64 >/dev/null || skip_all "qemu-system-x86_64 is not installed" $names
debian=$(tools/guest-assets.sh debian 2>"$OUT/assets.log") || skip_all "no Debian disk" $names
vmlinuz=$(tools/guest-assets.sh kernel amd64) && root=$(tools/guest-assets.sh root amd64) &&
	shell=$(tools/guest-assets.sh shell) && modules=$(tools/guest-assets.sh modules amd64) ||
	skip_all "no Debian kernel" $names

outer=$OUT/outer
mkdir -p "$outer/kvm"
cp "$PROG" "$outer/pandok"
cp "$debian/vmlinuz" "$debian/initrd.img" "$outer/"
ldd "$PROG" | grep -oE '/[^ ]+' | while read -r lib; do
	mkdir -p "$outer${lib%/*}"
	cp -L "$lib" "$outer$lib"
done
for module in irqbypass ccp kvm kvm-amd; do
	find "$root/lib/modules" -name "$module.ko" -exec cp {} "$outer/kvm/" \;
done
cat >"$outer/outer" <<'EOF'
#!/bin/sh
modprobe -a virtio_pci virtio_blk
for module in irqbypass ccp kvm kvm-amd; do insmod /kvm/$module.ko; done
ip link set lo up
mkfifo /tmp/in
: >/tmp/log
once() { until grep -q "$1" /tmp/log; do sleep 1; done; echo "$2"; }
{
	once 'debian login: ' root
	once 'Password: ' pandok
	once '# ' 'export TERM=dumb; echo state $(systemctl is-system-running --wait); systemctl poweroff'
	once 'Power down'
} >/tmp/in &
XDG_CACHE_HOME=/tmp HOME=/tmp /pandok run --engine kvm --timeout 3000 --memory 768m --net none \
	--initrd /initrd.img --block /dev/vda,overlay /vmlinuz root=/dev/vda rw </tmp/in >/tmp/log 2>&1
status=$?
cat /tmp/log
echo "@status $status"
EOF
chmod 755 "$outer/outer"
(cat "$shell" "$modules" && cd "$outer" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) >"$OUT/outer.cpio"
rm -rf "$outer"

timeout 3300 qemu-system-x86_64 -accel tcg -cpu max,+svm -m 3G -nographic -nodefaults -no-reboot \
	-serial stdio -kernel "$vmlinuz" -initrd "$OUT/outer.cpio" \
	-drive "file=$debian/root.img,format=raw,if=virtio,snapshot=on" \
	-append "console=ttyS0 quiet panic=-1 random.trust_cpu=on pandok.run=/outer" \
	</dev/null >"$OUT/kvm-debian.out" 2>"$OUT/kvm-debian.err"
rm -f "$OUT/outer.cpio"
tr -d '\r' <"$OUT/kvm-debian.out" >"$OUT/kvm-debian.txt"
for n in $names; do
	cp "$OUT/kvm-debian.txt" "$OUT/$n.txt"
	cp "$OUT/kvm-debian.err" "$OUT/$n.err"
	sed -n 's/^@status //p' "$OUT/kvm-debian.txt" >"$OUT/$n.status"
done
has() { grep -aqF -- "$1" "$OUT/kvm-debian.txt"; }
verdict kvm-debian-login has 'debian login: '
verdict kvm-debian-units said kvm-debian 'state running'
verdict kvm-debian-off ended kvm-debian-off 0
