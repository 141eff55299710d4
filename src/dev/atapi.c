/* atapi.c - the packet commands of an IDE CD-ROM drive. Source: SFF-8020i 2.6; MMC-3 (T10 1363D). */
#include <string.h>

#include "dev/ide_int.h"

/* Sense keys with additional codes. */
enum { NO_SENSE = 0, ILLEGAL_REQUEST = 5 };
enum { ASC_OPCODE = 0x20, ASC_RANGE = 0x21, ASC_FIELD = 0x24 };
enum { LEAD_OUT = 0xaa };

struct packet {
	u8 b[PACKET_LEN];
};

static u16 get16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static u32 get32(const u8 *p)
{
	return (u32)get16(p) << 16 | get16(p + 2);
}

static void put16(u8 *p, u32 val)
{
	p[0] = (u8)(val >> 8);
	p[1] = (u8)val;
}

static void put32(u8 *p, u32 val)
{
	put16(p, val >> 16);
	put16(p + 2, val);
}

static u32 cd_sectors(struct ide_channel *c)
{
	u64 n = disk_size(ide_drive(c)->disk) / CD_SECTOR;

	return n > UINT32_MAX ? UINT32_MAX : (u32)n;
}

static void refuse(struct ide_channel *c, u8 sense, u8 asc)
{
	ide_drive(c)->sense = sense;
	ide_drive(c)->asc = asc;
	ide_fail(c, (u8)(sense << 4 | ER_ABRT));
}

/* The len bytes in buf, or the room that the guest has for them; neither: nothing to hand over. */
static void answer(struct ide_channel *c, u32 len, u32 room)
{
	len = len < room ? len : room;
	if (len)
		ide_answer(c, len);
	else
		ide_done(c, true);
}

static void nothing(struct ide_channel *c, const struct packet *p)
{
	(void)p;
	ide_done(c, true);
}

static void request_sense(struct ide_channel *c, const struct packet *p)
{
	struct ide_drive *d = ide_drive(c);

	memset(c->buf, 0, 18);
	c->buf[0] = 0xf0;
	c->buf[2] = d->sense;
	c->buf[7] = 10;
	c->buf[12] = d->asc;
	d->sense = d->asc = NO_SENSE;
	answer(c, 18, p->b[4]);
}

static void inquiry(struct ide_channel *c, const struct packet *p)
{
	static const u8 head[] = { 5 /* CD-ROM */, 0x80 /* removable */, 0, 0x21, 31 };

	memset(c->buf, 0, 36);
	memcpy(c->buf, head, sizeof(head));
	memcpy(c->buf + 8, "PANDOK  " "CD-ROM          " "1   ", 28);
	answer(c, 36, p->b[4]);
}

static void read_capacity(struct ide_channel *c, const struct packet *p)
{
	(void)p;
	put32(c->buf, cd_sectors(c) - 1);
	put32(c->buf + 4, CD_SECTOR);
	ide_answer(c, 8);
}

static void read_sectors(struct ide_channel *c, u32 lba, u32 n)
{
	u32 all = cd_sectors(c);

	if (lba > all || n > all - lba)
		refuse(c, ILLEGAL_REQUEST, ASC_RANGE);
	else if (n)
		ide_read_disk(c, (u64)lba * CD_SECTOR, (u64)n * CD_SECTOR);
	else
		ide_done(c, true);
}

static void read10(struct ide_channel *c, const struct packet *p)
{
	read_sectors(c, get32(p->b + 2), get16(p->b + 7));
}

static void read12(struct ide_channel *c, const struct packet *p)
{
	read_sectors(c, get32(p->b + 2), get32(p->b + 6));
}

/* READ CD, of user data only. */
static void read_cd(struct ide_channel *c, const struct packet *p)
{
	u8 what = p->b[9] & 0xf8;

	if (what == 0x10)
		read_sectors(c, get32(p->b + 2), get32(p->b + 5) & 0xffffff);
	else if (what == 0)
		ide_done(c, true);
	else
		refuse(c, ILLEGAL_REQUEST, ASC_FIELD);
}

/* An address, as minutes, seconds and frames if asked so; the disc begins at two seconds. */
static void put_address(u8 *p, u32 lba, bool msf)
{
	u32 frames = lba + 150;

	put32(p, lba);
	if (msf)
		put32(p, (frames / 75 / 60) << 16 | (frames / 75 % 60) << 8 | frames % 75);
}

static u8 *put_track(u8 *p, u8 track, u32 lba, bool msf)
{
	memset(p, 0, 4);
	p[1] = 0x14; /* data */
	p[2] = track;
	put_address(p + 4, lba, msf);
	return p + 8;
}

/* READ TOC: one session with one data track. */
static void read_toc(struct ide_channel *c, const struct packet *p)
{
	unsigned format = p->b[2] & 15 ? p->b[2] & 15u : p->b[9] >> 6;
	bool msf = p->b[1] & 2;
	u8 *end = c->buf + 4;

	if (format > 1 || (format == 0 && p->b[6] > 1 && p->b[6] != LEAD_OUT)) {
		refuse(c, ILLEGAL_REQUEST, ASC_FIELD);
		return;
	}
	if (format == 1 || p->b[6] <= 1)
		end = put_track(end, 1, 0, msf);
	if (format == 0)
		end = put_track(end, LEAD_OUT, cd_sectors(c), msf);
	put16(c->buf, (u32)(end - c->buf) - 2);
	c->buf[2] = c->buf[3] = 1;
	answer(c, (u32)(end - c->buf), get16(p->b + 7));
}

