/* debugcon.c - port 0xe9, and 0x402 as SeaBIOS has it: what is written is text for a developer;
 * reading gives 0xe9, as Bochs. */
#include "dev/dev.h"

struct debugcon {
	u8 last;
	void (*put)(void *ctx, u8 byte);
	void *ctx;
};

static const struct dev_field debugcon_fields[] = { FIELD(debugcon, last, U8), { 0 } };

static u64 debugcon_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	(void)d;
	(void)region;
	(void)offset;
	(void)size;
	return 0xe9;
}

static void debugcon_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct debugcon *c = d->state;

	(void)region;
	(void)offset;
	(void)size;
	c->last = (u8)val;
	if (c->put)
		c->put(c->ctx, (u8)val);
}

static void debugcon_reset(struct dev *d)
{
	struct debugcon *c = d->state;

	c->last = 0;
}

void debugcon_wire(struct dev *d, void (*put)(void *ctx, u8 byte), void *ctx)
{
	struct debugcon *c = d->state;

	c->put = put;
	c->ctx = ctx;
}

const struct dev_ops debugcon_ops = {
	.name = "debugcon",
	.help = "debug console on port 0xe9",
	.state_size = sizeof(struct debugcon),
	.region = {
		{ DEV_PIO, 1, 1, .base = 0xe9, .size = 1 }, { DEV_PIO, 1, 1, .base = 0x402, .size = 1 },
	},
	.fields = debugcon_fields,
	.reset = debugcon_reset,
	.read = debugcon_read,
	.write = debugcon_write,
};
