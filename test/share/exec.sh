# exec.sh - a command runs in a guest whose root is the host's: output, errors, input, status.
. test/share/lib.sh

need_kernel || { echo "SKIP exec: cannot get a kernel: $(tail -n 1 "$OUT/assets.log")"; exit 0; }

version=$(strings "$kernel" | sed -n 's/^\([0-9][^ ]*\) (.*/\1/p' | head -n 1)
inside answer 'uname -r && ls /etc | wc -l' </dev/null
verdict answer wrote answer "$version
$(ls /etc | wc -l)" -- [ ! -s "$OUT/answer.err" ] -- ended answer 0

# Each stream by itself; input that is more than a pipe holds; nothing of the console in between.
seq 100000 >"$OUT/numbers"
inside streams 'cat; echo some error >&2; exit 23' <"$OUT/numbers"
verdict streams cmp "$OUT/numbers" "$OUT/streams.out" -- \
	[ "$(cat "$OUT/streams.err")" = 'some error' ] -- ended streams 23

# Written in the guest, not kept; not to be read by the user, not to be read in the guest.
mkdir -m 777 "$OUT/tree"
echo secret >"$OUT/tree/secret" && chmod 600 "$OUT/tree/secret"
echo public >"$OUT/tree/public"
inside rights "cd '$OUT/tree' && rm public && echo new >new && cat new secret" </dev/null
verdict rights wrote rights new -- grep -q 'Permission denied' "$OUT/rights.err" -- \
	[ "$(cat "$OUT/tree/public")" = public ] -- [ ! -e "$OUT/tree/new" ] -- ended rights 1

inside killed 'kill -9 $$' </dev/null
verdict killed ended killed 137

# Commands from a pipe, and a kernel that panics.
printf 'echo $((6*7))\nexit 5\n' | pandok script run --engine soft --timeout 120 --rootfs / "$kernel"
verdict script wrote script 42 -- ended script 5
inside panic 'echo c >/proc/sysrq-trigger' </dev/null
verdict panic grep -q 'sysrq triggered crash' "$OUT/panic.err" -- ended panic 3

# On a terminal: a shell with job control, in the guest's root; leaving it ends the run.
cat >"$OUT/shell.t" <<END
run run --engine soft --rootfs / $kernel
expect #
send tty; echo \$((6*7))^M
expect /dev/ttyS0
expect 42
send sh -c 'trap "echo cau""ght" INT; echo rea""dy; sleep 1000'^M
expect ready
send ^C
expect caught
expect #
send cd /etc && uname -r^M
expect $version
send exit 4^M
status 4
cooked
END
gcc -std=gnu17 -O1 -Wall -Wextra -Werror -o "$OUT/drive" test/terminal/drive.c
why=$("$UNPRIV" "$OUT/drive" "$OUT/shell.t" "$PROG") && echo "ok shell" || echo "FAIL shell: $why"

# Ctrl-C ends a command that runs on and on.
inside endless 'echo begun; sleep 1000' </dev/null &
until grep -q begun "$OUT/endless.out" 2>/dev/null || [ -e "$OUT/endless.status" ]; do sleep 0.1; done
pid=$(pgrep -f "^$PROG run.*sleep 1000" | head -n 1)
[ -z "$pid" ] || kill -INT "$pid"
wait
verdict endless ended endless 1 -- grep -q 'ended by SIGINT' "$OUT/endless.err"
