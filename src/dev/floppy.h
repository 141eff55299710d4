/* floppy.h - a floppy drive, its controller, and the DMA controller that moves its bytes. Include
 * dev/dev.h instead. */
#ifndef PANDOK_DEV_FLOPPY_H
#define PANDOK_DEV_FLOPPY_H

#include "dev/dev.h"

struct disk;
struct mem;

extern const struct dev_ops dma_ops, floppy_ops;

/* ---- i8237, channels 0 to 3 ---- */
void dma_wire(struct dev *d, struct mem *m);
/*
 * dma_move - the device on a channel has len bytes for memory, or wants them from there.
 *   over   whether the channel's count ran out (terminal count)
 * Returns how many bytes the channel moved: fewer when its count ran out, 0 when it is masked or
 * memory is not there.
 */
u32 dma_move(struct dev *d, unsigned channel, u8 *buf, u32 len, bool to_memory, bool *over);

/* ---- 82077 with one drive ---- */
struct floppy_wiring {
	struct dev *dma;
	struct irq *irq6;
	struct disk *disk;
};
void floppy_wire(struct dev *d, const struct floppy_wiring *w);
u8 floppy_cmos(const struct disk *disk); /* the drive's type as CMOS byte 0x10 has it; NULL: none */

#endif
