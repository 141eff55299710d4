/* xen.c - Xen is made, told what the processor asks, and taken apart. */
#define _GNU_SOURCE
#include "xen/xen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xen/store.h"

int xen_new(const struct xen_config *c, struct xen **ret, struct err *e)
{
	struct xen *x = calloc(1, sizeof(*x));
	pthread_mutexattr_t attr;
	int rc;

	if (!x)
		return err_set(e, -ENOMEM, "out of memory");
	x->c = *c;
	x->mem = c->mem;
	/* A hypercall holds it all along, and what it does may take it again. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&x->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	for (unsigned i = 0; i < c->mem->n; i++) {
		const struct mem_block *b = &c->mem->block[i];
		u64 end = (b->at.at + b->len) >> GUEST_PAGE_SHIFT;

		x->nframes = end > x->nframes && !b->rom ? end : x->nframes;
	}
	x->frame = calloc(x->nframes, sizeof(*x->frame));
	x->p2m = calloc(x->nframes, sizeof(*x->p2m));
	rc = x->frame && x->p2m ? clock_new(false, &x->lock, &x->clock, e) :
				  err_set(e, -ENOMEM, "out of memory");
	if (rc) {
		xen_free(x);
		return rc;
	}
	*ret = x;
	return 0;
}

void xen_free(struct xen *x)
{
	if (!x)
		return;
	if (x->clock)
		clock_free(x->clock);
	vif_free(x); /* first: a network's thread looks at the rest */
	blk_free(x);
	store_free(x->store);
	free(x->frame);
	free(x->p2m);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

/* ---- what the engine asks; a domain has no ports, devices or MSRs of a PC ---- */

static u32 pio_read(void *ctx, struct vcpu *v, u16 port, unsigned size)
{
	(void)ctx, (void)v, (void)port, (void)size;
	return UINT32_MAX;
}

static void pio_write(void *ctx, struct vcpu *v, u16 port, unsigned size, u32 val)
{
	(void)ctx, (void)v, (void)port, (void)size, (void)val;
}

static u64 mmio_read(void *ctx, struct vcpu *v, gpa_t at, unsigned size)
{
	(void)ctx, (void)v, (void)at, (void)size;
	return UINT64_MAX;
}

static void mmio_write(void *ctx, struct vcpu *v, gpa_t at, unsigned size, u64 val)
{
	(void)ctx, (void)v, (void)at, (void)size, (void)val;
}

static bool irq_pending(void *ctx, struct vcpu *v)
{
	struct xen *x = ctx;

	(void)v;
	return !x->stepping && event_pending(x);
}

static int irq_ack(void *ctx, struct vcpu *v)
{
	return irq_pending(ctx, v) ? 0xf3 : -1;
}

static bool msr_read(void *ctx, struct vcpu *v, u32 msr, u64 *ret)
{
	(void)ctx, (void)v, (void)msr, (void)ret;
	return false;
}

static bool msr_write(void *ctx, struct vcpu *v, u32 msr, u64 val)
{
	(void)ctx, (void)v, (void)msr, (void)val;
	return false;
}

static u8 cr8_read(void *ctx, struct vcpu *v)
{
	(void)ctx, (void)v;
	return 0;
}

static void cr8_write(void *ctx, struct vcpu *v, u8 val)
{
	(void)ctx, (void)v, (void)val;
}

static u64 no_hypercall(void *ctx, struct vcpu *v, u64 nr, const u64 arg[4])
{
	(void)ctx, (void)v, (void)nr, (void)arg;
	return (u64)-ENOSYS;
}

void xen_host(struct xen *x, struct engine_host *ret)
{
	*ret = (struct engine_host){
		.ctx = x, .pio_read = pio_read, .pio_write = pio_write, .mmio_read = mmio_read,
		.mmio_write = mmio_write, .irq_ack = irq_ack, .irq_pending = irq_pending,
		.msr_read = msr_read, .msr_write = msr_write, .cr8_read = cr8_read,
		.cr8_write = cr8_write, .hypercall = no_hypercall, .trap = xen_trap,
	};
}
