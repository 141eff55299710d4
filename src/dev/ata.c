/* ata.c - the commands of an IDE disk. Source: ATA/ATAPI-6 (T13 1410D) chapter 8. */
#include <stdio.h>
#include <string.h>

#include "dev/ide_int.h"

enum { C_EXT = 1, C_DMA = 2, C_MULTIPLE = 4, C_CDROM = 8 /* such a drive knows it, too */ };
#define LBA28_MAX 0x0fffffffull

struct command {
	u8 first, last;
	u8 flags;
	void (*run)(struct ide_channel *c, const struct command *cmd);
};

void ata_text(u8 *words, unsigned len, const char *text)
{
	size_t n = strlen(text);

	for (unsigned i = 0; i < len; i++)
		words[i ^ 1] = i < n ? (u8)text[i] : ' ';
}

static u64 sectors(const struct ide_drive *d)
{
	return disk_size(d->disk) / DISK_SECTOR;
}

static void word32(u8 *words, unsigned i, u32 val)
{
	ata_word(words, i, (u16)val);
	ata_word(words, i + 1, (u16)(val >> 16));
}

static u16 cylinders(const struct ide_drive *d)
{
	u64 n = sectors(d) / (16 * 63);

	return n > 16383 ? 16383 : n ? (u16)n : 1;
}

/* Numbers of IDENTIFY DEVICE. ATA/ATAPI-6 table 26. */
static void identify(struct ide_channel *c, const struct command *cmd)
{
	const struct ide_drive *d = ide_drive(c);
	u64 n = sectors(d);
	const struct { u8 word; u16 val; } row[] = {
		{ 0, 0x0040 }, { 1, cylinders(d) }, { 3, 16 }, { 6, 63 },
		{ 47, 0x8000 | IDE_MULTIPLE_MAX },
		{ 49, 0x0f00 }, /* IORDY, LBA, DMA */
		{ 50, 0x4000 }, { 51, 0x0200 }, { 53, 7 },
		{ 54, cylinders(d) }, { 55, 16 }, { 56, 63 },
		{ 59, d->multiple ? 0x100 | d->multiple : 0 },
		{ 63, 0x0407 }, { 64, 3 }, { 65, 120 }, { 66, 120 }, { 67, 120 }, { 68, 120 },
		{ 80, 0x007e }, /* ATA-1 to ATA-6 */
		{ 82, 0x4020 }, { 85, 0x4020 }, /* write cache, NOP */
		{ 83, 0x7400 }, { 86, 0x3400 }, /* LBA48 and both FLUSH CACHE */
		{ 84, 0x4000 }, { 87, 0x4000 }, { 93, 0x600b },
	};

	(void)cmd;
	if (d->cdrom) { /* the way to tell one from a disk */
		ide_signature(c);
		ide_fail(c, ER_ABRT);
		return;
	}
	memset(c->buf, 0, DISK_SECTOR);
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++)
		ata_word(c->buf, row[i].word, row[i].val);
	ata_text(c->buf + 20, 20, disk_serial(d->disk));
	ata_text(c->buf + 46, 8, "1");
	ata_text(c->buf + 54, 40, "PANDOK DISK");
	word32(c->buf, 57, cylinders(d) * 16u * 63);
	word32(c->buf, 60, (u32)(n > LBA28_MAX ? LBA28_MAX : n));
	word32(c->buf, 100, (u32)n);
	word32(c->buf, 102, (u32)(n >> 32));
	ide_answer(c, DISK_SECTOR);
}

static void identify_packet(struct ide_channel *c, const struct command *cmd)
{
	(void)cmd;
	if (ide_drive(c)->cdrom)
		atapi_identify(c);
	else
		ide_fail(c, ER_ABRT);
}

/* The first sector that the registers name. */
static u64 place(struct ide_channel *c, bool ext)
{
	const struct ide_drive *d = ide_drive(c);
	u64 low = c->low.now | (u32)c->mid.now << 8 | (u32)c->high.now << 16;
	u64 high = c->low.before | (u32)c->mid.before << 8 | (u32)c->high.before << 16;
	u64 cylinder = c->mid.now | (u32)c->high.now << 8;

	if (ext)
		return low | high << 24;
	if (c->device & DEV_LBA)
		return low | (u64)(c->device & 15) << 24;
	return (cylinder * d->heads + (c->device & 15)) * d->spt + c->low.now - 1;
}

/* How many; 0 stands for the largest number and one. */
static u64 amount(struct ide_channel *c, bool ext)
{
	u64 n = c->count.now | (ext ? (u64)c->count.before << 8 : 0);

	return n ? n : ext ? 0x10000 : 0x100;
}

/* What the command shall move, in bytes; false when it leaves the disk. */
static bool range(struct ide_channel *c, const struct command *cmd, u64 *at, u64 *len)
{
	bool ext = cmd->flags & C_EXT;
	u64 lba = place(c, ext), n = amount(c, ext), all = sectors(ide_drive(c));

	if (lba >= all || n > all - lba) {
		ide_fail(c, ER_IDNF);
		return false;
	}
	if ((cmd->flags & C_MULTIPLE) && !ide_drive(c)->multiple) {
		ide_fail(c, ER_ABRT);
		return false;
	}
	*at = lba * DISK_SECTOR;
	*len = n * DISK_SECTOR;
	c->dma = cmd->flags & C_DMA;
	c->block = DISK_SECTOR * (cmd->flags & C_MULTIPLE ? ide_drive(c)->multiple : 1);
	return true;
}

static void read(struct ide_channel *c, const struct command *cmd)
{
	u64 at, len;

	if (range(c, cmd, &at, &len))
		ide_read_disk(c, at, len);
}

