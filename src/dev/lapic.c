/* lapic.c - a local APIC: its registers, and which vector comes next. Source: SDM 3A chapter 11.
 * Timer, PV EOI and messages between APICs are in lapic_timer.c, lapic_pveoi.c, apic_bus.c. */
#include "dev/lapic.h"

#include <stdatomic.h>
#include <string.h>

#include "base/log.h"

#define VERSION 0x00050014u /* integrated, 6 LVT entries, no EOI-broadcast suppression */
#define MSR_BASE 0x1bu
#define MSR_DEADLINE 0x6e0u
#define MSR_X2APIC 0x800u
#define MSR_PV_EOI 0x4b564d04u
#define BASE_ADDRESS 0x000ffffffffff000ull

static const struct dev_field lapic_fields[] = {
	FIELD(lapic, base, U64), FIELD(lapic, tpr, U32), FIELD(lapic, ldr, U32),
	FIELD(lapic, dfr, U32), FIELD(lapic, svr, U32), FIELD(lapic, esr, U32),
	FIELD(lapic, esr_new, U32), FIELD(lapic, icr, U64), FIELD(lapic, lvt, U32),
	FIELD(lapic, irr, U32), FIELD(lapic, isr, U32), FIELD(lapic, tmr, U32),
	FIELD(lapic, timer_init, U32), FIELD(lapic, timer_div, U32),
	FIELD(lapic, timer_start, U64), FIELD(lapic, deadline, U64), FIELD(lapic, pv_eoi, U64),
	FIELD(lapic, pv_eoi_open, U8), { 0 }
};

