/* bios.h - the firmware of a machine that is given no kernel. */
#ifndef PANDOK_VM_BIOS_H
#define PANDOK_VM_BIOS_H

#include "base/err.h"
#include "mem/mem.h"

struct bios {
	u8 *rom;
	u32 len;
	u8 *vga_rom; /* of a text screen; vga_len 0: there is none */
	u32 vga_len;
};

/*
 * bios_open - read a BIOS and map it below 4 GiB; before the engine is made.
 *   path   NULL: SeaBIOS, where Debian's package has it
 * -ENOENT with what to install, -ENOEXEC, -EFBIG, -ENOMEM or errno.
 */
MUST_CHECK int bios_open(const char *path, struct mem *m, struct bios *ret, struct err *e);
void bios_close(struct bios *b); /* one that is all zero is fine */

/* bios_load - its copy below 1 MiB, again after RAM was cleared. */
MUST_CHECK int bios_load(const struct bios *b, struct mem *m, struct err *e);

#endif
