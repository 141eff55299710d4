/* start.S - from a loader's 32-bit entry to 64-bit C: page tables, descriptors, vector stubs.
 * The loader may speak PVH (ELF64, note below) or Multiboot 1; both enter flat, paging off. */
#include "layout.h"

#ifdef MULTIBOOT
	.section .multiboot, "a"
	.long 0x1badb002, 0x3, -(0x1badb002 + 0x3) /* page-align modules, memory map */
#else
	.section .note.pvh, "a", @note
	.long 4, 8, 18			/* XEN_ELFNOTE_PHYS32_ENTRY; xen/include/public/elfnote.h */
	.asciz "Xen"
	.quad start
#endif

	.text
	.code32
	.globl start
start:
	cli
	cld
	movl $stack_top, %esp
	movl %eax, boot_magic
	movl %ebx, boot_info

	/* 4 GiB one to one by 2 MiB pages; the user window has U set. */
	movl $boot_l3 + 7, boot_l4
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $12, %eax
	addl $boot_l2 + 7, %eax
	movl %eax, boot_l3(, %ecx, 8)
	incl %ecx
	cmpl $4, %ecx
	jb 1b
	xorl %ecx, %ecx
2:	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax
	movl %eax, boot_l2(, %ecx, 8)
	incl %ecx
	cmpl $2048, %ecx
	jb 2b
	orl $4, boot_l2 + (USER_WINDOW >> 21) * 8

	movl %cr4, %eax
	orl $0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $boot_l4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x901, %eax		/* SCE, LME, NXE */
	wrmsr
	movl $0x80010033, %eax		/* PG, WP, NE, ET, MP, PE */
	movl %eax, %cr0
	lgdt gdt_ptr32
	ljmp $SEL_CODE64, $long_mode

	.code64
long_mode:
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq $stack_top, %rsp
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
	pushq $0
	.endif
	pushq $v
	jmp trap_common
	.set v, v + 1
	.endr

trap_common:
	.irp r, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	pushq %\r
	.endr
	movq %cr2, %rax
	pushq %rax
	cld
	movq %rsp, %rdi
	movq %rsp, %rbx
	andq $-16, %rsp
	call trap
	movq %rbx, %rsp
	addq $8, %rsp
	.irp r, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	popq %\r
	.endr
	addq $16, %rsp
	iretq

	/* u64 user_enter(struct user_start *s): iret to what s says; comes back at any exception.
	 * The frame is s->iret[5], the registers s->rax.. are loaded first. */
	.globl user_enter
user_enter:
	.irp r, rbx, rbp, r12, r13, r14, r15
	pushq %\r
	.endr
	movq $user_back, try_resume
	movq %rsp, try_sp
	.irp o, 32, 24, 16, 8, 0
	pushq \o(%rdi)
	.endr
	movq 40(%rdi), %rax
	movq 48(%rdi), %rcx
	movq 56(%rdi), %rdx
	movq 64(%rdi), %rbx
	movq 72(%rdi), %rsi
	movq 80(%rdi), %rdi
	.globl user_iret
user_iret:
	iretq
user_back:
	.irp r, r15, r14, r13, r12, rbp, rbx
	popq %\r
	.endr
	ret

	.data
	.balign 16
	.globl gdt
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* 08 code 64 */
	.quad 0x00cf93000000ffff	/* 10 data */
	.quad 0x00cffb000000ffff	/* 18 user code 32 (SYSRET's base) */
	.quad 0x00cff3000000ffff	/* 20 user data */
	.quad 0x00affb000000ffff	/* 28 user code 64 */
	.quad 0x00cf9b000000ffff	/* 30 code 32 */
	.quad 0x00009b000000ffff	/* 38 code 16 */
	.quad 0x000093000000ffff	/* 40 data 16 */
	.quad 0, 0			/* 48 TSS */
	.fill GDT_SPARE, 8, 0		/* 58.. for tests */
	.globl gdt_end
gdt_end:
gdt_ptr32:
	.word gdt_end - gdt - 1
	.long gdt, 0

	.bss
	.balign 4096
	.globl boot_l4, boot_l3, boot_l2
boot_l4: .skip 4096
boot_l3: .skip 4096
boot_l2: .skip 4 * 4096
	.skip 32768
	.globl stack_top
stack_top:
	.globl boot_magic, boot_info
boot_magic: .skip 8
boot_info: .skip 8