/* Bits of each LVT entry that can be written. SDM 3A figure 11-8. */
static const u32 lvt_bits[LVT_N] = {
	[LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff,
	[LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff, [LVT_ERROR] = 0x100ff,
};

int lapic_bits_last(const u32 *bits)
{
	for (int i = 7; i >= 0; i--)
		if (bits[i])
			return i * 32 + 31 - __builtin_clz(bits[i]);
	return -1;
}

u8 lapic_ppr(const struct lapic *l)
{
	int serving = lapic_bits_last(l->isr);
	u8 class = serving < 0 ? 0 : serving & 0xf0;

	return (l->tpr & 0xf0) >= class ? (u8)l->tpr : class;
}

/* The vector that may be delivered now, -1 none. */
static int lapic_next(const struct lapic *l)
{
	int vector = lapic_bits_last(l->irr);

	return lapic_on(l) && vector >= 0 && (vector & 0xf0) > (lapic_ppr(l) & 0xf0) ? vector : -1;
}

/*
 * While a PV EOI is open only the vCPU's own thread can tell whether the interrupt in service has
 * ended, so any request makes it look.
 */
void lapic_update(struct lapic *l)
{
	u32 lint0 = l->lvt[LVT_LINT0];
	bool look = l->pv_eoi_open ? lapic_bits_last(l->irr) >= 0 : lapic_next(l) >= 0;

	atomic_store(&l->takes_pic, !lapic_on(l) ||
		     (!(lint0 & LVT_MASKED) && LVT_MODE(lint0) == APIC_EXTINT));
	atomic_store(&l->look, look);
	if (look)
		l->bus->sink.raise(l->bus->sink.ctx, l->cpu);
}

bool lapic_check(struct dev *d)
{
	struct lapic *l = d->state;

	pv_eoi_sync(l);
	atomic_store(&l->look, lapic_next(l) >= 0);
	return l->look;
}

bool lapic_ready(const struct dev *d)
{
	const struct lapic *l = d->state;

	return atomic_load(&l->look);
}

bool lapic_takes_pic(const struct dev *d)
{
	const struct lapic *l = d->state;

	return atomic_load(&l->takes_pic);
}

/* An error's own interrupt with an illegal vector would be the next error: it is only noted. */
void lapic_error(struct lapic *l, u32 bits)
{
	u32 lvt = l->lvt[LVT_ERROR];

	l->esr_new |= bits;
	if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= 16)
		lapic_accept(l, APIC_FIXED, (u8)lvt, false);
}

static bool lapic_accept_fixed(struct lapic *l, u8 vector, bool level)
{
	if (!lapic_accepts(l))
		return false;
	if (vector < 16) {
		lapic_error(l, ESR_RECEIVE_ILLEGAL);
		return false;
	}
	bit_put(l->irr, vector, true);
	bit_put(l->tmr, vector, level);
	lapic_update(l);
	return true;
}

bool lapic_accept(struct lapic *l, u8 mode, u8 vector, bool level)
{
	const struct apic_sink *s = &l->bus->sink;

	LOG(irq, TRACE, "lapic %u: mode %u vector %u", l->cpu, mode, vector);
	if (!lapic_on(l) && mode != APIC_INIT)
		return false;
	if (mode == APIC_FIXED || mode == APIC_LOWEST)
		return lapic_accept_fixed(l, vector, level);
	if (mode == APIC_NMI) {
		s->nmi(s->ctx, l->cpu);
	} else if (mode == APIC_INIT) {
		lapic_init(l);
		s->init(s->ctx, l->cpu);
	} else if (mode == APIC_SIPI) {
		s->sipi(s->ctx, l->cpu, vector);
	}
	return true;
}

void lapic_lvt(struct lapic *l, unsigned entry)
{
	u32 lvt = l->lvt[entry];

	if (!(lvt & LVT_MASKED))
		lapic_accept(l, entry == LVT_TIMER || entry == LVT_ERROR ? APIC_FIXED : LVT_MODE(lvt),
			     (u8)lvt, false);
}

/*D:300 The vector that wins
 * A request sits in IRR; of all requests the highest vector wins if its class (the upper four
 * bits) is above the processor's priority: the task priority or the class in service, whichever is
 * greater. Taking it moves the bit from IRR to ISR; the guest's EOI clears it there, and the next one may come.
 * @test lapic_serves_by_priority
 */
int lapic_ack(struct dev *d)
{
	struct lapic *l = d->state;
	int vector;

	pv_eoi_sync(l);
	vector = lapic_next(l);
	if (vector >= 0) {
		bit_put(l->irr, (unsigned)vector, false);
		bit_put(l->isr, (unsigned)vector, true);
		pv_eoi_offer(l, (unsigned)vector);
	}
	lapic_update(l);
	return vector;
}

void lapic_end_of_interrupt(struct lapic *l)
{
	int vector = lapic_bits_last(l->isr);

	if (vector < 0)
		return;
	bit_put(l->isr, (unsigned)vector, false);
	if (bit_get(l->tmr, (unsigned)vector) && l->bus->ioapic)
		ioapic_eoi(l->bus->ioapic, (u8)vector);
	lapic_update(l);
}

static void lapic_tpr_write(struct lapic *l, u8 val)
{
	l->tpr = val;
	lapic_update(l);
}

u8 lapic_cr8_read(const struct dev *d)
{
	const struct lapic *l = d->state;

	return (u8)(l->tpr >> 4);
}

void lapic_cr8_write(struct dev *d, u8 val)
{
	lapic_tpr_write(d->state, (u8)(val << 4));
}

/* Disabling by software masks every LVT entry and keeps them masked. SDM 3A 11.4.7.2. */
static void lapic_svr_write(struct lapic *l, u32 val)
{
	l->svr = val & 0x3ff;
	for (unsigned i = 0; i < LVT_N && !(val & SVR_ENABLE); i++)
		l->lvt[i] |= LVT_MASKED;
	lapic_update(l);
}

static void lapic_lvt_write(struct lapic *l, unsigned entry, u32 val)
{
	u32 old = l->lvt[entry];

	l->lvt[entry] = (val & lvt_bits[entry]) | (l->svr & SVR_ENABLE ? 0 : LVT_MASKED);
	if (entry == LVT_TIMER)
		lapic_timer_lvt_changed(l, old);
	lapic_update(l);
}

static u32 lapic_ldr(const struct lapic *l)
{
	return lapic_x2(l) ? (l->cpu >> 4) << 16 | 1u << (l->cpu & 15) : l->ldr;
}

/* Registers that read; false for those that do not exist or only take writes. */
static bool lapic_register(struct lapic *l, unsigned reg, u32 *ret)
{
	if (reg >= APIC_ISR && reg < APIC_ESR) {
		const u32 *const bits[] = { l->isr, l->tmr, l->irr };

		*ret = bits[(reg - APIC_ISR) / 8][reg & 7];
		return true;
	}
	if (reg >= APIC_LVT && reg < APIC_LVT + LVT_N) {
		*ret = l->lvt[reg - APIC_LVT];
		return true;
	}
	switch (reg) {
	case APIC_ID: *ret = lapic_x2(l) ? l->cpu : l->cpu << 24; break;
	case APIC_VERSION: *ret = VERSION; break;
	case APIC_TPR: *ret = l->tpr; break;
	case APIC_PPR: *ret = lapic_ppr(l); break;
	case APIC_LDR: *ret = lapic_ldr(l); break;
	case APIC_DFR: *ret = l->dfr; break;
	case APIC_SVR: *ret = l->svr; break;
	case APIC_ESR: *ret = l->esr; break;
	case APIC_ICR: *ret = (u32)l->icr; break;
	case APIC_ICR_HIGH: *ret = (u32)(l->icr >> 32); break;
	case APIC_TIMER_INIT: *ret = l->timer_init; break;
	case APIC_TIMER_NOW: *ret = lapic_timer_now(l); break;
	case APIC_TIMER_DIV: *ret = l->timer_div; break;
	default: return false;
	}
	return true;
}

/* Registers that take a write; false for those that do not. */
static bool lapic_register_write(struct lapic *l, unsigned reg, u32 val)
{
	if (reg >= APIC_LVT && reg < APIC_LVT + LVT_N) {
		lapic_lvt_write(l, reg - APIC_LVT, val);
		return true;
	}
	switch (reg) {
	case APIC_TPR: lapic_tpr_write(l, (u8)val); break;
	case APIC_EOI: lapic_end_of_interrupt(l); break;
	case APIC_SVR: lapic_svr_write(l, val); break;
	case APIC_ESR: l->esr = l->esr_new, l->esr_new = 0; break;
	case APIC_TIMER_INIT: lapic_timer_init_write(l, val); break;
	case APIC_TIMER_DIV: lapic_timer_div_write(l, val); break;
	default: return false;
	}
	return true;
}

bool lapic_hit(const struct dev *d, u64 at)
{
	const struct lapic *l = d->state;

	return (l->base & (BASE_ENABLE | BASE_X2APIC)) == BASE_ENABLE &&
	       (at & ~0xfffull) == (l->base & BASE_ADDRESS);
}

/* A register is the first four of its sixteen bytes; reads of part of it are let through. */
static u64 lapic_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct lapic *l = d->state;
	unsigned shift = (offset & 3) * 8;
	u32 val = 0;

	(void)region;
	(void)size;
	pv_eoi_sync(l);
	if ((offset & 15) < 4 && !lapic_register(l, (unsigned)(offset >> 4) & 0xff, &val))
		lapic_error(l, ESR_REGISTER);
	return val >> shift;
}

