/* floppy.c - a floppy controller with one drive. Data goes by DMA only, as on every PC.
 * Source: Intel 82077AA data sheet. */
#include <string.h>

#include "dev/dev.h"
#include "disk/disk.h"

enum { REG_SRA, REG_SRB, REG_DOR, REG_TDR, REG_STATUS, REG_FIFO, REG_CHANGE = 7 };
enum { REGION_MAIN, REGION_CHANGE };
enum { DOR_RESET = 4, DOR_DMA = 8 };
enum { MSR_BUSY = 0x10, MSR_OUT = 0x40, MSR_READY = 0x80 };
enum { ST0_SEEK_END = 0x20, ST0_FAILED = 0x40, ST0_INVALID = 0x80, ST0_NOT_READY = 0x48, ST0_POLL = 0xc0 };
enum { ST1_NO_DATA = 4, ST1_READ_ONLY = 2, ST1_END = 0x80 };
enum { CMD_MT = 0x80, DIR_CHANGED = 0x80 };
enum { CHANNEL = 2, FIFO = 16, SIZE_512 = 2 };

struct floppy {
	u8 dor, st0, fifo[FIFO];
	u8 in, want;       /* bytes of a command that came, and how many there will be */
	u8 out, answer;    /* bytes of an answer that were read, and how many there are */
	u8 cylinder;       /* where the head is */
	u8 polls;          /* sense interrupts that a reset has left: one for each drive */
	bool changed, locked, irq;
	struct floppy_wiring w;
};

static const struct dev_field floppy_fields[] = {
	FIELD(floppy, dor, U8), FIELD(floppy, st0, U8), FIELD(floppy, fifo, BYTES),
	FIELD(floppy, in, U8), FIELD(floppy, want, U8), FIELD(floppy, out, U8),
	FIELD(floppy, answer, U8), FIELD(floppy, cylinder, U8), FIELD(floppy, polls, U8),
	FIELD(floppy, changed, U8), FIELD(floppy, locked, U8), FIELD(floppy, irq, U8), { 0 }
};

struct shape {
	u32 kib;
	u8 tracks, heads, sectors, cmos;
};

/* The first that is large enough is the one. */
static const struct shape shapes[] = {
	{ 160, 40, 1, 8, 1 }, { 180, 40, 1, 9, 1 }, { 320, 40, 2, 8, 1 }, { 360, 40, 2, 9, 1 },
	{ 720, 80, 2, 9, 3 }, { 1200, 80, 2, 15, 2 }, { 1440, 80, 2, 18, 4 }, { 2880, 80, 2, 36, 5 },
};

static const struct shape *shape_of(const struct disk *disk)
{
	unsigned i = 0;

	while (i < ARRAY_SIZE(shapes) - 1 && shapes[i].kib * 1024ull < disk_size(disk))
		i++;
	return &shapes[i];
}

u8 floppy_cmos(const struct disk *disk)
{
	return disk ? (u8)(shape_of(disk)->cmos << 4) : 0;
}

static void set_irq(struct floppy *f, bool level)
{
	f->irq = level;
	irq_set(f->w.irq6, level && (f->dor & DOR_DMA));
}

/* ---- answers ---- */

static void answer(struct floppy *f, const u8 *bytes, u8 n)
{
	memcpy(f->fifo, bytes, n);
	f->out = 0;
	f->answer = n;
}

static void answer_one(struct floppy *f, u8 byte)
{
	answer(f, &byte, 1);
}

/* What ends a command that moves data: three status bytes, and the sector after the last. */
static void answer_data(struct floppy *f, u8 st0, u8 st1, const u8 chr[3])
{
	const u8 a[] = { st0, st1, 0, chr[0], chr[1], chr[2], SIZE_512 };

	f->st0 = st0;
	answer(f, a, sizeof(a));
	set_irq(f, true);
}

static u8 drive_bits(const struct floppy *f)
{
	return f->fifo[1] & 7; /* head and drive, as the command had them */
}

static bool ready(const struct floppy *f)
{
	return f->w.disk && !(f->fifo[1] & 3);
}

/* ---- commands; their bytes are in fifo ---- */

static void nothing(struct floppy *f) { (void)f; }

static void sense_drive(struct floppy *f)
{
	answer_one(f, (u8)(0x28 | drive_bits(f) | (f->cylinder ? 0 : 0x10) |
			   (f->w.disk && (disk_flags(f->w.disk) & DISK_READONLY) ? 0x40 : 0)));
}

