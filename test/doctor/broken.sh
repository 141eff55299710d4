# broken.sh - for each check a kernel that is broken in just that way; a sound one beside it.
# tiers: fast full soak
#
# bN builds kernel $k for check N, and sets what the doctor is to call it ($want, fatal by default)
# and with which options it is asked ($ask).
set -u
d=$OUT/broken
mkdir -p "$d"

# ---- the sound kernels ------------------------------------------------------------------

cat >"$d/xen.S" <<'E'
	.section .text, "ax"
	.globl _start
_start:	mov $stack_top, %rsp
	call hypercall_page + 18 * 32
1:	jmp 1b
#ifdef BEFORE_PAGE
	BEFORE_PAGE
#endif
#ifndef PAGE_ALIGN
#define PAGE_ALIGN 4096
#endif
	.balign PAGE_ALIGN
#ifdef PAGE_SKEW
	.skip PAGE_SKEW, 0xcc
#endif
	.globl hypercall_page
hypercall_page: .skip 4096, 0xcc
	.data
	.balign 4096
	.globl shared_info
#ifdef SKEW
	.skip 8
#endif
shared_info: .skip 4096
	.bss
	.balign 16
stack:	.skip 4096
	.globl stack_top
stack_top:
	.section .note.Xen, "a", @note
	.macro note type, what:vararg
	.balign 4
	.long 4, 2f - 1f, \type
	.asciz "Xen"
1:	\what
2:	.balign 4
	.endm
#ifndef LOADER
#define LOADER "generic"
#endif
#ifndef VERSION
#define VERSION "xen-3.0"
#endif
	note 8, .asciz LOADER
	note 5, .asciz VERSION
	note 6, .asciz "example"
#ifndef NO_BASE
	note 3, .quad BASE
#endif
#ifdef OFFSET
	note 4, .quad OFFSET
#endif
	note 1, .quad _start
	note 2, .quad hypercall_page PAGE_OFF
	.section .note.GNU-stack, "", @progbits
E

cat >"$d/mb.S" <<'E'
	.code32
	.section .multiboot, "a"
#ifdef PAD
	.skip PAD
#endif
	.long 0x1badb002, 0, -0x1badb002 + SUM
	.section .text.entry, "ax"
	.globl _start
_start:	mov $stack_top, %esp
1:	hlt
	jmp 1b
	.bss
	.balign 16
	.skip 4096
	.globl stack_top
stack_top:
	.section .note.GNU-stack, "", @progbits
E

# $1 = where it is linked, $2 = AT() expression offset, $3 = extra lines
script() {
	cat <<E
ENTRY(_start)
PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); note PT_NOTE FLAGS(4); stack PT_GNU_STACK FLAGS(6); }
SECTIONS {
	. = $1;
	.text : AT(ADDR(.text) - ($2)) { *(.multiboot) *(.text.entry) *(.text .text.*) } :text
	.rodata : AT(ADDR(.rodata) - ($2)) { *(.rodata*) } :text
	.notes : AT(ADDR(.notes) - ($2)) { *(.note.Xen) } :text :note
	.eh_frame : AT(ADDR(.eh_frame) - ($2)) { *(.eh_frame) } :text
	. = ALIGN(4096);
	.data : AT(ADDR(.data) - ($2)) { *(.data*) } :data
	.bss : AT(ADDR(.bss) - ($2)) { *(.bss*) } :data
	_end = .;
	${3:-}
	/DISCARD/ : { *(.note.gnu.*) *(.comment) }
}
E
}

ld_="ld -z max-page-size=0x1000 --build-id=none"
as_="gcc -c -nostdlib -fcf-protection=none -ffreestanding -fno-pic -fno-asynchronous-unwind-tables -O1"

# xen FILE [-D...]: a Xen kernel linked at 1 MiB, by $d/xen.lds
xen() { o=$1; shift; $as_ -DBASE=0 -DPAGE_OFF= "$@" -o "$o.o" "$d/xen.S" && $ld_ -T "${lds:-$d/xen.lds}" -o "$o" "$o.o"; }
mb() { o=$1; shift; $as_ -m32 -DSUM=0 "$@" -o "$o.o" "$d/mb.S" && $ld_ -m elf_i386 -T "${lds:-$d/mb.lds}" -o "$o" "$o.o"; }

# Change bytes: poke FILE OFFSET HEX...
poke() { f=$1 seek=$(($2)); shift 2; for b; do printf "\\$(printf %03o 0x$b)"; done | dd of="$f" bs=1 seek=$seek conv=notrunc status=none; }

script 0x100000 0 >"$d/xen.lds"
script 0x100000 0 >"$d/mb.lds"
cc_="gcc -c -O1 -ffreestanding -fno-pic -fcf-protection=none -fno-asynchronous-unwind-tables"
c() { o=$1; shift; cat >"$o.c"; $cc_ "$@" -o "$o.c.o" "$o.c"; }

# ---- the broken ones --------------------------------------------------------------------

