/* fuzz_fwcfg.c - a hostile guest at fw_cfg: selecting, reading, DMA with any descriptor. */
/* @links src/base src/mem src/dev src/net src/disk src/fs */
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"
#include "mem/mem.h"

static struct mem *mem;
static struct dev d;

static void make(void)
{
	struct err e;

	if (mem_new(MIB(1), &mem, &e) || dev_init(&d, &fwcfg_ops, NULL, 0, &e) ||
	    fwcfg_wire(&d, mem, &e) || fwcfg_add(&d, FWCFG_NB_CPUS, "\1", 2, &e) ||
	    fwcfg_add_file(&d, "etc/one", "12345", 5, &e) || fwcfg_add_file(&d, "etc/none", "", 0, &e))
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct { u8 op, size; u16 port; u64 val; } __attribute__((packed)) s;
	u8 rom[16];

	if (!mem)
		make();
	d.ops->reset(&d);
	for (; len >= sizeof(s); data += sizeof(s), len -= sizeof(s)) {
		memcpy(&s, data, sizeof(s));
		memcpy(rom, &s.val, 8);
		memcpy(rom + 8, data, 8);
		if (s.op & 1)
			dev_write(&d, DEV_PIO, 0x510 + s.port % 16, 1u << (s.size & 3), s.val);
		else if (s.op & 2)
			dev_read(&d, DEV_PIO, 0x510 + s.port % 16, 1u << (s.size & 3));
		else if (mem_write(mem, GPA(s.port), sizeof(rom), rom))
			abort();
	}
	return 0;
}