static void lapic_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct lapic *l = d->state;
	unsigned reg = (unsigned)(offset >> 4) & 0xff;

	(void)region;
	if (size != 4 || (offset & 15))
		return;
	pv_eoi_sync(l);
	if (reg == APIC_LDR)
		l->ldr = (u32)val & 0xff000000;
	else if (reg == APIC_DFR)
		l->dfr = (u32)val | 0x0fffffff;
	else if (reg == APIC_ICR)
		apic_icr(l, (l->icr & ~0xffffffffull) | (u32)val);
	else if (reg == APIC_ICR_HIGH)
		l->icr = (u32)l->icr | (val & 0xff000000) << 32;
	else if (!lapic_register_write(l, reg, (u32)val))
		lapic_error(l, ESR_REGISTER);
}

/* What x2APIC mode does not have, or not for reading. SDM 3A table 11-6. */
static bool x2apic_read(struct lapic *l, unsigned reg, u64 *ret)
{
	u32 val;

	if (reg == APIC_ICR) {
		*ret = l->icr;
		return true;
	}
	if (reg == APIC_DFR || reg == APIC_ICR_HIGH || !lapic_register(l, reg, &val))
		return false;
	*ret = val;
	return true;
}

static bool x2apic_write(struct lapic *l, unsigned reg, u64 val)
{
	if (reg == APIC_ICR) {
		apic_icr(l, val);
		return true;
	}
	if (val >> 32 || ((reg == APIC_EOI || reg == APIC_ESR) && val) ||
	    ((reg == APIC_TPR || reg == APIC_SELF_IPI) && val > 0xff))
		return false;
	if (reg == APIC_SELF_IPI) {
		lapic_accept(l, APIC_FIXED, (u8)val, false);
		return true;
	}
	return lapic_register_write(l, reg, (u32)val);
}

