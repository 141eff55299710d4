#!/bin/sh
# test.sh - runs every test/X/run and counts. Knows no test; test/README.md has the protocol.
#   usage: tools/test.sh fast|full|soak [FOLDER...]
# The last line is "N passed, N failed, N skipped"; the status is 1 when one failed.
set -u

tier=${1:?usage: tools/test.sh fast|full|soak [FOLDER...]}
shift
cd "$(dirname "$0")/.." || exit 1

# Folders joined by "+" run side by side where there is more than one processor: each keeps one busy.
order="tools unit golden guest diff fuzz boot+kvm smp+jit disk+net bios+share know+debug chat+xen life+doctor"
if [ $# -eq 0 ]; then
	for f in test/*/run; do
		f=${f#test/}; f=${f%/run}
		case " $(echo $order | tr + ' ') bench " in *" $f "*) ;; *) order="$order $f" ;; esac
	done
	set -- $order
fi

top=$(mktemp -d "${TMPDIR:-/tmp}/pandok-test.XXXXXX") || exit 1
chmod 755 "$top"
trap 'rm -rf "$top"' EXIT
trap 'stop' INT TERM

# A folder's run is a process group of its own, so it is told by name.
stop() {
	for pid in "$top"/*.pid; do
		[ ! -e "$pid" ] || kill "$(cat "$pid")" 2>/dev/null
	done
	wait
	exit 130
}

# Tests run a copy that an unprivileged user can reach wherever the tree lies.
B=${B:-build} SAN=${SAN:-}
if [ -x "${PROG:-./pandok}" ]; then
	cp "${PROG:-./pandok}" "$top/pandok"
	PROG=$top/pandok
else
	PROG=/nonexistent/pandok
fi
cp tools/unprivileged "$top/unprivileged"
UNPRIV=$top/unprivileged
export PROG B SAN UNPRIV
unset MAKEFLAGS MFLAGS MAKELEVEL # a make that a test starts is nobody's child

# Name each line of a folder's report by its folder; the counts are made from the log.
relay() {
	awk -v folder="$1" '
	/^(ok|FAIL|SKIP) / { sub(/ /, " " folder ": ") }
	{ print; fflush() }' | tee -a "$top/log"
}

run_folder() {
	OUT=$top/$1
	mkdir "$OUT"
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$OUT"
	XDG_STATE_HOME=$OUT/state # what crashed guests leave
	export OUT XDG_STATE_HOME
	limit=$(sed -n 's/^# time: *//p;20q' "test/$1/run" | head -n 1)
	[ "$tier" = soak ] && limit=36000
	began=$(date +%s)
	{
		timeout -k 10 "${limit:-300}" "test/$1/run" "$tier" </dev/null &
		echo $! >"$top/$1.pid"
		wait $!
		echo $? >"$top/$1.status"
		rm -f "$top/$1.pid"
	} | relay "$1"
	status=$(cat "$top/$1.status")
	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		echo "FAIL time: still running after ${limit:-300} s" | relay "$1"
	elif [ "$status" != 0 ] && ! grep -q "^FAIL $1: " "$top/log"; then
		echo "FAIL run: ended with status $status" | relay "$1"
	fi
	echo "# $1: $(($(date +%s) - began)) s"
	grep -q "^FAIL $1: " "$top/log" && keep "$1"
	rm -rf "$OUT"
}

# What a failed folder left behind is worth a look.
keep() {
	rm -rf "build/failed/$1"
	mkdir -p build/failed
	find "$top/$1" -size +64M -type f -delete
	cp -r "$top/$1" "build/failed/$1" && echo "# what it left behind: build/failed/$1"
}

: >"$top/log"
for group; do
	for folder in $(echo "$group" | tr + ' '); do
		[ -x "test/$folder/run" ] || continue
		run_folder "$folder" &
		[ "$group" != "$folder" ] && [ "$(nproc)" -gt 1 ] || wait
	done
	wait
done

count() { grep -c "^$1 " "$top/log"; }
failed=$(count FAIL)
if [ "$failed" != 0 ]; then
	echo
	grep '^FAIL ' "$top/log"
fi
echo "$(count ok) passed, $failed failed, $(count SKIP) skipped"
[ "$failed" = 0 ]
