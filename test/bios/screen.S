# screen.S - a boot sector that echoes what is typed on a PC's keyboard, until '.'.
	.code16
	.globl _start
_start:
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7c00, %sp
	mov $0x0003, %ax	# text mode, and a clear screen
	int $0x10
1:	xor %ax, %ax		# a key
	int $0x16
	cmp $'.', %al
	je 2f
	mov $0x0e, %ah		# print it
	xor %bx, %bx
	int $0x10
	jmp 1b
2:	mov $0x10, %al		# exit status 33
	out %al, $0xf4
	hlt
	jmp 2b
	.org 510
	.word 0xaa55
