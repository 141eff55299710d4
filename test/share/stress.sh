# stress.sh - a guest's file operations on a share do what the host's own do, and leave the same.
# tiers: full soak
. test/share/lib.sh

need_kernel || { echo "SKIP stress: cannot get a kernel: $(tail -n 1 "$OUT/assets.log")"; exit 0; }
make -s B=build SAN= build/tools/fsstress && cp build/tools/fsstress "$OUT/" || exit 1

# stress NAME SEED PROCESSES STEPS [OPTION...] - here and in a guest.
stress() {
	stress_name=$1
	stress_args="$2 $3 $4"
	shift 4
	mkdir -m 777 "$OUT/$stress_name-here" "$OUT/$stress_name-there"
	"$UNPRIV" "$OUT/fsstress" "$OUT/$stress_name-here" $stress_args | sort >"$OUT/$stress_name.want"
	inside "$stress_name" "mkdir /run/work && mount -t virtiofs work /run/work &&
		'$OUT/fsstress' /run/work $stress_args | sort && umount /run/work" \
		--share "$OUT/$stress_name-there:work" "$@" </dev/null
	verdict "$stress_name" grep -q '^tree: ' "$OUT/$stress_name.want" -- \
		cmp "$OUT/$stress_name.want" "$OUT/$stress_name.out" -- \
		[ "$("$OUT/fsstress" --tree "$OUT/$stress_name-there")" = "$(grep tree "$OUT/$stress_name.want")" ] \
		-- ended "$stress_name" 0
}

# A counter in a file that the host and the guest add to, each under a lock, while the other does.
count='for i in $(seq 25); do
	flock "$dir/lock" sh -c "read n <$dir/n; echo \$((n + 1)) >$dir/n"; done'
together() {
	dir=$OUT/together
	mkdir -m 777 "$dir"
	echo 0 >"$dir/n" && : >"$dir/lock" && chmod 666 "$dir"/*
	inside together "dir=/run/work; mkdir \$dir && mount -t virtiofs work \$dir && : >\$dir/begun; $count" \
		--share "$dir:work:locks" </dev/null &
	until [ -e "$dir/begun" ] || [ -e "$OUT/together.status" ]; do sleep 0.1; done
	dir=$dir "$UNPRIV" sh -c "$count"
	wait
	verdict together ended together 0 -- [ "$(cat "$dir/n")" = 50 ]
}

stress stress 1 4 400
together

# Others' writes are seen; what is only read is not written.
mkdir -m 777 "$OUT/ro" && echo text >"$OUT/ro/file" && chmod 666 "$OUT/ro/file"
inside read-only 'mkdir /run/work && mount -t virtiofs ro /run/work && cat /run/work/file
	echo more >>/run/work/file; touch /run/work/new; rm -f /run/work/file; ls /run/work' \
	--share "$OUT/ro:ro" </dev/null
verdict read-only wrote read-only 'text
file' -- [ "$(cat "$OUT/ro/file")" = text ] -- grep -q 'Read-only file system' "$OUT/read-only.err"

[ "$TIER" = soak ] || exit 0
for seed in 2 3 4 5 6 7 8 9; do
	stress stress-$seed $seed $((seed % 4 + 2)) 4000 --cpus $((seed % 2 + 1))
done
stress stress-locks 10 4 4000 --share "$OUT:unused:locks"
