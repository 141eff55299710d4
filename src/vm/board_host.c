/* board_host.c - what an engine calls out to: ports, device memory, interrupts, MSRs, hypercalls. */
#include <stdatomic.h>

#include "vm/board_int.h"

/* KVM's hypercalls. Source: linux/Documentation/virt/kvm/x86/hypercalls.rst. */
#define HC_VAPIC_POLL_IRQ 1
#define HC_KICK_CPU 5
#define HC_NOT_KNOWN ((u64)-1000)

void board_enter(struct board *b, struct vcpu *v)
{
	pthread_mutex_lock(&b->lock);
	b->current = v;
	if (unlikely(b->config.deterministic))
		clock_set(b->clock, b->engine->ops->icount(v) + b->skipped);
}

/* A timer armed before the one that the engine counts towards makes it ask again. */
void board_leave(struct board *b)
{
	if (unlikely(b->config.deterministic) && clock_next(b->clock) < b->told)
		b->engine->ops->kick(b->current);
	b->current = NULL;
	pthread_mutex_unlock(&b->lock);
}

static u32 host_pio_read(void *ctx, struct vcpu *v, u16 port, unsigned size)
{
	struct board *b = ctx;
	u32 val;

	board_enter(b, v);
	val = (u32)bus_read(b->bus, DEV_PIO, port, size);
	board_leave(b);
	return val;
}

static void host_pio_write(void *ctx, struct vcpu *v, u16 port, unsigned size, u32 val)
{
	struct board *b = ctx;

	board_enter(b, v);
	bus_write(b->bus, DEV_PIO, port, size, val);
	board_leave(b);
}

/* Each vCPU sees its own local APIC at the same address, so the bus does not carry them. */
static struct dev *own_lapic(struct board *b, const struct vcpu *v, gpa_t at)
{
	struct dev *d = b->lapic ? &b->lapic[v->index] : NULL;

	return d && lapic_hit(d, at.at) ? d : NULL;
}

static u64 host_mmio_read(void *ctx, struct vcpu *v, gpa_t at, unsigned size)
{
	struct board *b = ctx;
	struct dev *apic = own_lapic(b, v, at);
	u64 val;

	board_enter(b, v);
	val = apic ? lapic_ops.read(apic, 0, at.at & 0xfff, size)
		   : bus_read(b->bus, DEV_MMIO, at.at, size);
	board_leave(b);
	return val;
}

static void host_mmio_write(void *ctx, struct vcpu *v, gpa_t at, unsigned size, u64 val)
{
	struct board *b = ctx;
	struct dev *apic = own_lapic(b, v, at);

	board_enter(b, v);
	if (apic)
		lapic_ops.write(apic, 0, at.at & 0xfff, size, val);
	else
		bus_write(b->bus, DEV_MMIO, at.at, size, val);
	board_leave(b);
}

static bool pic_pending(const struct board *b, const struct vcpu *v)
{
	return pic_out(&b->pic) && lapic_takes_pic(&b->lapic[v->index]);
}

/* Asked often and mostly false: then without the lock. */
static bool host_irq_pending(void *ctx, struct vcpu *v)
{
	struct board *b = ctx;
	struct dev *apic = &b->lapic[v->index];
	bool pending;

	if (pic_pending(b, v))
		return true;
	if (!lapic_ready(apic))
		return false;
	board_enter(b, v);
	pending = lapic_check(apic);
	board_leave(b);
	return pending;
}

static int host_irq_ack(void *ctx, struct vcpu *v)
{
	struct board *b = ctx;
	int vector = -1;

	board_enter(b, v);
	clock_check(b->clock); /* the interrupt may be the first thing that happens after a gap */
	if (pic_pending(b, v))
		vector = pic_ack(&b->pic);
	if (vector < 0)
		vector = lapic_ack(&b->lapic[v->index]);
	board_leave(b);
	return vector;
}

static bool host_msr_read(void *ctx, struct vcpu *v, u32 msr, u64 *ret)
{
	struct board *b = ctx;
	bool known = false;

	board_enter(b, v);
	if (lapic_owns(msr))
		known = lapic_msr_read(&b->lapic[v->index], msr, ret);
	else if (kvmclock_owns(msr))
		known = kvmclock_msr_read(&b->kvmclock[v->index], msr, ret);
	board_leave(b);
	return known;
}

