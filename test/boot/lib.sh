# lib.sh - what boot tests share: things to boot that an unprivileged user can read, and verdicts.

exec 3>&1

# asset WHAT [FLAVOUR] - put a kernel or disk where the unprivileged user can read it; sets $asset.
asset() {
	asset=$OUT/$1-${2:-any}
	[ -s "$asset" ] && return
	from=$(tools/guest-assets.sh "$@" 2>"$OUT/assets.log") || return 1
	cp --reflink=auto "$from" "$asset.new" && chmod 644 "$asset.new" && mv "$asset.new" "$asset"
}

# pandok NAME [ARGUMENT...] - run the program as nobody; standard input is the guest's.
# Leaves $OUT/NAME.out, .txt (the same without carriage returns), .err and .status.
pandok() {
	name=$1
	shift
	status=0
	began=$(date +%s%N)
	timeout -k 5 "${LIMIT:-150}" "$UNPRIV" "$PROG" "$@" \
		>"$OUT/$name.out" 2>"$OUT/$name.err" || status=$?
	echo $status >"$OUT/$name.status"
	echo "# $name ended with status $status after $((($(date +%s%N) - began) / 1000000)) ms" >&3
	tr -d '\r' <"$OUT/$name.out" >"$OUT/$name.txt"
}

# once NAME TEXT - pass standard input on as soon as guest NAME has printed TEXT.
once() {
	patience=600
	until grep -aqF -- "$2" "$OUT/$1.out" 2>/dev/null; do
		[ $((patience -= 1)) -gt 0 ] && [ ! -e "$OUT/$1.status" ] || return
		sleep 0.2
	done
	cat
}

# ended NAME STATUS - the run ended with this exit status.
ended() { [ "$(cat "$OUT/$1.status")" = "$2" ]; }

# said NAME LINE - the guest printed exactly this line.
said() { grep -aqxF -- "$2" "$OUT/$1.txt"; }

# verdict NAME CONDITION... - a condition is a command; the first one that fails is the reason.
# "--" separates conditions.
verdict() {
	verdict_name=$1
	shift
	while [ $# -gt 0 ]; do
		verdict_cmd=
		while [ $# -gt 0 ] && [ "$1" != -- ]; do
			verdict_cmd="$verdict_cmd '$1'"
			shift
		done
		[ $# -eq 0 ] || shift
		eval "$verdict_cmd" && continue
		echo "FAIL $verdict_name: not so:$verdict_cmd (status $(cat "$OUT/$verdict_name.status")) $(why "$verdict_name")"
		tail -n 12 "$OUT/$verdict_name.txt" 2>/dev/null | sed 's/^/    /'
		return
	done
	echo "ok $verdict_name"
}

why() { head -n 1 "$OUT/$1.err" 2>/dev/null; }
