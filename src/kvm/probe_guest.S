/* probe_guest.S - the probe's guest: what a stock kernel does in its first moments, step by step.
 * It starts in long mode at PROBE_BASE with identity mapping and interrupts off. */
#include "kvm/probe_guest.h"

	.section .rodata
	.balign 16
	.globl probe_guest, probe_guest_end, probe_guest_traps, probe_guest_user
	.code64

/* Announce a step. */
.macro STEP n
	movb $\n, %al
	outb %al, $PROBE_PORT_STEP
.endm

/* A label of this file as seen in the high half, and through the direct map. */
#define HIGH(label) (PROBE_HIGH + PROBE_BASE + (label - probe_guest))
#define DIRECT(label) (PROBE_DIRECT + PROBE_BASE + (label - probe_guest))

.macro SETMSR msr, val
	movl $\msr, %ecx
	movabsq $\val, %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
.endm

probe_guest:
	movq $PROBE_STACK, %rsp

	STEP 1				/* 64-bit code and a stack */
	movabsq $0x123456789abcdef0, %rbx
	pushq %rbx
	popq %r9
	cmpq %rbx, %r9
	jne fail

	STEP 2				/* CPUID is ours */
	movl $0x40000010, %eax
	xorl %ecx, %ecx
	cpuid
	cmpl PROBE_PARAM, %eax
	jne fail

	STEP 3				/* the kernel's half of the address space */
	movabsq $HIGH(high), %rax
	jmpq *%rax
high:
	movabsq $(PROBE_HIGH + PROBE_STACK), %rsp
	movabsq $(PROBE_DIRECT + PROBE_PAGE_A), %rdi
	movq %rbx, (%rdi)
	movabsq $(PROBE_HIGH + PROBE_PAGE_A), %rsi
	cmpq %rbx, (%rsi)
	jne fail
	movabsq $(PROBE_DIRECT + PROBE_PAGE_B), %rdi
	movq $0x0b, (%rdi)

	STEP 4				/* descriptor tables */
	lgdt gdtr(%rip)
	lidt idtr(%rip)
	movw $PROBE_TR, %ax
	ltr %ax
	movl $PROBE_DS, %eax
	movl %eax, %ss
	movl %eax, %ds
	movl %eax, %es
	pushq $PROBE_CS
	leaq 1f(%rip), %rax
	pushq %rax
	lretq
1:	sgdt scratch(%rip)
	movq scratch+2(%rip), %rax
	cmpq gdtr+2(%rip), %rax
	jne fail

	STEP 5				/* exceptions */
	ud2
	int3
	cmpl $2, traps(%rip)
	jne fail

	STEP 6				/* a fault that the handler mends */
	movabsq $PROBE_FAR, %r8
	cmpq %rbx, (%r8)
	jne fail
	cmpl $1, faults(%rip)
	jne fail

	STEP 7				/* another page at the same address */
	movabsq $(PROBE_DIRECT + PROBE_FAR_PTE), %rdi
	movq $(PROBE_PAGE_B | 3), (%rdi)
	invlpg (%r8)
	cmpq $0x0b, (%r8)
	jne fail

	STEP 8				/* another address space */
	movq $PROBE_PML4_OTHER, %rax
	movq %rax, %cr3
	cmpq %rbx, (%r8)
	jne fail
	movq $PROBE_PML4, %rax
	movq %rax, %cr3
	cmpq $0x0b, (%r8)
	jne fail

	STEP 9				/* MSRs */
	SETMSR 0xc0000101, HIGH(gs_kernel)
	SETMSR 0xc0000102, HIGH(gs_user)
	cmpl $0x4b, %gs:0
	jne fail
	swapgs
	cmpl $0x55, %gs:0
	jne fail
	movl $0xc0000102, %ecx
	rdmsr
	cmpl $HIGH(gs_kernel) - 0xffffffff00000000, %eax
	jne fail
	swapgs

	STEP 10				/* code that changes, through another address */
	call patched
	cmpl $1, %eax
	jne fail
	movabsq $DIRECT(patched), %rdi
	movb $2, 1(%rdi)
	xorl %eax, %eax
	cpuid
	call patched
	cmpl $2, %eax
	jne fail

	STEP 11				/* the interrupt flag holds an interrupt off */
	movl $0x1b, %ecx
	rdmsr
	orl $0xc00, %eax
	wrmsr
	SETMSR 0x80f, 0x1ff
	SETMSR 0x83f, PROBE_IRQ
	movl $1000, %edx
1:	pause
	decl %edx
	jnz 1b
	inb $PROBE_PORT_ECHO, %al
	cmpl $0, irqs(%rip)
	jne fail
	pushfq
	testl $0x200, (%rsp)
	jnz fail
	sti
	nop
	movl $1000000, %edx
1:	cmpl $1, irqs(%rip)
	je 2f
	pause
	decl %edx
	jnz 1b
	jmp fail
