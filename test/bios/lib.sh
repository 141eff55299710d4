# lib.sh - what the BIOS tests share, besides what the boot tests have.
. test/boot/lib.sh

[ -e /usr/share/seabios/bios-256k.bin ] || {
	echo "SKIP bios: Debian's package seabios is not installed"
	exit 0
}

# small_disk - a disk with GRUB, Debian's stock kernel and a shell with drivers; sets $disk.
# The kernel's arguments are those that make a shell a script's.
small_disk() {
	disk=$OUT/small.img
	[ -s "$disk" ] && return
	mkdir -p "$OUT/small"
	for what in kernel shell modules; do
		asset $what || return 1
		cp "$asset" "$OUT/small/$what"
	done
	cat >"$OUT/small.cfg" <<-'END'
		set root=(hd0,msdos1)
		linux /kernel console=ttyS0 quiet pandok.tty=none
		initrd /shell /modules
		boot
	END
	mke2fs -q -t ext4 -d "$OUT/small" "$OUT/small.fs" 64m >/dev/null &&
		tools/grub-disk.sh "$OUT/small.fs" "$OUT/small.cfg" "$disk" 2>"$OUT/assets.log" &&
		chmod 666 "$disk"
}

# shows NAME TEXT - the text screen, as it was at the end, has TEXT in it.
shows() { grep -qF -- "$2" "$OUT/$1.screen.txt"; }

# starts NAME WORD ARGUMENT... - run until WORD is on the console, at most LIMIT seconds.
starts() {
	starts_name=$1 starts_word=$2
	shift 2
	[ -p "$OUT/silence" ] || mkfifo "$OUT/silence"
	exec 9<>"$OUT/silence" # an input that neither says anything nor ends
	"$UNPRIV" "$PROG" run --engine soft --timeout "${LIMIT:-60}" \
		--screen "$OUT/$starts_name.screen.txt" "$@" \
		<&9 >"$OUT/$starts_name.out" 2>"$OUT/$starts_name.err" &
	starts_pid=$!
	until grep -aqF -- "$starts_word" "$OUT/$starts_name.out" 2>/dev/null; do
		kill -0 $starts_pid 2>/dev/null || break
		sleep 0.2
	done
	kill $starts_pid 2>/dev/null # the power button, then off
	sleep 0.2
	kill $starts_pid 2>/dev/null
	status=0
	wait $starts_pid || status=$?
	echo $status >"$OUT/$starts_name.status"
	cp "$OUT/$starts_name.screen.txt" "$OUT/$starts_name.txt" 2>/dev/null || true
}
