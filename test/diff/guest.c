/* guest.c - runs sequences in the soft engine through the interface every engine has. */
#include "guest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/mem.h"
#include "soft/soft.h"

#define RUN_LIMIT_S 3

struct guest {
	struct mem *mem;
	struct engine *engine;
	struct vcpu *v;
	u8 *frame[FRAMES];
	u8 *ram;
	u8 image[IMAGE_SIZE];
	struct guest_options o;
	pthread_t kicker;
	_Atomic bool stop, busy;
	_Atomic u32 runs; /* goes up with each sequence, so that the kicker sees one that hangs */
	_Atomic bool late;
	u32 kicks;
};

static u32 no_pio_read(void *ctx, struct vcpu *v, u16 port, unsigned size)
{
	(void)ctx, (void)v, (void)port, (void)size;
	return ~0u;
}

static void no_pio_write(void *ctx, struct vcpu *v, u16 port, unsigned size, u32 val)
{
	(void)ctx, (void)v, (void)port, (void)size, (void)val;
}

static u64 no_mmio_read(void *ctx, struct vcpu *v, gpa_t at, unsigned size)
{
	(void)ctx, (void)v, (void)at, (void)size;
	return ~0ull;
}

static void no_mmio_write(void *ctx, struct vcpu *v, gpa_t at, unsigned size, u64 val)
{
	(void)ctx, (void)v, (void)at, (void)size, (void)val;
}

static int no_irq_ack(void *ctx, struct vcpu *v)
{
	(void)ctx, (void)v;
	return -1;
}

static bool no_irq_pending(void *ctx, struct vcpu *v)
{
	(void)ctx, (void)v;
	return false;
}

static bool no_msr_read(void *ctx, struct vcpu *v, u32 msr, u64 *ret)
{
	(void)ctx, (void)v, (void)msr, (void)ret;
	return false;
}

static bool no_msr_write(void *ctx, struct vcpu *v, u32 msr, u64 val)
{
	(void)ctx, (void)v, (void)msr, (void)val;
	return false;
}

static u8 no_cr8_read(void *ctx, struct vcpu *v)
{
	(void)ctx, (void)v;
	return 0;
}

static void no_cr8_write(void *ctx, struct vcpu *v, u8 val)
{
	(void)ctx, (void)v, (void)val;
}

static u64 no_hypercall(void *ctx, struct vcpu *v, u64 nr, const u64 arg[4])
{
	(void)ctx, (void)v, (void)nr, (void)arg;
	return ~0ull;
}

static const struct engine_host no_host = {
	.pio_read = no_pio_read, .pio_write = no_pio_write,
	.mmio_read = no_mmio_read, .mmio_write = no_mmio_write,
	.irq_ack = no_irq_ack, .irq_pending = no_irq_pending,
	.msr_read = no_msr_read, .msr_write = no_msr_write,
	.cr8_read = no_cr8_read, .cr8_write = no_cr8_write,
	.hypercall = no_hypercall,
};

/* Kicks the vCPU at odd moments, and stops it when one sequence takes too long. */
static void *kicker(void *arg)
{
	struct guest *g = arg;
	u32 pause = g->o.kick_us ? g->o.kick_us : 200000, seen = 0;
	u64 waited = 0;

	while (!g->stop) {
		usleep(pause);
		waited = g->busy && g->runs == seen ? waited + pause : 0;
		seen = g->runs;
		if (waited > RUN_LIMIT_S * 1000000ull)
			g->late = true;
		if (g->o.kick_us || g->late)
			vcpu_post(g->v, EV_STOP);
		if (waited > 2 * RUN_LIMIT_S * 1000000ull)
			abort(); /* it does not even see the kick */
	}
	return NULL;
}

int guest_new(const struct guest_options *o, struct guest **ret, struct err *e)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct engine_config c = { .host = no_host, .ncpus = 1, .single_step = o->single_step,
				   .debug_exceptions = o->log };
	int rc;

	BUG_ON(!g);
	g->o = *o;
	rc = mem_new(GUEST_RAM, &g->mem, e);
	if (rc)
		goto fail;
	c.precise = o->precise;
	c.mem = g->mem;
	rc = soft_ops.new(&c, &g->engine, e);
	if (rc)
		goto fail;
	rc = soft_ops.vcpu_new(g->engine, 0, &g->v, e);
	if (rc)
		goto fail;
	g->ram = mem_host_w(g->mem, GPA(0), GUEST_RAM);
	for (unsigned i = 0; i < FRAMES; i++)
		g->frame[i] = g->ram + guest_frame_at(i);
	guest_set_up(g->ram, g->v);
	pthread_create(&g->kicker, NULL, kicker, g);
	*ret = g;
	return 0;
fail:
	guest_free(g);
	return rc;
}