b1() { xen "$k" '-DPAGE_OFF=+0x30'; }
b2() { xen "$k" -DPAGE_ALIGN=64; }
b3() { want=warning; echo 'SECTIONS { . = 0x100000; .text : { *(.text) } .data : { *(.data) } }' >"$d/3.lds"
	echo 'void _start(void) { for (;;) ; }' | c "$k"; ld --build-id=sha1 -T "$d/3.lds" -o "$k" "$k.c.o"; }
b4() { want=note; printf '.section .early,"ax"\nnop\n.section .note.GNU-stack,"",@progbits' >"$d/4e.S"; lds=$d/4.lds
	sed 's/\.text : AT/.early : { *(.early) } :text\n\t.text : AT/' "$d/xen.lds" >"$lds"
	$as_ -o "$k.e.o" "$d/4e.S" && $as_ -DBASE=0 -DPAGE_OFF= -o "$k.o" "$d/xen.S" && $ld_ -T "$lds" -o "$k" "$k.o" "$k.e.o"; }
b5() { ask='--for pvh'; xen "$k"; }
b6() { want=warning; lds=$d/6.lds; sed 's/:text :note/:text/; s/note PT_NOTE FLAGS(4);//' "$d/xen.lds" >"$lds"; xen "$k"; }
b7() { want=warning; xen "$k"; at=$(readelf -lW "$k" | awk '$1 == "NOTE" { print $2 }'); poke "$k" "$at + 4" ff ff; }
b8() { xen "$k" '-DLOADER="grub"'; }
b9() { xen "$k" -DNO_BASE -DOFFSET=0x1000; }
b10() { ask='--for multiboot'; lds=$d/10.lds; sed 's/ENTRY(_start)/ENTRY(stack_top)/' "$d/mb.lds" >"$lds"; mb "$k"; }
b11() { want=note; echo 'int before(void) { return 1; } void _start(void) { for (;;) ; }' | c "$k"; lds=$d/mb.lds; $ld_ -T "$lds" -o "$k" "$k.c.o"; }
b12() { printf '.section .multiboot,"a"\n.long 0x1badb002,0,-0x1badb002\n.text\n.globl _start\n_start: mov $0x1000,%%rsp\nmov %%rdi,%%rax\nlea 8(%%rax),%%rbx\nmov %%rax,%%rbx\nhlt\n.section .note.GNU-stack,"",@progbits' >"$d/12.S"
	$as_ -o "$k.o" "$d/12.S" && $ld_ -T "$d/mb.lds" -o "$k" "$k.o"; }
b13() { want=warning; echo 'int main(void) { return 0; }' >"$k.c"; gcc -o "$k" "$k.c"; }
b14() { printf 'static int one(void) { return 1; }\nstatic void *pick(void) { return one; }\nint f(void) __attribute__((ifunc("pick")));\nvoid _start(void) { f(); }' >"$k.c"
	gcc -O1 -fpie -ffreestanding -nostdlib -static-pie -o "$k" "$k.c"; }
b15() { lds=$d/15.lds; sed 's/\.data : AT([^)]*) - (0))/.data : AT(0x100000)/' "$d/xen.lds" >"$lds"; ld_="$ld_ --no-check-sections" xen "$k"; }
b16() { want=warning; xen "$k"; poke "$k" 112 00 20; } # p_align of the first program header
b17() { want=note; $as_ -DBASE=0 -DPAGE_OFF= -o "$k.o" "$d/xen.S" && ld -z max-page-size=0x200000 --build-id=none -T "$d/xen.lds" -o "$k" "$k.o"; }
b18() { ask='--for multiboot'; lds=$d/18.lds; script 0xffffffff80100000 0 >"$lds"
	sed 's/\.code32/.code64/; s/mov \$stack_top, %esp/mov $stack_top, %rsp/' "$d/mb.S" >"$d/mb64.S"
	$as_ -DSUM=0 -o "$k.o" "$d/mb64.S" && $ld_ -T "$lds" -o "$k" "$k.o"; }
b19() { want=note; lds=$d/19.lds; sed 's/text PT_LOAD FLAGS(5)/text PT_LOAD FLAGS(7)/' "$d/xen.lds" >"$lds"; xen "$k"; }
b20() { want=note; lds=$d/20.lds; sed 's/stack PT_GNU_STACK FLAGS(6);//' "$d/xen.lds" >"$lds"; xen "$k"; }
b21() { mb "$k" -DPAD=9000; }
b22() { want=note; lds=$d/22.lds; sed 's/\*(.note.gnu.\*)//' "$d/xen.lds" >"$lds"; printf '.section .got,"aw"\n.quad 0\n.section .note.GNU-stack,"",@progbits' >"$d/22.S"
	$as_ -o "$k.g.o" "$d/22.S"; $as_ -DBASE=0 -DPAGE_OFF= -o "$k.o" "$d/xen.S" && $ld_ -T "$lds" -o "$k" "$k.o" "$k.g.o"; }
