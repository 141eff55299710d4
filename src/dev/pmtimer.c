/* pmtimer.c - ACPI's power-management timer: 32 bits at 3.579545 MHz. Source: ACPI 6.5, 4.8.3.3. */
#include "dev/dev.h"

#define PMTIMER_HZ 3579545u
#define NS 1000000000u

struct pmtimer {
	u64 start_ns; /* guest time of the last reset */
};

static const struct dev_field pmtimer_fields[] = { FIELD(pmtimer, start_ns, U64), { 0 } };

static u64 pmtimer_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	const struct pmtimer *p = d->state;

	(void)region;
	(void)offset;
	(void)size;
	return mul_div(clock_now(d->clock) - p->start_ns, PMTIMER_HZ, NS);
}

static void pmtimer_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	(void)d;
	(void)region;
	(void)offset;
	(void)size;
	(void)val;
}

static void pmtimer_reset(struct dev *d)
{
	struct pmtimer *p = d->state;

	p->start_ns = clock_now(d->clock);
}

const struct dev_ops pmtimer_ops = {
	.name = "pmtimer",
	.help = "ACPI power-management timer",
	.state_size = sizeof(struct pmtimer),
	.region = { { DEV_PIO, 4, 4, .base = PM_TIMER, .size = 4 } },
	.fields = pmtimer_fields,
	.reset = pmtimer_reset,
	.read = pmtimer_read,
	.write = pmtimer_write,
};