static void write(struct ide_channel *c, const struct command *cmd)
{
	u64 at, len;

	if (range(c, cmd, &at, &len))
		ide_write_disk(c, at, len);
}

static void verify(struct ide_channel *c, const struct command *cmd)
{
	u64 at, len;

	if (range(c, cmd, &at, &len))
		ide_done(c, true);
}

static void flush(struct ide_channel *c, const struct command *cmd)
{
	(void)cmd;
	ide_flush(c);
}

static void nothing(struct ide_channel *c, const struct command *cmd)
{
	(void)cmd;
	ide_done(c, true);
}

static void power_mode(struct ide_channel *c, const struct command *cmd)
{
	(void)cmd;
	c->count.now = 0xff; /* active or idle */
	ide_done(c, true);
}

static void set_multiple(struct ide_channel *c, const struct command *cmd)
{
	u8 n = c->count.now;

	(void)cmd;
	if (n > IDE_MULTIPLE_MAX || (n & (n - 1))) {
		ide_fail(c, ER_ABRT);
		return;
	}
	ide_drive(c)->multiple = n;
	ide_done(c, true);
}

/* Transfer modes, cache and read-ahead may be set; all modes are equally fast. */
static void set_features(struct ide_channel *c, const struct command *cmd)
{
	static const u8 known[] = { 0x02, 0x03, 0x55, 0x66, 0x82, 0xaa, 0xcc };

	(void)cmd;
	if (memchr(known, c->feature.now, sizeof(known)))
		ide_done(c, true);
	else
		ide_fail(c, ER_ABRT);
}

static void set_geometry(struct ide_channel *c, const struct command *cmd)
{
	struct ide_drive *d = ide_drive(c);

	(void)cmd;
	d->heads = (u8)((c->device & 15) + 1);
	d->spt = c->count.now ? c->count.now : 63;
	ide_done(c, true);
}

static void native_max(struct ide_channel *c, const struct command *cmd)
{
	u64 last = sectors(ide_drive(c)) - 1;

	if (!(cmd->flags & C_EXT)) {
		last = last > LBA28_MAX ? LBA28_MAX : last;
		c->device = (u8)((c->device & 0xf0) | last >> 24);
	}
	c->low = (struct ide_reg){ (u8)last, (u8)(last >> 24) };
	c->mid = (struct ide_reg){ (u8)(last >> 8), (u8)(last >> 32) };
	c->high = (struct ide_reg){ (u8)(last >> 16), (u8)(last >> 40) };
	ide_done(c, true);
}

static void diagnose(struct ide_channel *c, const struct command *cmd)
{
	(void)cmd;
	c->device = DEV_FIXED;
	ide_signature(c);
	ide_interrupt(c);
}

static void device_reset(struct ide_channel *c, const struct command *cmd)
{
	(void)cmd;
	ide_signature(c);
}

static void packet(struct ide_channel *c, const struct command *cmd)
{
	(void)cmd;
	if (!ide_drive(c)->cdrom) {
		ide_fail(c, ER_ABRT);
		return;
	}
	c->packet = true;
	c->phase = IDE_PACKET;
	c->pos = 0;
	c->block_end = PACKET_LEN;
	c->count.now = REASON_COMMAND;
	c->status = ST_DRDY | ST_DSC | ST_DRQ;
}

static const struct command commands[] = {
	{ 0x08, 0x08, C_CDROM, device_reset },
	{ 0x10, 0x1f, 0, nothing },                  /* RECALIBRATE */
	{ 0x20, 0x21, 0, read },
	{ 0x24, 0x24, C_EXT, read },
	{ 0x25, 0x25, C_EXT | C_DMA, read },
	{ 0x27, 0x27, C_EXT, native_max },
	{ 0x29, 0x29, C_EXT | C_MULTIPLE, read },
	{ 0x30, 0x31, 0, write },
	{ 0x34, 0x34, C_EXT, write },
	{ 0x35, 0x35, C_EXT | C_DMA, write },
	{ 0x39, 0x39, C_EXT | C_MULTIPLE, write },
	{ 0x40, 0x41, 0, verify },
	{ 0x42, 0x42, C_EXT, verify },
	{ 0x70, 0x7f, 0, nothing },                  /* SEEK */
	{ 0x90, 0x90, C_CDROM, diagnose },
	{ 0x91, 0x91, 0, set_geometry },
	{ 0xa0, 0xa0, C_CDROM, packet },
	{ 0xa1, 0xa1, C_CDROM, identify_packet },
	{ 0xc4, 0xc4, C_MULTIPLE, read },
	{ 0xc5, 0xc5, C_MULTIPLE, write },
	{ 0xc6, 0xc6, 0, set_multiple },
	{ 0xc8, 0xc9, C_DMA, read },
	{ 0xca, 0xcb, C_DMA, write },
	{ 0xe0, 0xe3, C_CDROM, nothing },            /* STANDBY and IDLE */
	{ 0xe5, 0xe5, C_CDROM, power_mode },
	{ 0xe6, 0xe6, C_CDROM, nothing },            /* SLEEP */
	{ 0xe7, 0xe7, 0, flush },
	{ 0xea, 0xea, 0, flush },
	{ 0xec, 0xec, C_CDROM, identify },
	{ 0xef, 0xef, C_CDROM, set_features },
	{ 0xf8, 0xf8, 0, native_max },
};

void ata_command(struct ide_channel *c, u8 command)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *cmd = &commands[i];

		if (command < cmd->first || command > cmd->last)
			continue;
		if (ide_drive(c)->cdrom && !(cmd->flags & C_CDROM))
			break;
		cmd->run(c, cmd);
		return;
	}
	ide_fail(c, ER_ABRT);
}
