/* real_low.S - the way from 64-bit mode to real mode and back, and the 16-bit code that runs
 * there. real.c copies [low_start, low_end) to LOW_AT. Results go to RESULTS, a dword each. */
#include "layout.h"
#include "real.h"

#define LOW(x) ((x) - low_start + LOW_AT)

	.text
	.code64
	/* void real_call(u32 fn): fn is an offset in segment 0. */
	.globl real_call
real_call:
	.irp r, rbx, rbp, r12, r13, r14, r15
	pushq %\r
	.endr
	movq %rsp, saved_sp
	movl %edi, LOW_AT + (real_fn - low_start)
	sgdt saved_gdt
	sidt saved_idt
	movq %cr3, %rax
	movq %rax, saved_cr3
	ljmp *to32
	.code32
real_32:
	movl $SEL_DATA, %eax
	movl %eax, %ss
	movl %eax, %ds
	movl %eax, %es
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0			/* paging off: long mode ends */
	movl $0xc0000080, %ecx
	rdmsr
	andl $~0x100, %eax
	wrmsr
	movl $SEL_DATA16, %eax
	cmpl $0, real_big
	jne 1f
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
1:	movl $SEL_DATA16, %eax
	movl %eax, %ss
	ljmp $SEL_CODE16, $LOW(real_16)

	/* Back, from 16-bit protected mode. */
real_back32:
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl saved_cr3, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	ljmp $SEL_CODE64, $real_back64
	.code64
real_back64:
	movq saved_sp, %rsp
	lidt saved_idt
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	.irp r, r15, r14, r13, r12, rbp, rbx
	popq %\r
	.endr
	ret

	.data
	.balign 8
to32:	.long real_32
	.word SEL_CODE32
	.globl real_big
	.balign 4
real_big: .long 0
saved_sp: .quad 0
saved_cr3: .quad 0
saved_gdt: .skip 10
saved_idt: .skip 10

	/* ---- copied to LOW_AT ---- */
	.section .rodata.low, "a"
	.globl low_start, low_end
	.code16
low_start:
real_16:
	movl %cr0, %eax
	andb $0xfe, %al
	movl %eax, %cr0
	ljmp $0, $LOW(1f)
1:	xorw %ax, %ax
	movw %ax, %ss
	movl $0x7000, %esp
	movw %ax, %ds
	movw %ax, %es
	lidtl LOW(real_idt)
	call *LOW(real_fn)
	cli
	lgdtl LOW(gdt_copy)
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $SEL_CODE32, $real_back32

	.balign 4
	.globl real_fn, gdt_copy
real_fn: .long 0
real_idt: .word 0x3ff
	.long IVT
gdt_copy: .skip 10			/* SGDT of 64-bit code writes ten bytes */

#define OUT(n, reg) movl reg, RESULTS + 4 * n

	/* A handler counts and notes what it was given, then skips the bytes in skip_ip. */
	.globl real_handler, real_irq, skip_ip
real_handler:
	pushw %bp
	movw %sp, %bp
	pushw %ax
	pushw %ds
	xorw %ax, %ax
	movw %ax, %ds
	movw 2(%bp), %ax
	movw %ax, HANDLER_IP
	movw 4(%bp), %ax
	movw %ax, HANDLER_CS
	movw 6(%bp), %ax
	movw %ax, HANDLER_FLAGS
	incw HANDLER_N
	movw LOW(skip_ip), %ax
	addw %ax, 2(%bp)
	pushfw
	popw %ax
	movw %ax, HANDLER_NOW
	popw %ds
	popw %ax
	popw %bp
	iretw
skip_ip: .word 0
real_irq:
	pushw %ax
	incw %cs:HANDLER_N
	movb $0x20, %al
	outb %al, $0x20
	popw %ax
	iretw

	.globl r_basic
r_basic:
	movl $0x11223344, %eax
	OUT(0, %eax)
	xorl %eax, %eax
	movw %cs, %ax
	OUT(1, %eax)
	movl $0xffff0000 + ADDR_A, %ebx	/* bx + si: the upper half does not count */
	movw $4, %si
	movl (%bx,%si), %eax
	OUT(2, %eax)
	movw $ADDR_A, %bp		/* bp means ss, which is 0 too */
	movw $8, %di
	movl 4(%bp,%di), %eax
	OUT(3, %eax)
	movl $ADDR_A, %ecx
	movl 4(%ecx), %eax		/* 32-bit addressing */
	OUT(4, %eax)
	movw $(ADDR_A >> 4), %ax
	movw %ax, %es
	movl %es:8, %eax
	OUT(5, %eax)
	movw $0xffff, %ax
	movw %ax, %es
	movl %es:0x10, %eax		/* 1 MiB */
	OUT(6, %eax)
	movw $0xfff0, %bx
	movw $0x0020 + ADDR_A, %si
	movl (%bx,%si), %eax		/* wraps to ADDR_A + 16 */
	OUT(7, %eax)
	xorl %eax, %eax
	smsww %ax
	OUT(8, %eax)
	ret

	.globl r_stack
