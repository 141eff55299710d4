# shells.sh - Debian's kernels, packed and unpacked, to a shell that runs commands.
. test/boot/lib.sh

asset shell || { echo "SKIP shells: no initial RAM disk: $(tail -n 1 "$OUT/assets.log")"; exit 0; }
shell=$asset

# commands - a guest's errands: it computes, forks, pipes, writes and reads files, and sleeps.
commands() {
	cat <<'END'
uname -sm
echo $((6 * 7)) $(echo one two | wc -w)
seq 1 20000 >/tmp/n; sort -rn /tmp/n | head -1; sha256sum </tmp/n
sleep 0.2 && echo slept
grep -c ' t \| T ' /proc/kallsyms >/dev/null && echo kallsyms
dmesg | grep -ciE 'BUG:|Oops|Call Trace|WARNING: CPU'
tr -d 0-9 </proc/uptime
END
}
sum=$(seq 1 20000 | sha256sum)

for what in kernel vmlinux; do
	for flavour in amd64 cloud-amd64 rt-amd64; do
		name=$what-$flavour
		asset $what $flavour || {
			echo "SKIP $name: cannot get it: $(tail -n 1 "$OUT/assets.log")"
			continue
		}
		commands | once $name 'first line of /init' | pandok $name run --engine soft --timeout 140 --initrd "$shell" "$asset" \
			console=ttyS0 quiet pandok.tty=none
		verdict $name ended $name 0 -- said $name 'pandok: first line of /init' -- \
			said $name 'Linux x86_64' -- said $name '42 2' -- said $name 20000 -- \
			said $name "$sum" -- said $name slept -- said $name kallsyms -- said $name 0
		rm -f "$asset"
	done
done
