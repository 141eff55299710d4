/* event.c - event channels: ports that are pending or masked, and the upcall into the guest. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>
#include <xen/event_channel.h>

/*H:400 One interrupt for everything
 * A domain has no interrupt controller. It has a page that it shares with Xen, with a bit for each port
 * that is pending and one for each that is masked, and one callback. Xen sets a bit and calls back; the
 * guest looks for the bits. When upcalls are masked nothing is called, and the guest that unmasks them
 * has to look by itself.
 * @test xen-example
 */
#define BITS 64

struct shared_info *shared_info(struct xen *x)
{
	return (struct shared_info *)(void *)frame_host(x, x->shared_mfn);
}

struct vcpu_info *vcpu_info(struct xen *x)
{
	return (struct vcpu_info *)(void *)mem_host(x->mem, x->vcpu_info, sizeof(struct vcpu_info));
}

static bool bit_get(xen_ulong_t *map, u32 port)
{
	return __atomic_load_n(&map[port / BITS], __ATOMIC_SEQ_CST) >> port % BITS & 1;
}

static bool bit_set(xen_ulong_t *map, u32 port)
{
	u64 bit = 1ull << port % BITS;

	return __atomic_fetch_or(&map[port / BITS], bit, __ATOMIC_SEQ_CST) & bit;
}

static bool bit_clear(xen_ulong_t *map, u32 port)
{
	u64 bit = 1ull << port % BITS;

	return __atomic_fetch_and(&map[port / BITS], ~bit, __ATOMIC_SEQ_CST) & bit;
}

