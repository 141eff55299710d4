# time.sh - the guest's clocks keep to the host's, and a process that was stopped is no processor that
# hangs.
. test/share/lib.sh

need_kernel || { echo "SKIP time: cannot get a kernel: $(tail -n 1 "$OUT/assets.log")"; exit 0; }
make -s B=build SAN= build/tools/clocks && cp build/tools/clocks "$OUT/" || exit 1

# clocks NAME SECONDS STOP - the guest's date is never 50 ms off; it stands still STOP s on the way.
# A processor that is busy all the time would be reported after 4 s.
clocks() {
	timeout 1000 "$OUT/clocks" "$2" "$3" "$UNPRIV" "$PROG" run --engine soft --rootfs / --exec "
		echo 2 >/proc/sys/kernel/watchdog_thresh
		nice sh -c 'while :; do :; done' &
		'$OUT/clocks' --serve
		echo clock \$(date +%s) \$(cat /sys/class/rtc/rtc0/since_epoch) >&2; dmesg | grep -i 'lockup\|unstable' >&2
		kill %1" "$kernel" >"$OUT/$1.out" 2>"$OUT/$1.err"
	echo $? >"$OUT/$1.status"
	cp "$OUT/$1.out" "$OUT/$1.txt"
	worst=$(sed -n 's/^worst //p' "$OUT/$1.out")
	set -- "$1" $(sed -n 's/^clock //p' "$OUT/$1.err")
	verdict "$1" [ "${worst:-none}" -lt 50000 ] -- [ $(($2 - $3)) -le 1 ] -- [ $(($3 - $2)) -le 1 ] -- \
		[ "$(grep -ci 'lockup\|unstable' "$OUT/$1.err")" = 0 ] -- ended "$1" 0
}

clocks clocks 4 8
[ "$TIER" != soak ] || clocks clocks-ten-minutes 600 20
