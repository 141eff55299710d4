/* start.S - the first instructions of a Xen guest, and the pages it shares with Xen. */

/*S:100 A kernel for Xen
 * Xen starts a paravirtual kernel with paging on, in user mode of 64 bits, with the address of a
 * structure that describes the domain in rsi. All it needs is a stack. It is the kernel that asks for
 * its hypercall page: in the old way by a page number in a section of text, in the new way by a note
 * that names a symbol. The first is right only as long as the linker puts .text at the base.
 * @test xen-example
 */
#ifdef NOTES
	.section .note.Xen, "a", @note
	.macro note type, what:vararg
	.balign 4
	.long 4, 2f - 1f, \type
	.asciz "Xen"
1:	\what
2:	.balign 4
	.endm
	note 6, .asciz "example"	/* GUEST_OS */
	note 8, .asciz "generic"	/* LOADER */
	note 5, .asciz "xen-3.0"	/* XEN_VERSION */
	note 3, .quad 0			/* VIRT_BASE */
	note 1, .quad _start		/* ENTRY */
	note 2, .quad hypercall_page	/* HYPERCALL_PAGE */
#else
	.section __xen_guest, "", @progbits
	.ascii "GUEST_OS=example,XEN_VER=xen-3.0,LOADER=generic,VIRT_BASE=0x0,"
	.asciz "ELF_PADDR_OFFSET=0x0,HYPERCALL_PAGE=0x2,PAE=yes"
#endif

	.text
	.balign 16
	.globl _start, shared_info, hypercall_page
_start:
	cld
	mov stack_start(%rip), %rsp
	mov %rsi, %rdi
	call kernel_main
	ud2
stack_start:
	.quad stack + 8192

	/* .org counts from the start of the section, not of memory. */
	.org 0x1000
shared_info:
	.org 0x2000
hypercall_page:
	.org 0x3000

	.bss
	.balign 16
stack:	.skip 8192
	.section .note.GNU-stack, "", @progbits
