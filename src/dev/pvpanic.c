/* pvpanic.c - port 0x505: the guest tells that its kernel panicked.
 * Source: QEMU docs/specs/pvpanic. */
#include "dev/dev.h"

#define PVPANIC_EVENTS 3 /* bit 0 panicked, bit 1 crash kernel loaded: what reading says we know */

struct pvpanic {
	u8 told;
	void (*panic)(void *ctx, u8 events);
	void *ctx;
};

static const struct dev_field pvpanic_fields[] = { FIELD(pvpanic, told, U8), { 0 } };

static u64 pvpanic_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	(void)d;
	(void)region;
	(void)offset;
	(void)size;
	return PVPANIC_EVENTS;
}

static void pvpanic_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct pvpanic *p = d->state;
	u8 events = (u8)val & PVPANIC_EVENTS;

	(void)region;
	(void)offset;
	(void)size;
	p->told |= events;
	if (events)
		p->panic(p->ctx, events);
}

static void pvpanic_reset(struct dev *d)
{
	struct pvpanic *p = d->state;

	p->told = 0;
}

void pvpanic_wire(struct dev *d, void (*panic)(void *ctx, u8 events), void *ctx)
{
	struct pvpanic *p = d->state;

	p->panic = panic;
	p->ctx = ctx;
}

const struct dev_ops pvpanic_ops = {
	.name = "pvpanic",
	.help = "port 0x505: the guest's kernel panicked",
	.state_size = sizeof(struct pvpanic),
	.region = { { DEV_PIO, 1, 1, .base = 0x505, .size = 1 } },
	.fields = pvpanic_fields,
	.reset = pvpanic_reset,
	.read = pvpanic_read,
	.write = pvpanic_write,
};