static bool host_msr_write(void *ctx, struct vcpu *v, u32 msr, u64 val)
{
	struct board *b = ctx;
	bool known = false;

	board_enter(b, v);
	if (lapic_owns(msr))
		known = lapic_msr_write(&b->lapic[v->index], msr, val);
	else if (kvmclock_owns(msr))
		known = kvmclock_msr_write(&b->kvmclock[v->index], msr, val);
	board_leave(b);
	return known;
}

static u8 host_cr8_read(void *ctx, struct vcpu *v)
{
	struct board *b = ctx;

	return lapic_cr8_read(&b->lapic[v->index]); /* only v's own thread changes it */
}

static void host_cr8_write(void *ctx, struct vcpu *v, u8 val)
{
	struct board *b = ctx;

	board_enter(b, v);
	lapic_cr8_write(&b->lapic[v->index], val);
	board_leave(b);
}

/*
 * A guest whose spinlock waiter halted kicks it when the lock is free. The kick may come before the
 * halt, so it is remembered: the run loop asks board_unhalt().
 */
static u64 host_hypercall(void *ctx, struct vcpu *v, u64 nr, const u64 arg[4])
{
	struct board *b = ctx;

	(void)v;
	if (nr == HC_VAPIC_POLL_IRQ)
		return 0;
	if (nr != HC_KICK_CPU)
		return HC_NOT_KNOWN;
	if (arg[1] < b->config.ncpus) {
		atomic_store(&b->kicked[arg[1]], true);
		vcpu_post(b->vcpu[arg[1]], EV_STOP);
	}
	return 0;
}

bool board_unhalt(struct board *b, struct vcpu *v)
{
	return atomic_exchange(&b->kicked[v->index], false);
}

static void host_digest(void *ctx, struct vcpu *v, u64 icount)
{
	const struct board_calls *c = &((struct board *)ctx)->config.calls;

	if (c->digest)
		c->digest(c->ctx, v, icount);
}

static u64 host_advance(void *ctx, struct vcpu *v, u64 icount)
{
	return board_advance(ctx, v, icount);
}

void board_host(struct board *b, struct engine_host *ret)
{
	*ret = (struct engine_host){
		.ctx = b,
		.pio_read = host_pio_read,
		.pio_write = host_pio_write,
		.mmio_read = host_mmio_read,
		.mmio_write = host_mmio_write,
	};
	if (b->config.irqchip)
		return;
	ret->irq_ack = host_irq_ack;
	ret->irq_pending = host_irq_pending;
	ret->msr_read = host_msr_read;
	ret->msr_write = host_msr_write;
	ret->cr8_read = host_cr8_read;
	ret->cr8_write = host_cr8_write;
	ret->hypercall = host_hypercall;
	if (!b->config.deterministic)
		return;
	ret->digest = host_digest;
	ret->advance = host_advance;
}

/*D:1200 Time by counting
 * In deterministic mode guest time is the number of retired instructions, one a nanosecond, plus
 * what was skipped while the guest halted: a halt does not wait, it jumps to the next timer. The
 * jump goes into the TSC's offset, so that the TSC and every other clock still agree.
 * @test board_skips_to_next_timer
 */
u64 board_advance(struct board *b, struct vcpu *v, u64 icount)
{
	u64 next;

	pthread_mutex_lock(&b->lock);
	b->current = v;
	clock_set(b->clock, icount + b->skipped);
	next = b->told = clock_next(b->clock);
	board_leave(b);
	return next == UINT64_MAX ? next : next - b->skipped;
}

bool board_skip(struct board *b, struct vcpu *v)
{
	u64 next, now;

	board_enter(b, v);
	now = clock_now(b->clock);
	next = clock_next(b->clock);
	if (next != UINT64_MAX) {
		b->skipped += next - now;
		v->tsc_offset += next - now;
		clock_set(b->clock, next);
	}
	board_leave(b);
	return next != UINT64_MAX;
}
