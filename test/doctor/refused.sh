# refused.sh - relocations that no loader can do are refused with a reason; sound ones are not.
# tiers: fast full soak
set -u
d=$OUT/refused
mkdir -p "$d"
cc="gcc -O2 -ffreestanding -fPIC -fno-stack-protector -fcf-protection=none -mgeneral-regs-only -Iguest/lib -c"
ld="ld -pie --no-dynamic-linker -z norelro -z max-page-size=0x1000 -z noexecstack -defsym LINKED_AT=0 -T guest/lib/flat.lds"
start=$B/guest/o/pie/lib/start64.o

cat >"$d/ifunc.c" <<'E'
#include "hello.h"
static int one(void) { return 1; }
static void *pick(void) { return one; }
int f(void) __attribute__((ifunc("pick")));
void kernel_main(void) { put(f() ? "one" : "none"); power_off(); }
E
sed 's/__attribute__((ifunc("pick")))/{ return one() + !pick(); }/' "$d/ifunc.c" >"$d/plain.c"

for k in ifunc plain; do
	$cc -o "$d/$k.o" "$d/$k.c" && $ld -o "$d/$k" "$d/$k.o" "$start" ||
		{ echo "FAIL relocations: cannot build $k"; exit 0; }
	"$PROG" run --engine soft --memory 32 --timeout 20 "$d/$k" >"$d/$k.said" 2>&1 </dev/null
	echo $? >"$d/$k.status"
done
if [ "$(cat "$d/ifunc.status")" = 1 ] && grep -q "is an ifunc's (R_X86_64_IRELATIVE)" "$d/ifunc.said"; then
	echo "ok ifunc_refused"
else
	echo "FAIL ifunc_refused: status $(cat "$d/ifunc.status"): $(head -n 1 "$d/ifunc.said")"
fi
if [ "$(cat "$d/plain.status")" = 0 ] && grep -q '^one' "$d/plain.said"; then
	echo "ok plain_runs"
else
	echo "FAIL plain_runs: $(head -n 1 "$d/plain.said")"
fi