static void seek_to(struct floppy *f, u8 cylinder)
{
	f->cylinder = cylinder;
	f->changed &= !ready(f);
	f->st0 = (u8)(ST0_SEEK_END | drive_bits(f) | (f->fifo[1] & 3 ? ST0_FAILED : 0));
	set_irq(f, true);
}

static void recalibrate(struct floppy *f) { seek_to(f, 0); }

static void seek(struct floppy *f) { seek_to(f, f->fifo[2]); }

static void sense_interrupt(struct floppy *f)
{
	u8 a[] = { f->st0, f->cylinder };

	if (f->polls)
		a[0] = (u8)(ST0_POLL | (4 - f->polls--));
	else if (!f->irq)
		a[0] = ST0_INVALID;
	set_irq(f, false);
	answer(f, a, a[0] == ST0_INVALID ? 1 : 2);
}

static void version(struct floppy *f) { answer_one(f, 0x90); }

static void lock(struct floppy *f)
{
	f->locked = f->fifo[0] & CMD_MT;
	answer_one(f, f->locked ? 0x10 : 0);
}

static void dump_registers(struct floppy *f)
{
	const u8 a[10] = { f->cylinder, [6] = f->w.disk ? shape_of(f->w.disk)->sectors : 0,
			   [7] = f->locked ? 0x80 : 0 };

	answer(f, a, sizeof(a));
}

static void read_id(struct floppy *f)
{
	const u8 chr[] = { f->cylinder, f->fifo[1] >> 2 & 1, 1 };

	if (!ready(f))
		answer_data(f, (u8)(ST0_NOT_READY | drive_bits(f)), 0, chr);
	else if (f->cylinder < shape_of(f->w.disk)->tracks)
		answer_data(f, drive_bits(f), 0, chr);
	else
		answer_data(f, (u8)(ST0_FAILED | drive_bits(f)), ST1_NO_DATA, chr);
}

/* Move one sector between disk and memory; the status byte 1 of what went wrong. */
static u8 move_sector(struct floppy *f, const u8 chr[3], bool write, bool *over)
{
	const struct shape *s = shape_of(f->w.disk);
	u64 at = (((u64)chr[0] * s->heads + chr[1]) * s->sectors + chr[2] - 1) * DISK_SECTOR;
	u8 buf[DISK_SECTOR] = { 0 };

	if (chr[0] >= s->tracks || chr[1] >= s->heads || !chr[2] || chr[2] > s->sectors ||
	    at >= disk_size(f->w.disk))
		return ST1_NO_DATA;
	if (write && (disk_flags(f->w.disk) & DISK_READONLY))
		return ST1_READ_ONLY;
	if (write && !dma_move(f->w.dma, CHANNEL, buf, sizeof(buf), false, over))
		return ST1_END; /* nobody has anything */
	if (disk_io(f->w.disk, write ? DISK_WRITE : DISK_READ, at, buf, sizeof(buf)))
		return ST1_NO_DATA;
	if (!write && !dma_move(f->w.dma, CHANNEL, buf, sizeof(buf), true, over))
		return ST1_END; /* nobody takes it */
	return 0;
}

/* The sector after chr; end is the track's last. false: the cylinder is over. */
static bool next_sector(u8 chr[3], u8 end, bool both_heads)
{
	if (chr[2]++ != end)
		return true;
	chr[2] = 1;
	if (both_heads && !chr[1]) {
		chr[1] = 1;
		return true;
	}
	chr[1] = both_heads ? 0 : chr[1];
	chr[0]++;
	return false;
}

/* READ DATA and WRITE DATA: sector by sector, until the DMA controller has had enough. */
static void data(struct floppy *f, bool write)
{
	u8 chr[] = { f->fifo[2], f->fifo[3], f->fifo[4] }, end = f->fifo[6], st1 = 0;
	bool both = f->fifo[0] & CMD_MT, more = true, over = false;

	if (!ready(f)) {
		answer_data(f, (u8)(ST0_NOT_READY | drive_bits(f)), 0, chr);
		return;
	}
	while (!st1 && more && !over) {
		st1 = move_sector(f, chr, write, &over);
		more = !st1 && next_sector(chr, end, both);
	}
	if (!st1 && !over)
		st1 = ST1_END;
	answer_data(f, (u8)(drive_bits(f) | (st1 ? ST0_FAILED : 0)), st1, chr);
}

static void read_data(struct floppy *f) { data(f, false); }

static void write_data(struct floppy *f) { data(f, true); }

