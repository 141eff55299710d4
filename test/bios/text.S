# text.S - a Multiboot kernel that knows no BIOS and writes to a PC's screen all the same.
	.section .text
	.align 4
	.long 0x1badb002, 0, -0x1badb002
	.globl _start
_start:
	movl $0x1f741f54, 0xb8000	# "Tt", white on blue
	movl $0x4c214cdb, 0xb80a0	# a full block and '!', bright red on red, second line
	mov $0x10, %al
	out %al, $0xf4
	hlt
