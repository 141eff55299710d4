/* pm.c - ACPI's fixed hardware: power button, sleep control, and the interrupt they share.
 * Source: ACPI 6.5, 4.8.3. */
#include "base/log.h"
#include "dev/dev.h"

enum { PM_PWRBTN = 1 << 8 };
enum { PM_ENABLE_BITS = 1 << 0 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 10 };
enum { PM_SCI_EN = 1, PM_SLP_TYP = 7 << 10, PM_SLP_EN = 1 << 13 };

struct pm {
	u16 status, enable, control;
	struct irq *sci;
	void (*power_off)(void *ctx);
	void *ctx;
};

static const struct dev_field pm_fields[] = {
	FIELD(pm, status, U16), FIELD(pm, enable, U16), FIELD(pm, control, U16), { 0 }
};

static void pm_update(struct pm *p)
{
	irq_set(p->sci, p->status & p->enable);
}

static u64 pm_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	const struct pm *p = d->state;
	const u16 reg[] = { p->status, p->enable, p->control };
	u16 val = reg[offset / 2];

	(void)region;
	return size == 1 && (offset & 1) ? val >> 8 : val;
}

static void control_write(struct pm *p, u16 val)
{
	p->control = (u16)((val & PM_SLP_TYP) | PM_SCI_EN);
	if (!(val & PM_SLP_EN))
		return;
	LOG(dev, INFO, "pm: sleep type %d", (val & PM_SLP_TYP) >> 10);
	if ((val & PM_SLP_TYP) >> 10 == PM_SLEEP_S5)
		p->power_off(p->ctx);
}

/* Put a byte into its half of a register. */
static u16 merge(u16 old, u64 offset, unsigned size, u64 val)
{
	if (size == 2)
		return (u16)val;
	return offset & 1 ? (u16)((old & 0xff) | val << 8) : (u16)((old & 0xff00) | (u8)val);
}

/*D:1000 The guest turns itself off
 * Linux reads \_S5 from the DSDT, puts its value and SLP_EN into the PM1 control register, and
 * expects to be gone with the write. The device tells the machine; the run loop ends at its next turn.
 * @test pm_s5_powers_off
 */
static void pm_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct pm *p = d->state;

	(void)region;
	if (offset < 2)
		p->status &= (u16)~merge(0, offset, size, val); /* write one to clear */
	else if (offset < 4)
		p->enable = merge(p->enable, offset, size, val) & PM_ENABLE_BITS;
	else
		control_write(p, merge(p->control, offset, size, val));
	pm_update(p);
}

void pm_power_button(struct dev *d)
{
	struct pm *p = d->state;

	p->status |= PM_PWRBTN;
	pm_update(p);
}

static void pm_reset(struct dev *d)
{
	struct pm *p = d->state;

	p->status = p->enable = 0;
	p->control = PM_SCI_EN; /* no SMI command port: the machine is always in ACPI mode */
	pm_update(p);
}

void pm_wire(struct dev *d, struct irq *sci, void (*power_off)(void *ctx), void *ctx)
{
	struct pm *p = d->state;

	p->sci = sci;
	p->power_off = power_off;
	p->ctx = ctx;
}

const struct dev_ops pm_ops = {
	.name = "pm",
	.help = "ACPI power management",
	.state_size = sizeof(struct pm),
	.region = { { DEV_PIO, 1, 2, .base = PM_BASE, .size = 6 } },
	.fields = pm_fields,
	.reset = pm_reset,
	.read = pm_read,
	.write = pm_write,
};
