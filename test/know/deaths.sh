# deaths.sh - the ways to die, each with the function that did it.

for flavour in amd64 cloud-amd64; do
	die "sysrq-$flavour" "$flavour" 'echo c >/proc/sysrq-trigger' &&
		judge "sysrq-$flavour" sysrq_handle_crash
	die "null-$flavour" "$flavour" 'insmod /mischief.ko how=null' && judge "null-$flavour" mischief_null
done

die overflow amd64 'insmod /mischief.ko how=overflow' && judge overflow mischief_overflow 40
die irq amd64 'insmod /mischief.ko how=irq; sleep 5' && judge irq mischief_bug
die spin amd64 'echo 1 >/proc/sys/kernel/watchdog_thresh; insmod /mischief.ko how=spin' softlockup_panic=1 &&
	judge spin mischief_spin

options='--cpus 4'
die null-smp amd64 'insmod /mischief.ko how=null' && judge null-smp mischief_null
die irq-smp amd64 'insmod /mischief.ko how=irq; sleep 5' && judge irq-smp mischief_bug
options=

# waits_shown NAME - each of both tasks waits in the functions that the guest's SysRq-W lists.
waits_shown() {
	for task in mischief_a mischief_b; do
		sed 's/^\[ *[0-9.]*\] //' "$OUT/$1.txt" | awk -v task="$task" '
			/^task:/ { on = ($0 ~ "task:" task " ") }
			/^ <\/TASK>/ { on = 0 }
			on && /^ [^?< ]/ { sub(/^ */, ""); sub(/\+0x.*/, ""); print }' >"$OUT/$1.theirs"
		said_by "$OUT/$1.crash/ddb.txt" alltrace |
			awk -v task="$task" '/^pid/ { on = ($3 == task ",") } on' | our_trace >"$OUT/$1.ours"
		[ -s "$OUT/$1.theirs" ] && diff "$OUT/$1.theirs" "$OUT/$1.ours" >"$OUT/$1.diff" || return 1
	done
}
locks_shown() {
	said_by "$OUT/$1.crash/ddb.txt" 'show locks' >"$OUT/$1.locks"
	grep -q '(mischief_a) waits for mutex mischief_second.*held by pid [0-9]* (mischief_b)' "$OUT/$1.locks" &&
		grep -q '(mischief_b) waits for mutex mischief_first.*held by pid [0-9]* (mischief_a)' "$OUT/$1.locks" &&
		grep -q '^deadlock: ' "$OUT/$1.locks"
}
die deadlock amd64 'insmod /mischief.ko how=deadlock; sleep 1; echo w >/proc/sysrq-trigger
dmesg | sed -n "/Show Blocked/,\$p"
echo c >/proc/sysrq-trigger' && verdict deadlock waits_shown deadlock -- locks_shown deadlock

die init amd64 : rdinit=/bin/false &&
	verdict init ended init 3 -- same_trace init -- panic_says init 'Attempted to kill init'

# ---- files ----------------------------------------------------------------------------------

# read_by_makedumpfile NAME - Debian's tool finds the same log in both forms of core file.
read_by_makedumpfile() {
	for core in "$OUT/$1.crash"/vmcore.*; do
		makedumpfile --dump-dmesg "$core" "$core.log" >"$OUT/makedumpfile.log" 2>&1 &&
			diff "$OUT/$1.crash/msgbuf.txt" "$core.log" >"$OUT/$1.diff" || return 1
	done
}
small_core() { [ "$(stat -c %s "$OUT/$1.crash/vmcore.1")" -lt 60000000 ]; }

# opens NAME NUMBER - and so do we.
opens() {
	"$PROG" crash show "$2" --crash-dir "$OUT/$1.crash" >"$OUT/$1.show" 2>&1 &&
		grep -q ' sysrq_handle_crash+' "$OUT/$1.show"
}

if command -v makedumpfile >/dev/null; then
	ours=$script
	script="$script; vmcore; vmcore full"
	die cores amd64 'echo c >/proc/sysrq-trigger' &&
		verdict cores read_by_makedumpfile cores -- small_core cores -- opens cores 1 -- opens cores 2
	script=$ours
	rm -rf "$OUT/cores.crash"
else
	echo "SKIP cores: makedumpfile is not installed"
fi

