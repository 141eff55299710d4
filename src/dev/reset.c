/* reset.c - the chipset's ways to reset: port 0x92 and the reset control register 0xcf9.
 * Source: Intel ICH9 data sheet (316972) 13.7.2 PORT92, 13.7.5 RST_CNT. */
#include "dev/dev.h"

enum { RST_SYSTEM = 2, RST_CPU = 4, RST_FULL = 8 };
enum { FAST_RESET = 1 };

struct reset {
	u8 port92, control;
	reset_fn *reset;
	void *ctx;
};

static const struct dev_field reset_fields[] = {
	FIELD(reset, port92, U8), FIELD(reset, control, U8), { 0 }
};

u8 reset_control_read(const struct dev *d)
{
	const struct reset *r = d->state;

	return r->control;
}

/* The rise of bit 2 resets. */
void reset_control_write(struct dev *d, u8 val)
{
	struct reset *r = d->state;
	bool rise = val & (u8)~r->control & RST_CPU;

	r->control = val & (RST_SYSTEM | RST_FULL);
	if (rise)
		r->reset(r->ctx, "port 0xcf9");
}

static u64 port92_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	const struct reset *r = d->state;

	(void)region;
	(void)offset;
	(void)size;
	return r->port92;
}

/* Bit 1 is A20: kept for reading back; the address line itself is always on. */
static void port92_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct reset *r = d->state;
	bool rise = (u8)val & (u8)~r->port92 & FAST_RESET;

	(void)region;
	(void)offset;
	(void)size;
	r->port92 = val & 3;
	if (rise)
		r->reset(r->ctx, "port 0x92");
}

static void reset_reset(struct dev *d)
{
	struct reset *r = d->state;

	r->port92 = 2;
	r->control = 0;
}

void reset_wire(struct dev *d, reset_fn *reset, void *ctx)
{
	struct reset *r = d->state;

	r->reset = reset;
	r->ctx = ctx;
}

const struct dev_ops reset_ops = {
	.name = "reset",
	.help = "ports 0x92 and 0xcf9",
	.state_size = sizeof(struct reset),
	.region = { { DEV_PIO, 1, 1, .base = 0x92, .size = 1 } },
	.fields = reset_fields,
	.reset = reset_reset,
	.read = port92_read,
	.write = port92_write,
};
