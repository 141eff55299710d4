# console.sh - the virtio console as the terminal, which knows its size, and named ports beside it.
. test/net/lib.sh

parts console || exit 0
gcc -std=gnu17 -O1 -Wall -Wextra -Werror -o "$OUT/drive" test/terminal/drive.c || exit 1

# In the guest a shell has hvc0; what comes in at one port goes out at the other.
mkdir -p "$OUT/hvc/bin"
cat >"$OUT/hvc/bin/hvc" <<'END'
#!/bin/sh
modprobe -a virtio_pci virtio_console
mkdir -p /dev/virtio-ports
for p in /sys/class/virtio-ports/*; do
	[ ! -e "$p/name" ] || ln -sf "/dev/${p##*/}" "/dev/virtio-ports/$(cat "$p/name")"
done
{ head -c 300000 /dev/virtio-ports/in >/dev/virtio-ports/out; touch /tmp/all; } &
exec sh </dev/hvc0 >/dev/hvc0 2>&1
END
chmod 755 "$OUT/hvc/bin/hvc"
(cd "$OUT/hvc" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) >"$OUT/hvc.cpio"

cat >"$OUT/console.play" <<END
run run --engine soft --timeout 100 --console virtio --port in=unix:$OUT/in --port out=file:$OUT/out --initrd $shell --initrd $modules --initrd $OUT/hvc.cpio $kernel console=ttyS0 quiet pandok.run=hvc
size 132x43
expect guest:
send stty size; echo first^M
expect 43 132
expect first
size 90x25
send until stty size | grep '25 90'; do :; done; echo second^M
expect 25 90
expect second
send cat /sys/class/virtio-ports/*/name | sort | tr '\n' ' '; echo third^M
expect in out third
send until [ -e /tmp/all ]; do sleep 0.1; done; poweroff -f^M
status 0
END
"$peer" send 300000 - >"$OUT/much" 2>/dev/null

# The wrapper makes the program nobody's; the terminal is drive's.
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$UNPRIV" "$PROG" >"$OUT/nobody"
chmod 755 "$OUT/nobody"
{
	until [ -S "$OUT/in" ]; do sleep 0.1; done
	timeout 60 "$UNPRIV" "$peer" send 300000 unix:"$OUT/in" >/dev/null 2>&1
} &
why=$(timeout 120 "$OUT/drive" "$OUT/console.play" "$OUT/nobody") && echo "ok console" || echo "FAIL console: $why"
if cmp "$OUT/much" "$OUT/out"; then
	echo "ok ports"
else
	echo "FAIL ports: what came out is not what went in"
fi
