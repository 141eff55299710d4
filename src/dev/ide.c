/* ide.c - an IDE controller: its registers, its resets, and where it is on the bus.
 * Source: ATA/ATAPI-6 (T13 1410D); Intel 82371SB (PIIX3) data sheet. */
#include <string.h>

#include "dev/ide_int.h"

enum { REG_DATA, REG_ERROR, REG_COUNT, REG_LOW, REG_MID, REG_HIGH, REG_DEVICE, REG_STATUS };
enum { BUS_MASTER_BAR = 4 };

#define CHANNEL(m, kind) FIELD_EACH(ide, channel, m, kind)
static const struct dev_field ide_fields[] = {
	FIELD(ide, pci.config, BYTES), CHANNEL(device, U8), CHANNEL(status, U8),
	CHANNEL(error, U8), CHANNEL(control, U8), CHANNEL(command, U8), CHANNEL(intrq, U8),
	CHANNEL(feature, BYTES), CHANNEL(count, BYTES), CHANNEL(low, BYTES), CHANNEL(mid, BYTES),
	CHANNEL(high, BYTES), CHANNEL(phase, U8), CHANNEL(write, U8), CHANNEL(dma, U8),
	CHANNEL(packet, U8), CHANNEL(first, U8), CHANNEL(at, U64), CHANNEL(left, U64),
	CHANNEL(len, U32), CHANNEL(pos, U32), CHANNEL(block, U32), CHANNEL(block_end, U32),
	CHANNEL(buf, BYTES), CHANNEL(bm_command, U8), CHANNEL(bm_status, U8),
	CHANNEL(bm_table, U32), CHANNEL(bm_next, U32), CHANNEL(bm_at, U32), CHANNEL(bm_len, U32),
	CHANNEL(bm_last, U8), CHANNEL(drive[0].multiple, U8), CHANNEL(drive[0].heads, U8),
	CHANNEL(drive[0].spt, U8), CHANNEL(drive[0].sense, U8), CHANNEL(drive[0].asc, U8),
	CHANNEL(drive[1].multiple, U8), CHANNEL(drive[1].heads, U8), CHANNEL(drive[1].spt, U8),
	CHANNEL(drive[1].sense, U8), CHANNEL(drive[1].asc, U8), { 0 }
};

static void update_irq(struct ide_channel *c)
{
	struct ide *ide = c->ide;

	irq_set(ide->w.irq[c - ide->channel], c->intrq && !(c->control & CTL_NIEN));
}

void ide_interrupt(struct ide_channel *c)
{
	c->intrq = true;
	c->bm_status |= BM_INTERRUPT;
	update_irq(c);
}

void ide_done(struct ide_channel *c, bool interrupt)
{
	c->phase = IDE_IDLE;
	c->status = ST_DRDY | ST_DSC | (c->error ? ST_ERR : 0);
	c->bm_status &= (u8)~BM_ACTIVE;
	if (c->packet)
		c->count.now = REASON_COMMAND | REASON_IN;
	if (interrupt)
		ide_interrupt(c);
}

void ide_fail(struct ide_channel *c, u8 error)
{
	c->error = error;
	ide_done(c, true);
}

void ide_signature(struct ide_channel *c)
{
	const struct ide_drive *d = ide_drive(c);

	c->phase = IDE_IDLE;
	c->error = 1; /* diagnostics passed */
	c->count = c->low = (struct ide_reg){ 1, 0 };
	c->mid.now = d->cdrom ? 0x14 : 0;
	c->high.now = d->cdrom ? 0xeb : 0;
	c->status = d->cdrom ? 0 : ST_DRDY | ST_DSC;
}

static void channel_reset(struct ide_channel *c)
{
	c->device = DEV_FIXED;
	c->intrq = false;
	c->bm_command = c->bm_status = 0;
	c->dma = c->packet = false;
	for (unsigned i = 0; i < 2; i++)
		c->drive[i].multiple = c->drive[i].sense = c->drive[i].asc = 0;
	update_irq(c);
	if (c->io) {
		c->reset = true;
		c->status = ST_BSY;
	} else {
		ide_signature(c);
	}
}

static void control_write(struct ide_channel *c, u8 val)
{
	bool was = c->control & CTL_SRST;

	c->control = val & (CTL_NIEN | CTL_SRST | CTL_HOB);
	if (was && !(val & CTL_SRST))
		channel_reset(c);
	update_irq(c);
}

static struct ide_reg *reg_of(struct ide_channel *c, unsigned reg)
{
	struct ide_reg *const regs[] = { NULL, &c->feature, &c->count, &c->low, &c->mid, &c->high };

	return regs[reg];
}

static u8 status_of(struct ide_channel *c)
{
	return ide_drive(c)->disk ? c->status : 0;
}

static u8 reg_read(struct ide_channel *c, unsigned reg)
{
	if (!c->drive[0].disk && !c->drive[1].disk)
		return 0x7f; /* an empty cable: only DD7 is pulled down */
	if (reg == REG_STATUS) {
		c->intrq = false;
		update_irq(c);
		return status_of(c);
	}
	if (reg == REG_DEVICE)
		return c->device;
	if (!ide_drive(c)->disk)
		return 0;
	if (reg == REG_ERROR)
		return c->error;
	return c->control & CTL_HOB ? reg_of(c, reg)->before : reg_of(c, reg)->now;
}

