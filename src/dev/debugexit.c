/* debugexit.c - port 0xf4: a write ends the run with a value. On request only.
 * Source: QEMU's isa-debug-exit, which test kernels are written for. */
#include "dev/dev.h"

struct debugexit {
	u32 value; /* last one written */
	void (*end)(void *ctx, u32 value);
	void *ctx;
};

static const struct dev_field debugexit_fields[] = { FIELD(debugexit, value, U32), { 0 } };

static u64 debugexit_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	(void)d;
	(void)region;
	(void)offset;
	(void)size;
	return 0;
}

static void debugexit_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct debugexit *x = d->state;

	(void)region;
	(void)offset;
	(void)size;
	x->value = (u32)val;
	x->end(x->ctx, x->value);
}

static void debugexit_reset(struct dev *d)
{
	struct debugexit *x = d->state;

	x->value = 0;
}

void debugexit_wire(struct dev *d, void (*end)(void *ctx, u32 value), void *ctx)
{
	struct debugexit *x = d->state;

	x->end = end;
	x->ctx = ctx;
}

const struct dev_ops debugexit_ops = {
	.name = "debugexit",
	.help = "port 0xf4 ends the run",
	.state_size = sizeof(struct debugexit),
	.region = { { DEV_PIO, 1, 4, .base = 0xf4, .size = 4 } },
	.fields = debugexit_fields,
	.reset = debugexit_reset,
	.read = debugexit_read,
	.write = debugexit_write,
};
