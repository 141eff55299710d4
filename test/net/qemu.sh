# qemu.sh - a guest of QEMU's and one of ours on one wire: the framing is the same.
# tiers: soak
. test/net/lib.sh

command -v qemu-system-x86_64 >/dev/null || { echo "SKIP qemu: it is not installed"; exit 0; }
parts qemu || exit 0
# What a guest does; QEMU's has it in its RAM disk, since it may lose what is typed early.
commands() {
	cat <<END
card eth0 192.168.8.$1/24
until ping -q -c 1 -W 1 192.168.8.$2 >/dev/null; do :; done
$3
END
}
mkdir -p "$OUT/qemu/bin"
{
	echo '#!/bin/sh'
	commands 2 1 'until peer send 5000000 tcp:192.168.8.1:99; do sleep 0.1; done'
	echo 'peer receive 5000000 tcp-listen:98'
} >"$OUT/qemu/bin/wire"
chmod 755 "$OUT/qemu/bin/wire"
{
	cat "$shell" "$modules" "$extra"
	(cd "$OUT/qemu" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0)
} >"$OUT/qemu.cpio"

{
	commands 1 2 'peer receive 5000000 tcp-listen:99'
	echo 'until peer send 5000000 tcp:192.168.8.2:98; do sleep 0.1; done'
} | guest qemu --net socket="$OUT/wire" &
ours=$!
until [ -S "$OUT/wire" ]; do sleep 0.1; done
timeout 120 qemu-system-x86_64 -nodefaults -display none -no-user-config -accel tcg -m 512 -no-reboot \
	-serial stdio -kernel "$kernel" -initrd "$OUT/qemu.cpio" -append 'console=ttyS0 quiet pandok.run=wire' \
	-device virtio-net-pci,netdev=n,mac=52:54:00:00:00:02 \
	-netdev stream,id=n,server=off,addr.type=unix,addr.path="$OUT/wire" </dev/null >"$OUT/qemu-tcg.out" 2>&1
wait $ours
verdict qemu ended qemu 0 -- said qemu '5000000 ok' -- \
	[ "$(tr -d '\r' <"$OUT/qemu-tcg.out" | grep -cx '5000000 ok')" = 2 ]
