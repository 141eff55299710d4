# hostile.sh - a guest that tries what it may not gets Xen's error, or is killed with a reason.
# tiers: fast full soak
set -u
d=$OUT/hostile
mkdir -p "$d"

gcc -std=gnu17 -O2 -Wall -Werror -ffreestanding -fno-builtin -fno-pic -fno-pie -fno-stack-protector \
	-fcf-protection=none -mno-red-zone -mgeneral-regs-only -fno-asynchronous-unwind-tables \
	-c -o "$d/hostile.o" test/xen/hostile.c &&
	ld --no-warn-rwx-segments -z max-page-size=0x1000 -T guest/xen-example/fixed.lds -o "$d/hostile" \
		"$B/guest/o/xen-notes/start.o" "$d/hostile.o" || {
	echo "FAIL hostile: cannot build it"
	exit 0
}

go() {
	timeout 60 $UNPRIV "$PROG" run --memory 32 --timeout 20 "$d/hostile" "$1" >"$d/$1.out" 2>"$d/$1.err" </dev/null
	echo $? >"$d/$1.status"
}

go refused
tr -d '\r' <"$d/refused.out" | sed -n 's/^FAIL \(.*\)/FAIL \1: it was allowed/p; s/^ok /ok /p'
[ "$(cat "$d/refused.status")" = 0 ] ||
	echo "FAIL refused: status $(cat "$d/refused.status"): $(tail -n 1 "$d/refused.err")"

# case, status, what is said
while IFS='|' read -r name status said; do
	go "$name"
	if [ "$(cat "$d/$name.status")" = "$status" ] && cat "$d/$name.out" "$d/$name.err" | grep -q "$said"; then
		echo "ok $name"
	else
		echo "FAIL $name: status $(cat "$d/$name.status"): $(tail -n 1 "$d/$name.err")"
	fi
done <<'E'
table-write-good|0|ok table-write-good
table-write-bad|4|a write of .* to a page table
handler-faults|4|fault while creating the frame of an exception
selector|4|Unhandled general protection fault
user-without-table|4|iret to user mode without a user page table
paging-off|4|Unhandled general protection fault
no-handler|4|Unhandled invalid opcode
halt|4|Unhandled general protection fault
xens-table|4|Unhandled page fault
xens-gdt|4|Unhandled page fault
rings|0|ok rings
E
