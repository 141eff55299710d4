/* guest.S - a Multiboot guest of one page that talks on COM1: says its command line, echoes, and
 * ends in the way its last key says. */
#define COM1 0x3f8
#define PM1_STATUS 0x600
#define PM1_CONTROL 0x604
#define S5 ((5 << 10) | (1 << 13))
#define MAGIC 0x1badb002

	.text
	.code32
	.long	MAGIC, 0, -MAGIC	/* the header comes first in the file */
	.globl _start
_start:
	movl	$stack, %esp
	movl	$hello, %esi
	call	print
	movl	16(%ebx), %esi		/* Multiboot information: command line */
	call	print
	movl	$prompt, %esi
	call	print

wait:	movw	$(COM1 + 5), %dx
	inb	%dx, %al
	testb	$1, %al
	jnz	key
	movw	$PM1_STATUS, %dx
	inw	%dx, %ax
	testw	$0x100, %ax		/* power button */
	jnz	button
	pause
	jmp	wait

key:	movw	$COM1, %dx
	inb	%dx, %al
	cmpb	$4, %al			/* Ctrl-D */
	je	end
	cmpb	$'q', %al
	je	power_off
	cmpb	$'r', %al
	je	reset
	cmpb	$'t', %al
	je	triple
	cmpb	$'w', %al
	je	wedge
	cmpb	$'d', %al
	je	debug_exit
	cmpb	$'P', %al
	je	panic
	cmpb	$'f', %al
	je	flood
	cmpb	$'u', %al
	je	faults
	outb	%al, %dx
	jmp	wait

button:	movl	$pressed, %esi
	call	print
	jmp	power_off

end:	movl	$ended, %esi
	call	print
power_off:
	movw	$PM1_CONTROL, %dx
	movw	$S5, %ax
	outw	%ax, %dx
	jmp	wedge

reset:	movw	$0xcf9, %dx
	movb	$6, %al
	outb	%al, %dx
wedge:	cli
	hlt
	jmp	wedge

triple:	lidt	nothing
	int3

debug_exit:
	movw	$0xf4, %dx
	movb	$0x10, %al
	outb	%al, %dx
	jmp	wedge

panic:	movl	$panicked, %esi
	call	print
	jmp	wait

flood:	movl	$100000, %edi		/* lines */
1:	movl	$line, %esi
	call	print
	decl	%edi
	jnz	1b
	jmp	power_off

faults:	movl	$fault, %eax		/* an exception whose handler raises it again, for ever */
	movw	%ax, gate
	shrl	$16, %eax
	movw	%ax, gate + 6
	movw	%cs, gate + 2
	lidt	table
	movl	$faulting, %esi
	call	print
fault:	movl	$stack, %esp
	ud2

print:	movw	$COM1, %dx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	ret

	.section .rodata
hello:	.asciz	"guest: "
prompt:	.asciz	"\r\n> "
pressed: .asciz	"power button\r\n"
ended:	.asciz	"end of input\r\n"
line:	.asciz	"0123456789abcdef0123456789abcdef\r\n"
panicked:
	.ascii	"\r\n[    1.000000] Kernel panic - not syncing: test\r\n"
	.asciz	"[    1.000001] ---[ end Kernel panic - not syncing: test ]---\r\n"
nothing: .word	0
	.long	0
table:	.word	gate + 7 - idt
	.long	idt
faulting: .asciz "faulting\r\n"

	.data
	.balign	8
idt:	.skip	6 * 8			/* up to #UD's */
gate:	.word	0, 0, 0x8e00, 0

	.bss
	.balign	16
	.skip	1024
stack:
	.section .note.GNU-stack, "", @progbits
