/* start64.S - from PVH's 32-bit entry to C in 64-bit mode, wherever it was loaded. */

/*S:200 Where am I?
 * PVH hands over with paging off and no stack, at a physical address that a loader may have chosen. So
 * the first question is where we are. A call pushes the answer; the four bytes that it needs are
 * borrowed from the start info's last, reserved field. From there everything is reached by distance:
 * tables that map memory to itself, long mode, a stack, C.
 * @test pvh-hello
 */
	.section .note.Xen, "a", @note
	.long 4, 8, 18
	.asciz "Xen"
	.quad pvh_start - base + LINKED_AT	/* PHYS32_ENTRY */

	.section .text.start, "ax"
	.globl base, pvh_start
base:
	.code32
pvh_start:
	cld
	lea 56(%ebx), %esp
	call 1f
1:	pop %ebp
	sub $(1b - base), %ebp		/* ebp = where base is */
	/* Three levels of tables: the first GiB, mapped to itself with 2 MiB pages. */
	lea (pml4 - base)(%ebp), %edi
	lea (pdpt - base + 3)(%ebp), %eax
	mov %eax, (%edi)
	mov %edi, %cr3
	lea (pdpt - base)(%ebp), %esi
	lea (pd - base + 3)(%ebp), %eax
	mov %eax, (%esi)
	lea (pd - base)(%ebp), %edi
	mov $0x83, %eax
	mov $512, %ecx
2:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 2b
	mov %cr4, %eax
	or $0x620, %eax			/* PAE, OSFXSR, OSXMMEXCPT */
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax			/* EFER.LME */
	wrmsr
	mov %cr0, %eax
	or $0x80000001, %eax
	mov %eax, %cr0
	lea (gdt - base)(%ebp), %eax
	mov %eax, (gdt_base - base)(%ebp)
	lgdt (gdt_limit - base)(%ebp)
	lea (long_mode - base)(%ebp), %eax
	mov %eax, (far - base)(%ebp)
	ljmp *(far - base)(%ebp)

	.code64
long_mode:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	lea stack_top(%rip), %rsp
	mov %ebx, %edi			/* the start info */
	call kernel_main
	.globl power_off
power_off:
	mov $0x604, %edx		/* ACPI's PM1 control: soft off */
	mov $0x3400, %eax
	out %ax, %dx
	hlt
	jmp power_off

	.section .data.start, "aw"
	.balign 8
far:	.long 0
	.word 8
	.balign 8
	.word 0
gdt_limit: .word gdt_end - gdt - 1
gdt_base: .long 0, 0
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_end:
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4096
	.balign 16
	.skip 8192
stack_top:
	.section .note.GNU-stack, "", @progbits
