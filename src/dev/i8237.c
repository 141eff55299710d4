/* i8237.c - the PC's first DMA controller: four channels, the third one is the floppy's.
 * Source: Intel 8237A data sheet; the page registers of an IBM PC/AT. */
#include <string.h>

#include "dev/dev.h"
#include "mem/mem.h"

enum { REGION_CHIP, REGION_PAGES };
enum { REG_STATUS = 8, REG_REQUEST, REG_MASK_ONE, REG_MODE, REG_CLEAR_FF, REG_MASTER_CLEAR,
       REG_CLEAR_MASKS, REG_MASKS };
enum { MODE_WRITE = 4, MODE_READ = 8, MODE_AUTO = 0x10, MODE_TRANSFER = 0xc };

struct channel {
	u16 base, base_count, at, count;
	u8 mode, page;
};

struct dma {
	struct channel channel[4];
	u8 masks, done; /* a bit for each channel; done: reached its terminal count, not read yet */
	bool high;      /* the next byte of an address or a count is its high one */
	struct mem *mem;
};

static const struct dev_field dma_fields[] = {
	FIELD_EACH(dma, channel, base, U16), FIELD_EACH(dma, channel, base_count, U16),
	FIELD_EACH(dma, channel, at, U16), FIELD_EACH(dma, channel, count, U16),
	FIELD_EACH(dma, channel, mode, U8), FIELD_EACH(dma, channel, page, U8), FIELD(dma, masks, U8),
	FIELD(dma, done, U8), FIELD(dma, high, U8), { 0 }
};

static u8 half_read(struct dma *c, u16 val)
{
	c->high = !c->high;
	return (u8)(c->high ? val : val >> 8);
}

static u16 half_write(struct dma *c, u16 old, u8 val)
{
	c->high = !c->high;
	return (u16)(c->high ? (old & 0xff00) | val : (old & 0xff) | val << 8);
}

/* Ports 0x81 to 0x83 and 0x87 hold address bits 16 to 23. */
static struct channel *page_of(struct dma *c, u64 offset)
{
	static const i8 channel[] = { 2, 3, 1, -1, -1, -1, 0 };
	int n = channel[offset];

	return n < 0 ? NULL : &c->channel[n];
}

static u64 dma_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct dma *c = d->state;
	const struct channel *ch = region == REGION_PAGES ? page_of(c, offset) : NULL;
	u8 val;

	(void)size;
	if (region == REGION_PAGES)
		return ch ? ch->page : 0xff;
	if (offset < REG_STATUS) {
		ch = &c->channel[offset / 2];
		return half_read(c, offset & 1 ? ch->count : ch->at);
	}
	if (offset == REG_MASKS)
		return c->masks | 0xf0;
	val = offset == REG_STATUS ? c->done : 0;
	c->done &= (u8)~val;
	return val;
}

static void address_write(struct dma *c, u64 offset, u8 val)
{
	struct channel *ch = &c->channel[offset / 2];

	if (offset & 1)
		ch->count = ch->base_count = half_write(c, ch->base_count, val);
	else
		ch->at = ch->base = half_write(c, ch->base, val);
}

static void command_write(struct dma *c, u64 offset, u8 val)
{
	u8 bit = (u8)(1 << (val & 3));

	switch (offset) {
	case REG_MASK_ONE:
		c->masks = (u8)(val & 4 ? c->masks | bit : c->masks & ~bit);
		break;
	case REG_MODE:
		c->channel[val & 3].mode = val;
		break;
	case REG_CLEAR_FF:
		c->high = false;
		break;
	case REG_MASTER_CLEAR:
		c->high = false;
		c->done = 0;
		c->masks = 15;
		break;
	case REG_CLEAR_MASKS:
		c->masks = 0;
		break;
	case REG_MASKS:
		c->masks = val & 15;
		break;
	default:
		break;
	}
}

static void dma_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct dma *c = d->state;
	struct channel *ch = region == REGION_PAGES ? page_of(c, offset) : NULL;

	(void)size;
	if (region == REGION_CHIP && offset < REG_STATUS)
		address_write(c, offset, (u8)val);
	else if (region == REGION_CHIP)
		command_write(c, offset, (u8)val);
	else if (ch)
		ch->page = (u8)val;
}

/* The count ran out: start over, or be masked until the guest sets the channel up again. */
static void channel_done(struct dma *c, unsigned n)
{
	struct channel *ch = &c->channel[n];

	c->done |= (u8)(1 << n);
	if (ch->mode & MODE_AUTO) {
		ch->at = ch->base;
		ch->count = ch->base_count;
	} else {
		c->masks |= (u8)(1 << n);
	}
}

u32 dma_move(struct dev *d, unsigned channel, u8 *buf, u32 len, bool to_memory, bool *over)
{
	struct dma *c = d->state;
	struct channel *ch = &c->channel[channel];
	u32 room = ch->count + 1u, n = len < room ? len : room;
	gpa_t at = GPA((u64)ch->page << 16 | ch->at);

	*over = false;
	if ((c->masks >> channel & 1) || (ch->mode & MODE_TRANSFER) != (to_memory ? MODE_WRITE : MODE_READ))
		return 0;
	if (to_memory ? mem_write(c->mem, at, n, buf) : mem_read(c->mem, at, n, buf))
		return 0;
	ch->at = (u16)(ch->at + n);
	ch->count = (u16)(ch->count - n);
	*over = n == room;
	if (*over)
		channel_done(c, channel);
	return n;
}

static void dma_reset(struct dev *d)
{
	struct dma *c = d->state;

	memset(c->channel, 0, sizeof(c->channel));
	c->masks = 15;
	c->done = 0;
	c->high = false;
}

void dma_wire(struct dev *d, struct mem *m)
{
	((struct dma *)d->state)->mem = m;
}

const struct dev_ops dma_ops = {
	.name = "dma",
	.help = "i8237 DMA controller, for the floppy drive",
	.state_size = sizeof(struct dma),
	.region = {
		[REGION_CHIP] = { DEV_PIO, 1, 1, .base = 0x00, .size = 16 },
		[REGION_PAGES] = { DEV_PIO, 1, 1, .base = 0x81, .size = 7 },
	},
	.fields = dma_fields,
	.reset = dma_reset,
	.read = dma_read,
	.write = dma_write,
};