/*
 * Which changes of mode the base register allows: off <-> xAPIC -> x2APIC -> off. SDM 3A figure 11-27.
 */
static bool lapic_base_write(struct lapic *l, u64 val)
{
	u64 mode = BASE_ENABLE | BASE_X2APIC, old = l->base & mode, new = val & mode;

	if ((val & ~(BASE_ADDRESS | mode | BASE_BSP)) || new == BASE_X2APIC ||
	    (old == mode && new == BASE_ENABLE) || (!old && new == mode))
		return false;
	l->base = val;
	if (old && !new)
		lapic_init(l);
	lapic_update(l);
	return true;
}

bool lapic_owns(u32 msr)
{
	return msr == MSR_BASE || msr == MSR_DEADLINE || msr == MSR_PV_EOI ||
	       (msr >= MSR_X2APIC && msr <= MSR_X2APIC + 0xff);
}

bool lapic_msr_read(struct dev *d, u32 msr, u64 *ret)
{
	struct lapic *l = d->state;

	pv_eoi_sync(l);
	if (msr == MSR_BASE)
		*ret = l->base;
	else if (msr == MSR_DEADLINE)
		*ret = l->deadline;
	else if (msr == MSR_PV_EOI)
		*ret = l->pv_eoi;
	else
		return lapic_x2(l) && x2apic_read(l, msr - MSR_X2APIC, ret);
	return true;
}

bool lapic_msr_write(struct dev *d, u32 msr, u64 val)
{
	struct lapic *l = d->state;

	pv_eoi_sync(l);
	if (msr == MSR_BASE)
		return lapic_base_write(l, val);
	if (msr == MSR_PV_EOI)
		return pv_eoi_write(l, val);
	if (msr != MSR_DEADLINE)
		return lapic_x2(l) && x2apic_write(l, msr - MSR_X2APIC, val);
	lapic_timer_deadline_write(l, val);
	return true;
}

void lapic_init(struct lapic *l)
{
	timer_cancel(&l->timer);
	l->tpr = l->ldr = l->esr = l->esr_new = 0;
	l->icr = 0;
	l->dfr = 0xffffffff;
	l->svr = 0xff;
	for (unsigned i = 0; i < LVT_N; i++)
		l->lvt[i] = LVT_MASKED;
	memset(l->irr, 0, sizeof(l->irr));
	memset(l->isr, 0, sizeof(l->isr));
	memset(l->tmr, 0, sizeof(l->tmr));
	l->timer_init = l->timer_div = 0;
	l->deadline = 0;
	l->pv_eoi_open = 0;
	lapic_update(l);
}

/* A PC's firmware leaves the first processor in virtual wire mode: the PIC on LINT0. */
static void lapic_reset(struct dev *d)
{
	struct lapic *l = d->state;

	l->base = LAPIC_BASE | BASE_ENABLE | (l->cpu ? 0 : BASE_BSP);
	l->pv_eoi = 0;
	lapic_init(l);
	if (!l->cpu)
		l->lvt[LVT_LINT0] = APIC_EXTINT << 8;
	lapic_update(l);
}

void lapic_wire(struct dev *d, struct apic_bus *bus, unsigned cpu)
{
	struct lapic *l = d->state;

	l->bus = bus;
	l->cpu = cpu;
	lapic_timer_wire(l, d->clock);
}

const struct dev_ops lapic_ops = {
	.name = "lapic",
	.help = "local APIC",
	.state_size = sizeof(struct lapic),
	.fields = lapic_fields,
	.reset = lapic_reset,
	.read = lapic_read,
	.write = lapic_write,
};