static const struct command {
	u8 mask, code, len; /* the first byte, and how many there are in all */
	void (*run)(struct floppy *f);
} commands[] = {
	{ 0xff, 0x03, 3, nothing }, /* SPECIFY */
	{ 0xff, 0x04, 2, sense_drive },
	{ 0x3f, 0x05, 9, write_data },
	{ 0x1f, 0x06, 9, read_data },
	{ 0xff, 0x07, 2, recalibrate },
	{ 0xff, 0x08, 1, sense_interrupt },
	{ 0xbf, 0x0a, 2, read_id },
	{ 0xff, 0x0e, 1, dump_registers },
	{ 0xff, 0x0f, 3, seek },
	{ 0xff, 0x10, 1, version },
	{ 0xff, 0x12, 2, nothing }, /* PERPENDICULAR MODE */
	{ 0xff, 0x13, 4, nothing }, /* CONFIGURE */
	{ 0x7f, 0x14, 1, lock },
};

static const struct command *find(u8 code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		u8 mask = commands[i].mask;

		/* MT, MFM and SK may be set or not. */
		if ((code & mask & ~0x40) == (commands[i].code & ~0x40))
			return &commands[i];
	}
	return NULL;
}

static void fifo_write(struct floppy *f, u8 val)
{
	const struct command *c = f->in ? find(f->fifo[0]) : find(val);

	if (f->answer || !(f->dor & DOR_RESET))
		return;
	if (!f->in && !c) {
		answer_one(f, ST0_INVALID);
		return;
	}
	f->fifo[f->in++] = val;
	if (f->in < c->len)
		return;
	f->in = 0;
	c->run(f);
}

static u8 fifo_read(struct floppy *f)
{
	u8 val;

	if (!f->answer)
		return 0;
	set_irq(f, false); /* an answer that is read needs no interrupt any more */
	val = f->fifo[f->out++];
	if (f->out == f->answer)
		f->answer = 0;
	return val;
}

static void controller_reset(struct floppy *f)
{
	f->in = f->out = f->answer = 0;
	f->st0 = 0;
	f->polls = 4;
	set_irq(f, true);
}

static void dor_write(struct floppy *f, u8 val)
{
	bool rise = val & (u8)~f->dor & DOR_RESET;

	f->dor = val;
	if (rise)
		controller_reset(f);
	else
		set_irq(f, f->irq && (val & DOR_RESET));
}

static u64 floppy_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct floppy *f = d->state;

	(void)size;
	if (region == REGION_CHANGE)
		return f->changed || !f->w.disk ? DIR_CHANGED : 0;
	if (offset == REG_DOR)
		return f->dor;
	if (offset == REG_STATUS)
		return !(f->dor & DOR_RESET) ? 0 : MSR_READY | (f->answer ? MSR_OUT : 0) |
						   (f->answer || f->in ? MSR_BUSY : 0);
	return offset == REG_FIFO ? fifo_read(f) : 0;
}

static void floppy_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct floppy *f = d->state;

	(void)size;
	if (region == REGION_CHANGE)
		return; /* the data rate: any will do */
	if (offset == REG_DOR)
		dor_write(f, (u8)val);
	else if (offset == REG_STATUS && (val & 0x80))
		controller_reset(f);
	else if (offset == REG_FIFO)
		fifo_write(f, (u8)val);
}

/*D:1520 A floppy, a byte at a time
 * The controller has one port for everything: command bytes go in, data goes past the processor by
 * DMA, result bytes come out. Its DMA controller knows 24 address bits and cannot cross 64 KiB. What
 * was slow then is instant now, so a command is over with its last byte.
 * @test floppy_reads_by_dma
 */
static void floppy_reset(struct dev *d)
{
	struct floppy *f = d->state;

	f->dor = 0;
	f->in = f->out = f->answer = f->cylinder = f->polls = f->st0 = 0;
	f->changed = true;
	f->locked = false;
	set_irq(f, false);
}

void floppy_wire(struct dev *d, const struct floppy_wiring *w)
{
	((struct floppy *)d->state)->w = *w;
}

const struct dev_ops floppy_ops = {
	.name = "floppy",
	.help = "82077 floppy controller with one drive",
	.state_size = sizeof(struct floppy),
	.region = {
		[REGION_MAIN] = { DEV_PIO, 1, 1, .base = 0x3f0, .size = 6 },
		[REGION_CHANGE] = { DEV_PIO, 1, 1, .base = 0x3f7, .size = 1 },
	},
	.fields = floppy_fields,
	.reset = floppy_reset,
	.read = floppy_read,
	.write = floppy_write,
};