/* Page 0x2a, what the drive can do, is the only one that anybody asks for. */
static void mode_sense(struct ide_channel *c, const struct packet *p)
{
	u8 page = p->b[2] & 0x3f;

	if (page != 0x2a && page != 0x3f) {
		refuse(c, ILLEGAL_REQUEST, ASC_FIELD);
		return;
	}
	memset(c->buf, 0, 28);
	put16(c->buf, 26);
	c->buf[2] = 0x01; /* a data disc */
	c->buf[8] = 0x2a;
	c->buf[9] = 18;
	c->buf[14] = 0x28; /* tray, can be locked */
	put16(c->buf + 16, 706);
	put16(c->buf + 22, 706);
	answer(c, 28, get16(p->b + 7));
}

/* GET CONFIGURATION: profile CD-ROM is current; no feature is described. */
static void get_configuration(struct ide_channel *c, const struct packet *p)
{
	memset(c->buf, 0, 8);
	put32(c->buf, 4);
	put16(c->buf + 6, 8);
	answer(c, 8, get16(p->b + 7));
}

/* GET EVENT STATUS NOTIFICATION, media events: a disc is in and always was. */
static void get_event(struct ide_channel *c, const struct packet *p)
{
	static const u8 media[] = { 0, 6, 4, 0x10, 0, 2, 0, 0 }, none[] = { 0, 2, 0x80, 0x10 };
	bool asked = p->b[4] & 0x10;

	if (!(p->b[1] & 1)) {
		refuse(c, ILLEGAL_REQUEST, ASC_FIELD);
		return;
	}
	memcpy(c->buf, asked ? media : none, asked ? sizeof(media) : sizeof(none));
	answer(c, asked ? sizeof(media) : sizeof(none), get16(p->b + 7));
}

/* READ DISC INFORMATION: complete, one session with one track. */
static void disc_information(struct ide_channel *c, const struct packet *p)
{
	static const u8 head[] = { 0, 32, 0x0e, 1, 1, 1, 1 };

	memset(c->buf, 0, 34);
	memcpy(c->buf, head, sizeof(head));
	answer(c, 34, get16(p->b + 7));
}

static void mechanism_status(struct ide_channel *c, const struct packet *p)
{
	memset(c->buf, 0, 8);
	c->buf[5] = 1;
	answer(c, 8, get16(p->b + 8));
}

static const struct {
	u8 opcode;
	void (*run)(struct ide_channel *c, const struct packet *p);
} commands[] = {
	{ 0x00, nothing }, /* TEST UNIT READY */
	{ 0x03, request_sense },
	{ 0x12, inquiry },
	{ 0x1b, nothing }, /* START STOP UNIT: the disc stays in */
	{ 0x1e, nothing }, /* PREVENT ALLOW MEDIUM REMOVAL */
	{ 0x25, read_capacity },
	{ 0x28, read10 },
	{ 0x2b, nothing }, /* SEEK */
	{ 0x43, read_toc },
	{ 0x46, get_configuration },
	{ 0x4a, get_event },
	{ 0x51, disc_information },
	{ 0x5a, mode_sense },
	{ 0xa8, read12 },
	{ 0xbd, mechanism_status },
	{ 0xbe, read_cd },
};

/* How much the guest takes at once. SFF-8020i 5.1: an odd limit, and none, is rounded. */
static u32 byte_limit(const struct ide_channel *c)
{
	u32 n = (c->mid.now | (u32)c->high.now << 8) & 0xfffe;

	return n ? n : 0xfffe;
}

/*D:1510 A CD-ROM is a SCSI drive in disguise
 * On the same eight ports a CD-ROM drive knows one command, PACKET: the twelve bytes that follow
 * are a SCSI command. Its answer comes in pieces no longer than the guest said, each announced by
 * an interrupt; the last one only says that it is over.
 * @test atapi_reads_by_packet
 */
void atapi_command(struct ide_channel *c)
{
	struct packet p;

	memcpy(p.b, c->buf, sizeof(p.b));
	c->block = byte_limit(c);
	c->dma = c->feature.now & 1;
	if (p.b[0] != 0x03)
		ide_drive(c)->sense = ide_drive(c)->asc = NO_SENSE;
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].opcode == p.b[0]) {
			commands[i].run(c, &p);
			return;
		}
	refuse(c, ILLEGAL_REQUEST, ASC_OPCODE);
}

void atapi_identify(struct ide_channel *c)
{
	static const struct { u8 word; u16 val; } row[] = {
		{ 0, 0x85c0 }, /* CD-ROM, removable, 12-byte packets, DRQ within 50 us */
		{ 49, 0x0f00 }, { 53, 3 }, { 63, 0x0407 }, { 64, 3 },
		{ 65, 120 }, { 66, 120 }, { 67, 120 }, { 68, 120 }, { 80, 0x007e },
		{ 82, 0x0210 }, { 83, 0x4000 }, { 85, 0x0210 }, { 87, 0x4000 },
	};

	memset(c->buf, 0, DISK_SECTOR);
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++)
		ata_word(c->buf, row[i].word, row[i].val);
	ata_text(c->buf + 20, 20, disk_serial(ide_drive(c)->disk));
	ata_text(c->buf + 46, 8, "1");
	ata_text(c->buf + 54, 40, "PANDOK CD-ROM");
	ide_answer(c, DISK_SECTOR);
}