void guest_free(struct guest *g)
{
	if (!g)
		return;
	g->stop = true;
	if (g->kicker)
		pthread_join(g->kicker, NULL);
	if (g->v)
		soft_ops.vcpu_free(g->v);
	if (g->engine)
		soft_ops.free(g->engine);
	mem_free(g->mem);
	free(g);
}

static void load_memory(struct guest *g, const struct seq *q, bool again)
{
	image_fill(g->image, q->salt, q->code, q->code_at, q->code_len);
	for (unsigned i = 0; i < FRAMES; i++) {
		bool code = frames[i].area == AREA_CODE;
		const u8 *from = g->image + i * GUEST_PAGE_SIZE;

		if (again && code && !memcmp(g->frame[i], from, GUEST_PAGE_SIZE))
			continue;
		memcpy(g->frame[i], from, GUEST_PAGE_SIZE);
		if (code)
			mem_written(g->mem, GPA(guest_frame_at(i)), GUEST_PAGE_SIZE);
	}
}

static void load_state(struct guest *g, const struct state *s)
{
	struct vcpu *v = g->v;

	memcpy(v->gpr, s->gpr, sizeof(v->gpr));
	v->rip = s->rip;
	v->rflags = s->flags;
	for (unsigned i = 0; i < SEG_N; i++)
		v->seg[i] = guest_seg(s->sel[i]);
	v->seg[SEG_FS].base = s->fsbase;
	v->seg[SEG_GS].base = s->gsbase;
	v->cpl = 3;
	v->cr2 = 0;
	v->dr[6] = 0xffff0ff0;
	v->dr[7] = 0x400;
	memset(v->xsave, 0, XSAVE_SIZE);
	memcpy(v->xsave, s->xsave, STATE_XSAVE);
	v->state = VCPU_RUNNING;
	soft_ops.put_state(v);
}

/* The frame that the exception pushed, error code (if any) first. */
static bool read_frame(struct guest *g, struct outcome *out)
{
	struct vcpu *v = g->v;
	u64 base = SUP_VA + HANDLERS_AT, f[6] = { 0 };
	bool error;

	if (v->rip <= base || v->rip > base + 256 * 16 || (v->rip - base) % 16 != 1)
		return false;
	out->vec = (u8)((v->rip - base) / 16);
	error = SUP_VA + STACK_AT - v->gpr[RSP] == 48;
	if (v->gpr[RSP] - SUP_VA > STACK_AT - 40)
		return false;
	memcpy(f, g->ram + (v->gpr[RSP] - SUP_VA), error ? 48 : 40);
	out->error = error ? (u32)f[0] : 0;
	out->state.rip = f[error];
	out->state.sel[SEG_CS] = (u16)f[error + 1];
	out->state.flags = f[error + 2];
	out->state.gpr[RSP] = f[error + 3];
	out->state.sel[SEG_SS] = (u16)f[error + 4];
	return true;
}

static void save_state(struct guest *g, struct outcome *out)
{
	struct vcpu *v = g->v;

	soft_ops.get_state(v);
	memcpy(out->state.gpr, v->gpr, sizeof(v->gpr));
	out->cr2 = v->cr2;
	out->state.fsbase = v->seg[SEG_FS].base;
	out->state.gsbase = v->seg[SEG_GS].base;
	for (unsigned i = 0; i < SEG_N; i++)
		out->state.sel[i] = v->seg[i].sel;
	memcpy(out->state.xsave, v->xsave, STATE_XSAVE);
	if (!read_frame(g, out))
		out->status = OUT_ERROR;
	for (unsigned i = 0; i < FRAMES; i++)
		memcpy(out->image + i * GUEST_PAGE_SIZE, g->frame[i], GUEST_PAGE_SIZE);
}

/* What a debugger does to a stopped vCPU; it drops whatever the engine had cached. */
static void round_trip(struct vcpu *v)
{
	soft_ops.get_state(v);
	soft_ops.put_state(v);
}

void guest_run(struct guest *g, const struct seq *q, bool again, struct outcome *out)
{
	enum run_exit why = RUN_EVENT;
	struct err e = { "" };

	load_memory(g, q, again);
	load_state(g, &q->init);
	g->late = false;
	g->runs++;
	g->busy = true;
	while (why == RUN_EVENT && !g->late) {
		atomic_fetch_and(&g->v->events, ~(u32)EV_STOP);
		why = soft_ops.run(g->v, &e);
		if (why == RUN_EVENT && g->kicks++ % 2)
			round_trip(g->v);
	}
	g->busy = false;
	out->status = why == RUN_HALT ? OUT_FAULT : why == RUN_EVENT ? OUT_TIMEOUT : OUT_ERROR;
	if (why == RUN_ERROR)
		fprintf(stderr, "diff: the engine gave up: %s\n", e.text);
	if (out->status == OUT_FAULT)
		save_state(g, out);
}
