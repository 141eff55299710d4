/* multiboot-hello.c - 32 bits, entered by Multiboot. */
#include "hello.h"

/*S:400 A kernel with a header
 * Multiboot's loaders search the first 8 KiB of the file for twelve bytes that add up to zero. That is
 * the whole protocol on the kernel's side; the answer is a structure whose address is in ebx.
 * @test multiboot-hello
 */
asm(".section .multiboot, \"a\"\n"
    ".long 0x1badb002, 3, -(0x1badb002 + 3)\n"
    ".section .text.start, \"ax\"\n"
    ".globl pvh_start\n"
    "pvh_start: mov $stack_top, %esp\n"
    "push %ebx; push %eax; call kernel_main; ud2\n"
    ".globl power_off\n"
    "power_off: mov $0x604, %edx; mov $0x3400, %eax; outw %ax, %dx; hlt; jmp power_off\n"
    ".bss\n.balign 16\n.skip 4096\nstack_top:\n"
    ".text\n");

void kernel_main(unsigned magic, const unsigned *info)
{
	put(magic == 0x2badb002 ? "Hello from Multiboot.\n" : "Who started me?\n");
	if (info[0] & 4) {
		put("command line: ");
		put((const char *)info[4]);
		put("\n");
	}
	power_off();
}
