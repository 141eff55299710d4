# hundred.sh - a hundred boots in a row in one process, whose memory must not grow.
# tiers: soak
. test/boot/lib.sh

asset shell && shell=$asset && asset vmlinux amd64 || {
	echo "SKIP hundred: nothing to boot: $(tail -n 1 "$OUT/assets.log")"
	exit 0
}
kernel=$asset

# resident - KiB that the process holds.
resident() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$(ps -o pid= --ppid "$1" | tr -d ' ')/status"
}

# reached COUNT - wait until the guest came up so often, or the process is gone.
reached() {
	until [ "$(grep -ac '^pandok: first line of /init' "$OUT/hundred.out")" -ge "$1" ]; do
		kill -0 $watcher 2>/dev/null || return 1
		sleep 0.1
	done
}

: >"$OUT/hundred.out"
mkfifo "$OUT/never"
exec 8<>"$OUT/never"
timeout -k 5 1800 "$UNPRIV" "$PROG" run --engine soft --initrd "$shell" "$kernel" console=ttyS0 quiet \
	pandok.run=reboot,-f <&8 >"$OUT/hundred.out" 2>"$OUT/hundred.err" &
watcher=$!
if reached 10 && early=$(resident $watcher) && reached 100 && late=$(resident $watcher); then
	echo "# $early KiB resident after 10 boots, $late KiB after 100"
	if [ "$late" -le $((early + early / 10)) ]; then
		echo "ok hundred-boots"
	else
		echo "FAIL hundred-boots: memory grew from $early to $late KiB"
	fi
else
	echo "FAIL hundred-boots: it ended: $(head -n 1 "$OUT/hundred.err")"
fi
kill $watcher 2>/dev/null
wait $watcher 2>/dev/null
exit 0