r_stack:
	movl %esp, %edx
	pushw $0x1234
	xorl %eax, %eax
	popw %ax
	OUT(0, %eax)
	pushl $0x55667788
	popl %eax
	OUT(1, %eax)
	pushw %cs
	popw %ax
	OUT(2, %eax)
	movl $0x01020304, %eax
	movw $0x99, %bx
	pushaw
	movw $0, %bx
	popaw
	OUT(3, %ebx)
	pushfw
	popw %ax
	andl $0xffff, %eax
	OUT(4, %eax)
	enterw $8, $0
	leavew
	movl %esp, %eax
	subl %edx, %eax
	OUT(5, %eax)
	movl %esp, %edx			/* sp wraps from 0 to fffe */
	movl $0x7770000, %esp
	pushw $0x4321
	movl %esp, %eax
	movl %edx, %esp
	OUT(6, %eax)
	movzwl 0xfffe, %eax
	OUT(7, %eax)
	lcall $0, $LOW(1f)
	jmp 2f
1:	movl $0x77, %eax
	OUT(8, %eax)
	lret
2:	pushw $5
	lcall *LOW(3f)
	jmp 4f
3:	.word LOW(5f), 0
5:	lret $2
4:	movl %esp, %eax
	subl %edx, %eax
	OUT(9, %eax)
	ret

	.globl r_ints, r_int_ip, r_div_ip, r_ud_ip, r_gp_ip
r_ints:
	movw $0, LOW(skip_ip)
	sti
	int $0x60
r_int_ip:
	cli
	movzwl HANDLER_IP, %eax
	OUT(0, %eax)
	movzwl HANDLER_FLAGS, %eax
	OUT(1, %eax)
	movzwl HANDLER_NOW, %eax
	OUT(2, %eax)
	movw $2, LOW(skip_ip)
	xorw %cx, %cx
	movw $1, %ax
	xorw %dx, %dx
r_div_ip:
	divw %cx
	movzwl HANDLER_IP, %eax
	OUT(3, %eax)
r_ud_ip:
	ud2
	movzwl HANDLER_IP, %eax
	OUT(4, %eax)
	movw $3, LOW(skip_ip)
	movw $0xffff, %bx
r_gp_ip:
	.byte 0x67, 0x8b, 0x03		/* movw (%ebx), %ax: the word crosses 64 KiB */
	movzwl HANDLER_IP, %eax
	OUT(5, %eax)
	movw $0, LOW(skip_ip)
	int3
	movb $0x7f, %al
	addb $1, %al
	into
	movzwl HANDLER_N, %eax
	OUT(6, %eax)
	movw $4, LOW(skip_ip)
	movl $0x10000, %ebx
	movl (%ebx), %eax		/* 67 66 8b 03 */
	movzwl HANDLER_N, %eax
	OUT(7, %eax)
	movw $0, LOW(skip_ip)
	ret

	.globl r_strings
r_strings:
	movw $ADDR_A, %si
	movw $ADDR_A + 64, %di
	movw $4, %cx
	cld
	rep movsl
	movl ADDR_A + 64 + 12, %eax
	OUT(0, %eax)
	movzwl %cx, %eax
	OUT(1, %eax)
	movl $0xabcdfffe, %edi		/* di wraps, the upper half stays */
	movl $0x12340003, %ecx
	movw $0x5a5a, %ax
	movw $ADDR_SEG, %dx
	movw %dx, %es
	rep stosw
	OUT(2, %edi)
	OUT(3, %ecx)
	movzwl %es:2, %eax
	OUT(4, %eax)
	movw $0, %dx
	movw %dx, %es
	movw $ADDR_A, %bx
	movb $2, %al
	xlatb
	movzbl %al, %eax
	OUT(5, %eax)
	movw $3, %cx
	xorl %eax, %eax
1:	incw %ax
	loop 1b
	jcxz 2f
	movw $0, %ax
2:	OUT(6, %eax)
	ldsw ADDR_FAR, %si
	movw %ds, %ax
	movw $0, %dx
	movw %dx, %ds
	andl $0xffff, %eax
	OUT(7, %eax)
	movzwl %si, %eax
	OUT(8, %eax)
	movw $0x1234, %ax
	aam
	andl $0xffff, %eax
	OUT(9, %eax)
	ret

	.globl r_irq
r_irq:
	movw $0, HANDLER_N
	movl $2000000, %ecx
	sti
1:	cmpw $2, HANDLER_N
	jae 2f
	hlt
	decl %ecx
	jnz 1b
2:	cli
	movzwl HANDLER_N, %eax
	OUT(0, %eax)
	ret

	.globl r_smc
r_smc:
	movw $20, %cx
	xorl %ebx, %ebx
1:	movb %cl, LOW(2f) + 1
	jmp 2f
2:	movb $0, %al
	movzbl %al, %eax
	addl %eax, %ebx
	loop 1b
	OUT(0, %ebx)
	ret

	/* ds keeps the limit it was loaded with in protected mode. */
	.globl r_big
r_big:
	movl $0x200000, %ebx
	movl (%ebx), %eax
	OUT(0, %eax)
	movw $0x100, %ax
	movw %ax, %ds
	movl 0x1ff000(%ebx), %eax
	xorw %dx, %dx
	movw %dx, %ds
	OUT(1, %eax)
	movl $0xfee00030, %ebx
	movl (%ebx), %eax
	OUT(2, %eax)
	ret
low_end:
