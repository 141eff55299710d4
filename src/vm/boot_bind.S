/* boot_bind.S - the few instructions of ours that run in a guest: they bind a function at its first call. */

/*B:1180 Binding at the first call
 * The first call through a slot of the procedure linkage table pushes the slot's number and jumps to
 * the third entry of the object's global offset table; the second is pushed too. A dynamic linker would
 * look the name up now. Ours has done so already and left a table of (slot, target): what is left to do
 * in the guest is to write the target into the slot and to go there.
 *
 *   on entry   (%rsp) the object's table, 8(%rsp) number of the slot, 16(%rsp) the caller
 * @test two-pieces
 */
	.section .rodata
	.globl boot_bind, boot_bind_end
boot_bind:
	push %rax
	push %rcx
	push %rdx
	mov 24(%rsp), %rax
	mov 32(%rsp), %rcx
	shl $4, %rcx
	add %rcx, %rax
	mov (%rax), %rcx
	mov 8(%rax), %rdx
	mov %rdx, (%rcx)
	mov %rdx, 32(%rsp)
	pop %rdx
	pop %rcx
	pop %rax
	lea 8(%rsp), %rsp
	ret
boot_bind_end:
	.section .note.GNU-stack, "", @progbits