static void command_write(struct ide_channel *c, u8 command)
{
	c->intrq = false;
	update_irq(c);
	if (!ide_drive(c)->disk || c->io || (c->status & ST_BSY))
		return;
	c->command = command;
	c->error = 0;
	c->dma = c->packet = false;
	c->block = DISK_SECTOR;
	ata_command(c, command);
}

static void reg_write(struct ide_channel *c, unsigned reg, u8 val)
{
	c->control &= (u8)~CTL_HOB;
	if (reg == REG_STATUS) {
		command_write(c, val);
	} else if (c->phase != IDE_IDLE && c->phase != IDE_PIO) {
		return; /* busy */
	} else if (reg == REG_DEVICE) {
		c->device = val | DEV_FIXED;
	} else {
		*reg_of(c, reg) = (struct ide_reg){ val, reg_of(c, reg)->now };
	}
}

/* Regions 0 and 2 are the channels' registers, 1 and 3 their control ports; the BAR is the bus
 * master's registers, eight for each channel. */
static u64 ide_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct ide *ide = d->state;
	struct ide_channel *c = &ide->channel[region == BUS_MASTER_BAR ? offset / 8 : region / 2];
	u64 val = 0;

	if (region < BUS_MASTER_BAR && (region & 1))
		return status_of(c);
	if (region < BUS_MASTER_BAR && offset == REG_DATA)
		return ide_data_read(c, size);
	for (unsigned i = 0; i < size; i++) {
		unsigned reg = (unsigned)(offset + i) & 7;

		val |= (region == BUS_MASTER_BAR ? ide_bm_read(c, reg) : reg_read(c, reg)) << 8 * i;
	}
	return val;
}

static void ide_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct ide *ide = d->state;
	struct ide_channel *c = &ide->channel[region == BUS_MASTER_BAR ? offset / 8 : region / 2];

	if (region == BUS_MASTER_BAR)
		ide_bm_write(c, offset & 7, size, (u32)val);
	else if (region & 1)
		control_write(c, (u8)val);
	else if (offset == REG_DATA)
		ide_data_write(c, size, (u32)val);
	else
		for (unsigned i = 0; i < size; i++)
			reg_write(c, (unsigned)offset + i, (u8)(val >> 8 * i));
}

static void ide_reset(struct dev *d)
{
	struct ide *ide = d->state;

	for (unsigned i = 0; i < 2; i++) {
		struct ide_channel *c = &ide->channel[i];

		c->control = 0;
		c->bm_table = 0;
		channel_reset(c);
	}
}

static void drive_init(struct ide_drive *d, struct disk *disk)
{
	*d = (struct ide_drive){
		.disk = disk, .cdrom = disk && (disk_flags(disk) & DISK_CDROM), .heads = 16, .spt = 63,
	};
}

/* The chipset's own registers: timing and the bits that switch the channels on. */
static void pci_init(struct ide *ide, struct dev *d)
{
	struct pci_dev *p = &ide->pci;

	p->dev = d;
	p->bar[BUS_MASTER_BAR] = (struct pci_bar){ .size = 16, .io = true };
	pci_put16(p->initial, 0, 0x8086);
	pci_put16(p->initial, 2, 0x7010);
	pci_put16(p->initial, 6, 0x0280);
	pci_put32(p->initial, 8, 0x01018000); /* IDE, bus master, at the ports of old */
	pci_put16(p->initial, 0x40, 0x8000);
	pci_put16(p->initial, 0x42, 0x8000);
	memset(p->writable + 0x40, 0xff, 5);
}

void ide_wire(struct dev *d, const struct ide_wiring *w)
{
	struct ide *ide = d->state;

	ide->w = *w;
	pthread_cond_init(&ide->idle, NULL);
	for (unsigned i = 0; i < 2; i++)
		ide->channel[i].ide = ide;
	for (unsigned i = 0; i < IDE_DRIVES; i++)
		drive_init(&ide->channel[i / 2].drive[i % 2], w->disk[i]);
	pci_init(ide, d);
}

void ide_drain(struct dev *d)
{
	struct ide *ide = d->state;

	if (!ide->w.lock)
		return; /* made, but never wired */
	ide_reset(d);
	for (unsigned i = 0; i < 2; i++)
		while (ide->channel[i].io)
			pthread_cond_wait(&ide->idle, ide->w.lock);
}

void ide_unwire(struct dev *d)
{
	pthread_cond_destroy(&((struct ide *)d->state)->idle);
}

const struct dev_ops ide_ops = {
	.name = "ide",
	.help = "IDE controller (PIIX3) with disks and CD-ROMs",
	.state_size = sizeof(struct ide),
	.region = {
		{ DEV_PIO, 1, 4, .base = 0x1f0, .size = 8 }, { DEV_PIO, 1, 1, .base = 0x3f6, .size = 1 },
		{ DEV_PIO, 1, 4, .base = 0x170, .size = 8 }, { DEV_PIO, 1, 1, .base = 0x376, .size = 1 },
	},
	.fields = ide_fields,
	.reset = ide_reset,
	.read = ide_read,
	.write = ide_write,
};
