/* init.S - the guest's init program, as the Makefile built it from guest/init. */
	.section .rodata
	.globl rootfs_init, rootfs_init_end
	.balign 16
rootfs_init:
	.incbin "gen/init.elf"
rootfs_init_end:
	.section .note.GNU-stack, "", @progbits