b23() { want=note; { for i in 1 2 3 4 5 6 7 8; do echo "int f$i(int a) { return a * $i + (a ^ $i); }"; done; echo 'void _start(void) { for (;;) f1(f2(1)); }'; } | c "$k" -fomit-frame-pointer
	$ld_ -T "$d/mb.lds" -o "$k" "$k.c.o"; }
b24() { xen "$k"; poke "$k" 104 01 00 00 00 00 00 00 00; } # p_memsz of the first program header
b25() { want=warning; echo 'extern void use(char *); void __stack_chk_fail(void) { for (;;); } void use(char *p) { *p = 1; } void _start(void) { char b[64]; use(b); for (;;) ; }' |
	c "$k" -fstack-protector-all -fno-inline; $ld_ -T "$d/mb.lds" -o "$k" "$k.c.o"; }
b26() { want=warning; echo 'int leaf(volatile int a) { volatile int x[4]; x[0] = a; x[3] = x[0] * 2; return x[3]; } void _start(void) { for (;;) leaf(1); }' | c "$k" -fno-inline
	$ld_ -T "$d/mb.lds" -o "$k" "$k.c.o"; }
b27() { lds=$d/27.lds; script 0xffff800000100000 0 >"$lds"; sed 's/mov \$stack_top/movabs $stack_top/' "$d/xen.S" >"$d/27.S"
	$as_ -DBASE=0 -DPAGE_OFF= -o "$k.o" "$d/27.S" && $ld_ -T "$lds" -o "$k" "$k.o"; }
b28() { want=note; xen "$k" && strip "$k"; }
b29() { want=note; echo 'void _start(void) { for (;;) ; }' >"$k.c"
	gcc -c -O1 -ffreestanding -fno-pic -fcf-protection=full -mmanual-endbr -o "$k.c.o" "$k.c"; lds=$d/29.lds; sed 's/\*(.note.gnu.\*)/*(.note.gnu.build-id)/; s/\*(.note.Xen)/*(.note.Xen) *(.note.gnu.property)/' "$d/mb.lds" >"$lds"
	$ld_ -T "$lds" -o "$k" "$k.c.o"; }
b30() { want=warning; xen "$k" -DSKEW; }
b31() { xen "$k.whole" && head -c 5000 "$k.whole" >"$k"; }
b32() { xen "$k"; poke "$k" 18 b7 00; }
b33() { ask='--for linux'; head -c 4096 /dev/zero >"$k"; poke "$k" 0x1f1 04; poke "$k" 0x1f4 00 00 01; poke "$k" 0x202 48 64 72 53 0f 02; }
b34() { want=note; echo 'static void __attribute__((constructor)) early(void) { *(volatile int *)4096 = 1; } void _start(void) { early(); for (;;) ; }' | c "$k"
	$ld_ -T "$d/mb.lds" -o "$k" "$k.c.o"; }

# ---- and what the doctor says -----------------------------------------------------------

sound() {
	name=$1 k=$2 ask=$3
	if ! "$PROG" doctor $ask "$k" >"$k.said" 2>&1 || grep -qE '^(fatal|warning) ' "$k.said"; then
		echo "FAIL sound_$name: the doctor complains: $(grep -m 1 -E '^(fatal|warning|pandok)' "$k.said")"
	else
		echo "ok sound_$name"
	fi
}

rows=$(sed -n 's/^	{ \([0-9]*\), "\([a-z0-9-]*\)".*/\1:\2/p' src/doctor/checks.c)
[ -n "$rows" ] || echo "FAIL table: no rows found in checks.c"
xen "$d/sound-xen" && sound xen "$d/sound-xen" "--for xen"
mb "$d/sound-mb" && sound multiboot "$d/sound-mb" "--for multiboot"

for row in $rows; do
	n=${row%%:*} name=${row#*:}
	k=$d/k$n want=fatal ask='' lds=
	if ! command -v b$n >/dev/null; then
		echo "FAIL broken_$n: no broken kernel for $name"
		continue
	fi
	if ! b$n >"$k.log" 2>&1; then
		echo "FAIL broken_$n: cannot be built: $(head -n 1 "$k.log")"
		continue
	fi
	"$PROG" doctor $ask "$k" >"$k.said" 2>&1
	status=$?
	case $want in fatal) expect=4 ;; warning) expect='[34]' ;; note) expect='[034]' ;; esac
	for other in xen mb; do
		! grep -q "^$want $n $name:" "$d/sound-$other.said" ||
			echo "FAIL broken_$n: the sound kernel has it too"
	done
	case $status in $expect) ;; *)
		echo "FAIL broken_$n: status $status for a $want finding"
		continue ;;
	esac
	if grep -q "^$want $n $name: " "$k.said"; then
		echo "ok broken_$n: $name"
	else
		echo "FAIL broken_$n: $name not named as $want; said: $(grep -E '^(fatal|warning|note)' "$k.said" | head -n 3 | tr '\n' ';')"
	fi
done
