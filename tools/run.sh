#!/bin/sh
# run.sh - boots Debian's stock kernel to a busybox shell on this terminal.
#   usage: tools/run.sh [KERNEL-ARGUMENT...]       PANDOK_OPTIONS='...' for pandok's own options
# With no terminal on standard input, commands are read from it, and its end powers the guest off.
set -eu

cd "$(dirname "$0")/.."
prog=${PROG:-./pandok}
case $prog in */*) ;; *) prog=./$prog ;; esac
kernel=$(tools/guest-assets.sh kernel)
initrd=$(tools/guest-assets.sh shell)

# boot TTY [OPTION...] - TTY tells the guest what is at the other end of its console.
boot() {
	tty=$1
	shift
	$prog run "$@" ${PANDOK_OPTIONS:-} --initrd "$initrd" "$kernel" \
		console=ttyS0 quiet "pandok.tty=$tty" $args
}
args=$*

if [ -t 0 ]; then
	echo "pandok: booting $(basename "$(dirname "$kernel")"); leave with 'exit', or Ctrl-A x" >&2
	boot "$(stty size | tr ' ' x),${TERM:-vt100}"
	exit
fi

# Commands go in once the guest's shell is there to read them: a serial line keeps little.
dir=$(mktemp -d "${TMPDIR:-/tmp}/pandok-run.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/in"
: >"$dir/log"
exec 3<&0
{
	until grep -aq 'pandok: first line of /init' "$dir/log"; do sleep 0.1; done
	cat <&3 &
	trap 'kill $! 2>/dev/null; exit' TERM
	wait $!
	printf '\004\004' # the first one only ends an unfinished line
} >"$dir/in" &
feeder=$!
trap 'kill $feeder 2>/dev/null || true; rm -rf "$dir"' EXIT
status=0
boot none --console-log "$dir/log" <"$dir/in" || status=$?
exit $status
