/* start32.S - a 32-bit image: flat protected mode without paging, Multiboot 1. */
#include "layout.h"

	.section .multiboot, "a"
	.long 0x1badb002, 0x3, -(0x1badb002 + 0x3)

	.text
	.code32
	.globl start
start:
	cli
	cld
	movl $stack_top, %esp
	movl %eax, boot_magic
	movl %ebx, boot_info
	lgdt gdt_ptr
	ljmp $SEL_CODE32, $1f
1:	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl $0x33, %eax		/* NE, ET, MP, PE */
	movl %eax, %cr0
	movl %cr4, %eax
	orl $0x600, %eax		/* OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	fninit				/* RESET leaves x87 exceptions unmasked; SDM 3A table 9-1 */
	call rt_start
	ud2

	/* One 16-byte stub a vector: an error code (real or zero), the vector, then common code. */
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set v, 0
	.rept 256
	.balign 16
	.if (v == 8) || (v >= 10 && v <= 14) || (v == 17)
	.else
	pushl $0
	.endif
	pushl $v
	jmp trap_common
	.set v, v + 1
	.endr

trap_common:
	.irp r, eax, ecx, edx, ebx, ebp, esi, edi
	pushl %\r
	.endr
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %cr2, %eax
	pushl %eax
	cld
	movl %esp, %eax
	movl %esp, %ebx
	andl $-16, %esp
	subl $12, %esp
	pushl %eax
	movl $0, resume32
	call trap
	movl %ebx, %esp
	addl $4, %esp
	.irp r, edi, esi, ebp, ebx, edx, ecx, eax
	popl %\r
	.endr
	cmpl $0, resume32
	jne 1f
	addl $8, %esp
	iret
	/* Not iret: the frame of an exception in ring 0 has no stack pointer to come back with. */
1:	pushl $SEL_DATA
	popl %ss
	movl try_sp, %esp
	pushl $2
	popfl
	ljmp *resume32

	/* void user_enter(u32 *iret, regs...): the iret frame (ip cs flags sp ss), then
	 * ax cx dx bx si di ds. Comes back at any exception. */
	.globl user_enter
user_enter:
	.irp r, ebx, ebp, esi, edi
	pushl %\r
	.endr
	movl 20(%esp), %ebp
	movl $user_back, try_resume
	movl %esp, try_sp
	.irp o, 16, 12, 8, 4, 0
	pushl \o(%ebp)
	.endr
	movl 20(%ebp), %eax
	movl 24(%ebp), %ecx
	movl 28(%ebp), %edx
	movl 32(%ebp), %ebx
	movl 36(%ebp), %esi
	movl 40(%ebp), %edi
	movw 44(%ebp), %ds
	.globl user_iret
user_iret:
	iret
user_back:
	pushl $SEL_DATA
	popl %ds
	.irp r, edi, esi, ebp, ebx
	popl %\r
	.endr
	ret

	.data
	.balign 16
	.globl gdt
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* 08 code 64 */
	.quad 0x00cf93000000ffff	/* 10 data */
	.quad 0x00cffb000000ffff	/* 18 user code */
	.quad 0x00cff3000000ffff	/* 20 user data */
	.quad 0x00affb000000ffff	/* 28 user code 64 */
	.quad 0x00cf9b000000ffff	/* 30 code 32 */
	.quad 0x00009b000000ffff	/* 38 code 16 */
	.quad 0x000093000000ffff	/* 40 data 16 */
	.quad 0, 0			/* 48 TSS */
	.fill GDT_SPARE, 8, 0
gdt_end:
gdt_ptr:
	.word gdt_end - gdt - 1
	.long gdt

	.balign 4
	.globl resume32
resume32:
	.long 0
	.word SEL_CODE32

	.bss
	.balign 4096
	.skip 32768
	.globl stack_top
stack_top:
	.globl boot_magic, boot_info
boot_magic: .skip 8
boot_info: .skip 8
