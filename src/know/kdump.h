/* kdump.h - the kdump-compressed format. Source: makedumpfile's IMPLEMENTATION and diskdump_mod.h. */
#ifndef PANDOK_KNOW_KDUMP_H
#define PANDOK_KNOW_KDUMP_H

#include "base/types.h"

#define KDUMP_BLOCK 4096u
#define KDUMP_SIGNATURE "KDUMP   "

enum { KDUMP_ZLIB = 1, KDUMP_ZSTD = 0x20 };

struct kdump_head {
	char signature[8];
	u32 version;
	char uts[6][65];
	u8 pad[6];
	u64 time_s, time_us;
	u32 status; /* how pages are compressed */
	u32 block_size, sub_blocks, bitmap_blocks;
	u32 max_mapnr, total_ram_blocks, device_blocks, written_blocks;
	u32 current_cpu, nr_cpus;
};

struct kdump_sub {
	u64 phys_base;
	u32 dump_level, split;
	u64 start_pfn, end_pfn;
	u64 info_at, info_len;   /* VMCOREINFO, offsets in the file */
	u64 notes_at, notes_len; /* ELF notes */
	u64 erase_at, erase_len;
	u64 start_pfn64, end_pfn64, max_mapnr64;
};

struct kdump_page {
	u64 at;
	u32 len, flags;
	u64 page_flags;
};

_Static_assert(sizeof(struct kdump_head) == 464, "as diskdump_mod.h has it");
_Static_assert(sizeof(struct kdump_sub) == 104, "as diskdump_mod.h has it");

#endif
