/* ide_dma.c - the IDE controller's bus master: moves a buffer to where a table of the guest's says.
 * Source: Programming Interface for Bus Master IDE Controller 1.0. */
#include <string.h>

#include "dev/ide_int.h"
#include "mem/mem.h"

#define TABLE_MAX 8192u /* a table lies in 64 KiB */
#define ENTRY_LAST (1u << 31)

struct entry {
	u32 at, count; /* count: 16 bits of bytes, 0 means 64 KiB */
};

/* Take the next entry of the table; false when there is none, or when it is not in RAM. */
static bool next_entry(struct ide_channel *c)
{
	struct entry e;
	u32 at = (c->bm_table & ~0xffffu) | ((c->bm_table + c->bm_next * sizeof(e)) & 0xffff);

	if (c->bm_last || c->bm_next >= TABLE_MAX || mem_read(c->ide->w.mem, GPA(at), sizeof(e), &e))
		return false;
	c->bm_next++;
	c->bm_at = e.at & ~1u;
	c->bm_len = e.count & 0xfffe ? e.count & 0xfffe : 0x10000;
	c->bm_last = e.count & ENTRY_LAST;
	return true;
}

static bool move_piece(struct ide_channel *c, u8 *buf, u32 len)
{
	if (c->write)
		return mem_read(c->ide->w.mem, GPA(c->bm_at), len, buf) == 0;
	return mem_write(c->ide->w.mem, GPA(c->bm_at), len, buf) == 0;
}

bool ide_dma_move(struct ide_channel *c)
{
	for (u32 done = 0; done < c->len;) {
		u32 n = c->len - done;

		if (!c->bm_len && !next_entry(c))
			return false;
		n = n < c->bm_len ? n : c->bm_len;
		if (!move_piece(c, c->buf + done, n))
			return false;
		c->bm_at += n;
		c->bm_len -= n;
		done += n;
	}
	return true;
}

u64 ide_bm_read(struct ide_channel *c, unsigned reg)
{
	if (reg == 0)
		return c->bm_command;
	if (reg == 2)
		return c->bm_status;
	return reg >= 4 ? c->bm_table >> 8 * (reg - 4) & 0xff : 0;
}

/* A start begins at the table's first entry. */
static void command_write(struct ide_channel *c, u8 val)
{
	bool start = (val & BM_START) && !(c->bm_command & BM_START);

	c->bm_command = val & (BM_START | BM_TO_MEMORY);
	if (!(val & BM_START))
		c->bm_status &= (u8)~BM_ACTIVE;
	if (!start)
		return;
	c->bm_status |= BM_ACTIVE;
	c->bm_next = c->bm_len = 0;
	c->bm_last = false;
	if (c->phase == IDE_DMA)
		ide_dma_go(c);
}

static void byte_write(struct ide_channel *c, unsigned reg, u8 val)
{
	const u8 clear = BM_ERROR | BM_INTERRUPT, keep = 0x60; /* which drives do DMA: the BIOS' notes */
	u32 shift = 8 * (reg & 3);

	if (reg == 0)
		command_write(c, val);
	else if (reg == 2)
		c->bm_status = (u8)((c->bm_status & ~(val & clear) & ~keep) | (val & keep));
	else if (reg >= 4)
		c->bm_table = ((c->bm_table & ~(0xffu << shift)) | (u32)val << shift) & ~3u;
}

void ide_bm_write(struct ide_channel *c, unsigned reg, unsigned size, u32 val)
{
	for (unsigned i = 0; i < size; i++)
		byte_write(c, reg + i, (u8)(val >> 8 * i));
}
