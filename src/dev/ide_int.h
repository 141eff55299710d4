/* ide_int.h - the IDE controller's inside, for ide*.c. */
#ifndef PANDOK_DEV_IDE_INT_H
#define PANDOK_DEV_IDE_INT_H

#include "dev/dev.h"
#include "disk/disk.h"

/* Source for names and numbers: ATA/ATAPI-6 (T13 1410D) 7.1 to 7.15. */
enum { ST_ERR = 1, ST_DRQ = 8, ST_DSC = 0x10, ST_DRDY = 0x40, ST_BSY = 0x80 };
enum { ER_ABRT = 4, ER_IDNF = 0x10, ER_UNC = 0x40 };
enum { DEV_SLAVE = 0x10, DEV_LBA = 0x40, DEV_FIXED = 0xa0 };
enum { CTL_NIEN = 2, CTL_SRST = 4, CTL_HOB = 0x80 };
enum { REASON_COMMAND = 1, REASON_IN = 2 }; /* ATAPI: the count register */

#define IDE_CHUNK 0x20000u /* bytes moved between disk and guest at once */
#define IDE_MULTIPLE_MAX 16
#define CD_SECTOR 2048u
#define PACKET_LEN 12u

struct ide_drive {
	struct disk *disk; /* NULL: none */
	bool cdrom;
	u8 multiple;       /* sectors of a block of READ MULTIPLE */
	u8 heads, spt;     /* what the guest counts in, 28-bit CHS */
	u8 sense, asc;     /* ATAPI: what the last error was */
};

enum ide_phase { IDE_IDLE, IDE_DISK /* waits for the disk */, IDE_PIO, IDE_DMA, IDE_PACKET };

/* Registers that hold two bytes for LBA48: the one written last, and the one before. */
struct ide_reg {
	u8 now, before;
};

struct ide_channel {
	struct ide *ide;
	struct ide_drive drive[2];
	struct ide_reg feature, count, low, mid, high;
	u8 device, status, error, control, command;
	bool intrq;

	/* What is under way. */
	u8 phase;         /* enum ide_phase */
	bool write, dma, packet;
	bool first;       /* a PIO write's first block is asked for without an interrupt */
	bool io;          /* a request is at the disk */
	bool reset;       /* the guest reset us meanwhile: forget it when it is back */
	u64 at, left;     /* bytes: place on the disk, and what is still to come after buf */
	u32 len, pos;     /* of buf: what is in it, and how much of that the guest has had */
	u32 block, block_end; /* bytes the guest takes per interrupt, and where that ends */
	u8 buf[IDE_CHUNK];
	struct disk_req req;
	struct iovec iov;

	/* Bus master. Source: Programming Interface for Bus Master IDE Controller 1.0. */
	u8 bm_command, bm_status;
	u32 bm_table;     /* guest-physical address of the descriptors */
	u32 bm_next;      /* the next descriptor */
	u32 bm_at, bm_len; /* what is left of the present one */
	bool bm_last;
};

struct ide {
	struct pci_dev pci;
	struct ide_channel channel[2];
	struct ide_wiring w;
	pthread_cond_t idle; /* a channel's request is back from its disk */
};

static inline struct ide_drive *ide_drive(struct ide_channel *c)
{
	return &c->drive[!!(c->device & DEV_SLAVE)];
}

/* ---- ide.c ---- */

/* The command is over, well or with an error register's bits; interrupts when asked. */
void ide_done(struct ide_channel *c, bool interrupt);
void ide_fail(struct ide_channel *c, u8 error);

void ide_interrupt(struct ide_channel *c);
void ide_signature(struct ide_channel *c); /* what the registers show after a reset */

/* ---- ide_data.c ---- */
/* Data for the guest: len bytes that are in buf, or bytes from place at on the disk. */
void ide_answer(struct ide_channel *c, u32 len);
void ide_read_disk(struct ide_channel *c, u64 at, u64 bytes);
void ide_write_disk(struct ide_channel *c, u64 at, u64 bytes);
void ide_flush(struct ide_channel *c);
void ide_dma_go(struct ide_channel *c); /* drive and bus master are both ready */
u32 ide_data_read(struct ide_channel *c, unsigned size); /* the data port */
void ide_data_write(struct ide_channel *c, unsigned size, u32 val);

/* ---- ide_dma.c ---- */
/* Move c->len bytes between buf and the guest's memory; false: the guest's table is bad. */
bool ide_dma_move(struct ide_channel *c);
u64 ide_bm_read(struct ide_channel *c, unsigned reg);
void ide_bm_write(struct ide_channel *c, unsigned reg, unsigned size, u32 val);
enum { BM_START = 1, BM_TO_MEMORY = 8 };          /* command */
enum { BM_ACTIVE = 1, BM_ERROR = 2, BM_INTERRUPT = 4 }; /* status */

/* ---- ata.c, atapi.c ---- */
void ata_command(struct ide_channel *c, u8 command);
void atapi_command(struct ide_channel *c); /* the packet is in buf */
void atapi_identify(struct ide_channel *c);
void ata_text(u8 *words, unsigned len, const char *text); /* len bytes, bytes of each word swapped */
static inline void ata_word(u8 *words, unsigned i, u16 val)
{
	words[2 * i] = (u8)val;
	words[2 * i + 1] = (u8)(val >> 8);
}

#endif
