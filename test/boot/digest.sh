# digest.sh - a boot on the translator equals the same boot one instruction at a time.
#
# In deterministic mode time is counted in instructions, so two runs that agree have equal digests of
# the processor's state after every million of them. Stepping is slow: a prefix is compared, in the
# soak tier the boot to its end.
. test/boot/lib.sh

asset shell && shell=$asset && asset vmlinux amd64 || {
	echo "SKIP digest: nothing to boot: $(tail -n 1 "$OUT/assets.log")"
	exit 0
}
kernel=$asset
if [ "$TIER" = soak ]; then seconds=3000 least=1000; else seconds=40 least=30; fi

# Nothing is ever typed: when a key or the end of input arrives is not for the guest to count.
mkfifo "$OUT/quiet"
exec 8<>"$OUT/quiet"

# counted NAME [OPTION...] - a deterministic boot that leaves its digests in $OUT/NAME.digests.
counted() {
	name=$1
	shift
	: >"$OUT/$name.digests"
	chmod 666 "$OUT/$name.digests"
	LIMIT=$((seconds + 60)) pandok "$name" run --engine soft --deterministic \
		--digest "$OUT/$name.digests" --timeout $seconds --initrd "$shell" "$@" "$kernel" \
		console=ttyS0 quiet pandok.run=poweroff,-f <&8
}

# same A B LEAST - the shorter of the two lists begins the longer one, and has so many lines.
same() {
	n=$(cat "$OUT/$1.digests" | wc -l)
	m=$(cat "$OUT/$2.digests" | wc -l)
	[ "$n" -le "$m" ] || n=$m
	echo "# $n digests of $1 and $2 compared" >&3
	[ "$n" -ge "$3" ] || return 1
	head -n "$n" "$OUT/$1.digests" >"$OUT/a"
	head -n "$n" "$OUT/$2.digests" | cmp "$OUT/a" - >"$OUT/$2.err" 2>&1
}

counted first
counted second
verdict second ended first 0 -- ended second 0 -- same first second 500
counted stepped --single-step
verdict stepped same first stepped $least