2:	pushfq
	popq %rax
	testl $0x200, %eax
	jz fail
	popfq				/* interrupts off again */
	pushfq
	popq %rax
	testl $0x200, %eax
	jnz fail

	STEP 12				/* a halt that the timer ends */
	SETMSR 0x83e, 0xb
	SETMSR 0x832, PROBE_IRQ
	SETMSR 0x838, 1000000
1:	sti
	hlt
	cli
	cmpl $2, irqs(%rip)
	jne 1b

	STEP 13				/* a process, its fault and its system calls */
	movl $0xc0000080, %ecx
	rdmsr
	orl $1, %eax
	wrmsr
	SETMSR 0xc0000081, PROBE_STAR
	SETMSR 0xc0000082, HIGH(syscall_entry)
	SETMSR 0xc0000084, 0x200
	movl $1, user(%rip)
	swapgs
	pushq $PROBE_USER_DS
	pushq $(PROBE_USER + 0xff0)
	pushq $0x202
	pushq $PROBE_USER_CS
	pushq $PROBE_USER
	iretq
back:
	cmpl $2, faults(%rip)
	jne fail

	STEP 14				/* device memory and ports */
	movl $PROBE_MMIO, %edi
	movl $0x01020304, (%rdi)
	addl $0x10, (%rdi)
	movzbl (%rdi), %eax
	cmpl $0x14, %eax
	jne fail
	movq (%rdi), %rax
	cmpl $0x01020314, %eax
	jne fail
	leaq patched(%rip), %rsi
	movl $5, %ecx
	movl $PROBE_PORT_ECHO, %edx
	cld
	rep outsb
	inb %dx, %al
	cmpb $5, %al
	jne fail

	STEP 15				/* the speed of a processor, not of an emulator */
	movl $2500000, %edx
1:	decl %edx
	jnz 1b

	outb %al, $PROBE_PORT_DONE
1:	cli
	hlt
	jmp 1b

fail:	outb %al, $PROBE_PORT_FAIL
	jmp 1b

patched:
	movl $1, %eax
	ret

/* r11 and rcx are the process's flags and place. */
syscall_entry:
	swapgs
	cmpl $0x4b, %gs:0
	jne fail
	cmpl $2, %edi
	je 1f
	swapgs
	sysretq
1:	movl $0, user(%rip)
	movabsq $(PROBE_HIGH + PROBE_STACK), %rsp
	jmp back

/* ---- exceptions: each vector enters here, 16 bytes apart ---- */
	.balign 16
probe_guest_traps:
	.set vector, 0
	.rept 32
	.balign 16
	.if vector != 8 && (vector < 10 || vector > 14) && vector != 17
	pushq $0
	.endif
	pushq $vector
	jmp trap
	.set vector, vector + 1
	.endr
	.balign 16
	jmp irq				/* PROBE_IRQ uses entry 32 */

trap:	pushq %rax
	pushq %rdx
	movl 16(%rsp), %eax
	cmpl $14, %eax
	je trap_pf
	cmpl $6, %eax
	je trap_ud
	cmpl $3, %eax
	je 1f
	outb %al, $PROBE_PORT_TRAP
	jmp fail
trap_ud:
	addq $2, 32(%rsp)
1:	incl traps(%rip)
trap_out:
	popq %rdx
	popq %rax
	addq $16, %rsp
	iretq

trap_pf:
	incl faults(%rip)
	cmpl $0, user(%rip)
	jne 1f
	movq %cr2, %rax
	movabsq $PROBE_FAR, %rdx
	cmpq %rdx, %rax
	jne trap_wild
	cmpl $0, 24(%rsp)		/* not present, read, supervisor */
	jne trap_wild
	movabsq $(PROBE_DIRECT + PROBE_FAR_PTE), %rax
	movq $(PROBE_PAGE_A | 3), (%rax)
	jmp trap_out
1:	cmpl $5, 24(%rsp)		/* present, read, user */
	jne trap_wild
	movq $(PROBE_USER + user_after - probe_guest_user), 32(%rsp)
	jmp trap_out
trap_wild:
	movb $14, %al
	outb %al, $PROBE_PORT_TRAP
	jmp fail

irq:	pushq %rax
	pushq %rcx
	pushq %rdx
	incl irqs(%rip)
	SETMSR 0x80b, 0
	popq %rdx
	popq %rcx
	popq %rax
	iretq

	.balign 8
traps:	.long 0
faults:	.long 0
irqs:	.long 0
user:	.long 0
gs_kernel: .long 0x4b
gs_user: .long 0x55
scratch: .fill 10, 1, 0
gdtr:	.word 0x3f
	.quad PROBE_HIGH + PROBE_GDT
idtr:	.word 0xfff
	.quad PROBE_HIGH + PROBE_IDT

/* ---- the process ---- */
	.balign 16
probe_guest_user:
	movabsq $(PROBE_HIGH + PROBE_BASE), %rax
	movq (%rax), %rbx
user_after:
	movl $1, %edi
	syscall
	movl $2, %edi
	syscall
	ud2
probe_guest_end:

	.section .note.GNU-stack, "", @progbits
