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
