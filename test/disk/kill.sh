# kill.sh - pandok dies in the middle of writes: what the guest had flushed is there.
. test/disk/lib.sh
need_lab kill-9

disk=$OUT/kill.img
image "$disk" 64M
commands="$drivers
mount -t ext4 /dev/vda /m
i=0; while :; do i=\$((i+1)); yes file \$i | head -c 100000 |
dd of=/m/f\$i bs=64k conv=fsync 2>/dev/null; echo flushed \$i; done"

rounds=2
[ "$TIER" != soak ] || rounds=50
lost=
for round in $(seq $rounds); do
	image "$disk" 64M
	: >"$OUT/kill-9.out"
	# No timeout in front: the process is pandok itself after the wrappers' exec.
	echo "$commands" | "$UNPRIV" "$PROG" run --net none --initrd "$shell" --initrd "$modules" \
		--block "$disk" "$kernel" quiet pandok.tty=none >"$OUT/kill-9.out" 2>"$OUT/kill-9.err" &
	pid=$!
	patience=600
	until grep -aq "^flushed $((20 + round * 3))" "$OUT/kill-9.out"; do
		[ $((patience -= 1)) -gt 0 ] || break
		sleep 0.1
	done
	kill -9 $pid
	wait $pid 2>/dev/null
	tr -d '\r' <"$OUT/kill-9.out" >"$OUT/kill-9.txt"
	echo $patience >"$OUT/kill-9.status"
	last=$(sed -n 's/^flushed //p' "$OUT/kill-9.txt" | tail -n 1)
	e2fsck -fy "$disk" >"$OUT/e2fsck.log" 2>&1
	[ $? -le 1 ] || lost="the file system is beyond repair"
	for i in $(seq "${last:-0}"); do
		yes "file $i" | head -c 100000 >"$OUT/want"
		debugfs -R "cat /f$i" "$disk" 2>/dev/null | cmp -s - "$OUT/want" || lost="file $i of $last"
	done
done
many() { [ "${last:-0}" -ge 20 ]; }
nothing_lost() {
	[ -z "$lost" ] || echo "lost: $lost" >"$OUT/kill-9.err"
	[ -z "$lost" ]
}
verdict kill-9 many -- nothing_lost