/* The upcall is due: tell the processor's thread. */
static void upcall(struct xen *x, u32 port)
{
	struct vcpu_info *i = vcpu_info(x);

	__atomic_fetch_or(&i->evtchn_pending_sel, 1ull << port / BITS, __ATOMIC_SEQ_CST);
	__atomic_store_n(&i->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
	if (x->v)
		vcpu_post(x->v, EV_IRQ);
}

void event_set(struct xen *x, u32 port)
{
	struct shared_info *s = shared_info(x);

	if (!bit_set(s->evtchn_pending, port) && !bit_get(s->evtchn_mask, port))
		upcall(x, port);
}

/* After the guest's vcpu_info moved: whatever is pending is looked for again. */
void upcall_all(struct xen *x)
{
	for (u32 word = 0; word < CHANNELS / BITS; word++)
		upcall(x, word * BITS);
}

void event_virq(struct xen *x, u32 virq)
{
	for (u32 p = 1; p < CHANNELS; p++)
		if (x->channel[p].state == CH_VIRQ && x->channel[p].virq == virq)
			event_set(x, p);
}

bool event_pending(struct xen *x)
{
	const struct vcpu_info *i = vcpu_info(x);

	return __atomic_load_n(&i->evtchn_upcall_pending, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&i->evtchn_upcall_mask, __ATOMIC_SEQ_CST);
}

bool event_deliver(struct xen *x)
{
	if (!event_pending(x) || !x->event_entry)
		return false;
	bounce(x, x->event_entry, true, NULL, x->v->rip);
	return true;
}

static int port_free(struct xen *x)
{
	for (u32 p = 1; p < CHANNELS; p++)
		if (x->channel[p].state == CH_FREE)
			return (int)p;
	return -ENOSPC;
}

u32 event_back_end(struct xen *x, void (*notify)(struct xen *, void *), void *ctx)
{
	int p = port_free(x);

	BUG_ON(p < 0);
	x->channel[p] = (struct channel){ CH_BACK_END, 0, notify, ctx };
	return (u32)p;
}

bool event_take_over(struct xen *x, u32 port, void (*notify)(struct xen *, void *), void *ctx)
{
	if (!port || port >= CHANNELS || x->channel[port].state != CH_UNBOUND)
		return false;
	x->channel[port] = (struct channel){ CH_BACK_END, 0, notify, ctx };
	return true;
}

void event_release(struct xen *x, u32 port)
{
	if (port && port < CHANNELS && x->channel[port].state == CH_BACK_END)
		x->channel[port] = (struct channel){ .state = CH_UNBOUND };
}

/* ---- the hypercall ---- */

static int send(struct xen *x, u32 port)
{
	struct channel *c = port < CHANNELS ? &x->channel[port] : NULL;

	if (!c || c->state == CH_FREE)
		return -EINVAL;
	if (c->state == CH_IPI)
		event_set(x, port);
	else if (c->state == CH_BACK_END && c->notify)
		c->notify(x, c->ctx);
	return 0;
}

static int bind(struct xen *x, enum channel_state state, u32 virq, u32 *ret)
{
	int p = port_free(x);

	if (p < 0)
		return p;
	x->channel[p] = (struct channel){ .state = (u8)state, .virq = virq };
	*ret = (u32)p;
	return 0;
}

static int bind_virq(struct xen *x, u32 virq, u32 *ret)
{
	if (virq >= NR_VIRQS)
		return -EINVAL;
	for (u32 p = 1; p < CHANNELS; p++)
		if (x->channel[p].state == CH_VIRQ && x->channel[p].virq == virq)
			return -EEXIST;
	return bind(x, CH_VIRQ, virq, ret);
}

static int close_port(struct xen *x, u32 port)
{
	if (!port || port >= CHANNELS || x->channel[port].state == CH_FREE)
		return -EINVAL;
	x->channel[port] = (struct channel){ 0 };
	bit_clear(shared_info(x)->evtchn_pending, port);
	return 0;
}

static int unmask(struct xen *x, u32 port)
{
	struct shared_info *s = shared_info(x);

	if (port >= CHANNELS)
		return -EINVAL;
	if (bit_clear(s->evtchn_mask, port) && bit_get(s->evtchn_pending, port))
		upcall(x, port);
	return 0;
}

static int status(struct xen *x, struct evtchn_status *s)
{
	static const u32 states[] = { EVTCHNSTAT_closed, EVTCHNSTAT_unbound, EVTCHNSTAT_interdomain,
				      EVTCHNSTAT_virq, EVTCHNSTAT_ipi };

	if (s->port >= CHANNELS || (s->dom != DOMID_SELF && s->dom != DOMID))
		return -EINVAL;
	s->status = states[x->channel[s->port].state];
	s->vcpu = 0;
	s->u.virq = x->channel[s->port].virq;
	return 0;
}

union op {
	struct evtchn_alloc_unbound alloc;
	struct evtchn_bind_interdomain inter;
	struct evtchn_bind_virq virq;
	struct evtchn_bind_ipi ipi;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_bind_vcpu vcpu;
	struct evtchn_unmask unmask;
};

/* How many bytes each command has, and whether some of them are its answer. */
static const struct {
	u8 len;
	bool answers;
} sizes[] = {
	[EVTCHNOP_bind_interdomain] = { sizeof(struct evtchn_bind_interdomain), true },
	[EVTCHNOP_bind_virq] = { sizeof(struct evtchn_bind_virq), true },
	[EVTCHNOP_close] = { sizeof(struct evtchn_close), false },
	[EVTCHNOP_send] = { sizeof(struct evtchn_send), false },
	[EVTCHNOP_status] = { sizeof(struct evtchn_status), true },
	[EVTCHNOP_alloc_unbound] = { sizeof(struct evtchn_alloc_unbound), true },
	[EVTCHNOP_bind_ipi] = { sizeof(struct evtchn_bind_ipi), true },
	[EVTCHNOP_bind_vcpu] = { sizeof(struct evtchn_bind_vcpu), false },
	[EVTCHNOP_unmask] = { sizeof(struct evtchn_unmask), false },
};

static int run(struct xen *x, unsigned cmd, union op *o)
{
	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		return o->alloc.dom != DOMID_SELF && o->alloc.dom != DOMID ? -EPERM :
		       bind(x, CH_UNBOUND, 0, &o->alloc.port);
	case EVTCHNOP_bind_virq:
		return o->virq.vcpu ? -ENOENT : bind_virq(x, o->virq.virq, &o->virq.port);
	case EVTCHNOP_bind_ipi:
		return o->ipi.vcpu ? -ENOENT : bind(x, CH_IPI, 0, &o->ipi.port);
	case EVTCHNOP_close: return close_port(x, o->close.port);
	case EVTCHNOP_send: return send(x, o->send.port);
	case EVTCHNOP_status: return status(x, &o->status);
	case EVTCHNOP_bind_vcpu: return o->vcpu.vcpu ? -ENOENT : 0;
	case EVTCHNOP_unmask: return unmask(x, o->unmask.port);
	}
	return -EINVAL; /* there is no other domain to bind to */
}

i64 hc_event(struct xen *x, const u64 a[6])
{
	unsigned cmd = (unsigned)a[0];
	union op o;
	int rc;

	memset(&o, 0, sizeof(o));
	if (cmd >= ARRAY_SIZE(sizes) || !sizes[cmd].len)
		return -ENOSYS;
	if (guest_read(x, a[1], &o, sizes[cmd].len))
		return -EFAULT;
	pthread_mutex_lock(&x->lock);
	rc = run(x, cmd, &o);
	pthread_mutex_unlock(&x->lock);
	if (!rc && sizes[cmd].answers && guest_write(x, a[1], &o, sizes[cmd].len))
		rc = -EFAULT;
	return rc;
}

/* The old form: command and arguments in one structure. */
i64 hc_event_old(struct xen *x, const u64 a[6])
{
	u64 now[6] = { 0, a[0] + 8 };
	u32 cmd;

	if (GUEST_READ(x, a[0], &cmd))
		return -EFAULT;
	now[0] = cmd;
	return hc_event(x, now);
}
