/* light.S - memset, memcpy and memmove that leave vector registers alone.
 *
 * The compiler makes calls of these by itself, from loops and from assignments of structures, and the
 * C library's use vector registers. Objects that run while a guest's are live (LIGHT in the Makefile)
 * have the names replaced by these.
 */
	.text

/* void *light_memset(void *to, int byte, size_t len) */
	.globl	light_memset
	.hidden	light_memset
	.type	light_memset, @function
light_memset:
	movq	%rdi, %r8
	movl	%esi, %eax
	movq	%rdx, %rcx
	rep stosb
	movq	%r8, %rax
	ret
	.size	light_memset, . - light_memset

/* void *light_memcpy(void *to, const void *from, size_t len) */
	.globl	light_memcpy
	.hidden	light_memcpy
	.type	light_memcpy, @function
light_memcpy:
	movq	%rdi, %rax
	movq	%rdx, %rcx
	rep movsb
	ret
	.size	light_memcpy, . - light_memcpy

/* void *light_memmove(void *to, const void *from, size_t len) */
	.globl	light_memmove
	.hidden	light_memmove
	.type	light_memmove, @function
light_memmove:
	movq	%rdi, %rax
	subq	%rsi, %rax
	cmpq	%rdx, %rax
	jae	light_memcpy
	movq	%rdi, %rax
	movq	%rdx, %rcx
	leaq	-1(%rdi, %rdx), %rdi
	leaq	-1(%rsi, %rdx), %rsi
	std
	rep movsb
	cld
	ret
	.size	light_memmove, . - light_memmove

	.section .note.GNU-stack, "", @progbits