# A disk of 16 KiB: the run ends as ever, one sentence says what is missing, and nothing half lies about.
full_disk() {
	asset kernel amd64 && unshare -m true 2>/dev/null || {
		echo "SKIP full-disk: it needs a small file system, and unshare -m is refused"
		return
	}
	mkdir -p "$OUT/full-disk"
	echo 'echo c >/proc/sysrq-trigger' | timeout -k 5 150 unshare -m sh -c '
		mount -t tmpfs -o size=16k,mode=777 small "$1/full-disk" || exit 1
		"$2" "$3" run --engine soft --timeout 100 --crash-dir "$1/full-disk" --initrd "$4" \
			"$5" console=ttyS0 quiet pandok.tty=none >"$1/full-disk.txt" 2>"$1/full-disk.err"
		echo $? >"$1/full-disk.status"
		ls -A "$1/full-disk" >"$1/full-disk.left"' sh "$OUT" "$UNPRIV" "$PROG" "$shell" "$asset"
	verdict full-disk ended full-disk 3 -- grep -q 'No space left on device' "$OUT/full-disk.err" \
		-- only_bounds
}
only_bounds() { ! grep -qv '^bounds$' "$OUT/full-disk.left"; }
full_disk

# A guest of 4 GiB with 300 processes: a small dump, soon. The run waits a quarter of a second for the
# guest's last words before it begins.
many() {
	asset kernel amd64 || return
	mkdir -p "$OUT/many.crash" && chmod 777 "$OUT/many.crash"
	printf '%s\n' 'n=0; while [ $n -lt 300 ]; do sleep 1000 & n=$((n + 1)); done' \
		'sleep 2; echo c >/proc/sysrq-trigger' |
		timeout -k 5 150 "$UNPRIV" "$PROG" run --engine soft --memory 4g --timeout 100 \
			--crash-dir "$OUT/many.crash" --initrd "$shell" "$asset" console=ttyS0 quiet \
			pandok.tty=none 2>&1 | while IFS= read -r line; do
			case $line in
			*'end Kernel panic'*) date +%s%N >"$OUT/many.began" ;;
			*'pandok: wrote'*) date +%s%N >"$OUT/many.wrote" ;;
			esac
		done
	ms=$((($(cat "$OUT/many.wrote") - $(cat "$OUT/many.began")) / 1000000))
	tar -C "$OUT/many.crash" -xf "$OUT/many.crash/textdump.tar.0"
	size=$(stat -c %s "$OUT/many.crash/textdump.tar.0")
	procs=$(grep -c ' sleep 1000$' "$OUT/many.crash/ddb.txt")
	if [ "$ms" -lt 2250 ] && [ "$size" -lt 1000000 ] && [ "$procs" = 300 ]; then
		echo "ok many: $procs processes in $size bytes after $ms ms"
	else
		echo "FAIL many: $procs processes in $size bytes after $ms ms"
	fi
}
many

# ---- against crash(8), with Debian's debug package: hundreds of megabytes, so only in the soak tier ----

# debug_kernel - sets $debug to the vmlinux of linux-image-VERSION-dbg, fetched and unpacked once.
debug_kernel() {
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/pandok/guest/amd64
	debug=$cache/vmlinux-debug
	[ ! -s "$debug" ] || return 0
	name=linux-image-$(cat "$cache/version")-dbg
	(cd "$OUT" && apt-get -q -o APT::Sandbox::User=root download "$name" >"$OUT/assets.log" 2>&1) || return 1
	dpkg-deb --fsys-tarfile "$OUT/$name"_*.deb |
		tar -xOf - --wildcards './usr/lib/debug/boot/vmlinux-*' >"$debug.new" && mv "$debug.new" "$debug"
	rm -f "$OUT/$name"_*.deb
}

# same_as_crash NAME - its log is ours, and our backtrace is in its: without ORC it also shows what
# earlier calls left on the stack. (Its ps finds no process of this kernel.)
same_as_crash() {
	printf '%s\n' bt log quit >"$OUT/crash.in"
	crash -s "$debug" "$OUT/$1.crash/vmcore.1" -i "$OUT/crash.in" >"$OUT/crash.out" 2>"$OUT/crash.err"
	sed -n 's/^ *#[0-9]* \[[0-9a-f]*\] \([^ ]*\) at .*/\1/p' "$OUT/crash.out" |
		from sysrq_handle_crash >"$OUT/$1.theirs"
	said_by "$OUT/$1.crash/ddb.txt" bt | our_trace | from sysrq_handle_crash >"$OUT/$1.ours"
	[ "$(wc -l <"$OUT/$1.ours")" -ge 5 ] && awk '
		NR == FNR { ours[++n] = $0; next }
		$0 == ours[i + 1] { i++ }
		END { exit i != n }' "$OUT/$1.ours" "$OUT/$1.theirs" &&
		grep -E '^\[ *[0-9]+\.[0-9]+\] ' "$OUT/crash.out" |
		diff - "$OUT/$1.crash/msgbuf.txt" >"$OUT/$1.diff"
}

if [ "$TIER" = soak ]; then
	if command -v crash >/dev/null && debug_kernel; then
		script="$script; vmcore"
		die crash amd64 'echo c >/proc/sysrq-trigger' && verdict crash same_as_crash crash
	else
		echo "SKIP crash: crash or Debian's debug package is not there"
	fi
fi
