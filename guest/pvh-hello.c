/* pvh-hello.c - prints what PVH's start info says. */
#include <stdint.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "hello.h"

/*S:300 What a PVH loader says
 * One structure: where the command line is, the modules, the memory map, the ACPI tables. This kernel
 * prints all of it, which is how the tests see that both engines tell the same.
 * @test pvh-hello
 */
void kernel_main(const struct hvm_start_info *info)
{
	const struct hvm_modlist_entry *mod = (void *)info->modlist_paddr;
	const struct hvm_memmap_table_entry *map = (void *)info->memmap_paddr;

	put("Hello from PVH.\ncommand line: ");
	put(info->cmdline_paddr ? (const char *)info->cmdline_paddr : "none");
	for (unsigned i = 0; i < info->nr_modules; i++) {
		put("\nmodule of ");
		put_hex(mod[i].size);
		put(" bytes begins with ");
		out8(0x3f8, *(const unsigned char *)mod[i].paddr);
	}
	for (unsigned i = 0; i < info->memmap_entries; i++) {
		put("\nmemory ");
		put_hex(map[i].addr);
		put(" ");
		put_hex(map[i].size);
		put(map[i].type == 1 ? " RAM" : " reserved");
	}
	put("\n");
	power_off();
}
