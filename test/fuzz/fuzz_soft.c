/* fuzz_soft.c - random bytes as a guest's code, in every mode and privilege, on the translator: it
 * may not crash or hang, and must do what its own single-step mode does. */
/* @links src/base src/mem src/x86 src/soft */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "soft/soft.h"
#include "soft/state.h"

/*
 * The input: how the machine starts (struct start), then code. The guest's memory is one megabyte:
 * tables, handlers, the code, pages of every kind, stacks; what lies above is a device that answers
 * by its address. Tables are where the guest can write them.
 */
#define RAM MIB(1)
#define STEPS 400 /* instructions of a deterministic run */
#define TURNS 40  /* calls of run() */
#define LATE_US 1000000

enum {
	IVT = 0, PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000, PT_DEVICE = 0x5000, PD32 = 0x6000,
	PT32 = 0x7000, GDT = 0x8000, LDT = 0x8800, IDT = 0x9000, IDT32 = 0xa000, TSS = 0xb000,
	HANDLERS = 0xe000, CODE = 0x10000, DATA = 0x20000, STACK = 0x40000, LAST = RAM - 0x1000,
};
enum { S_CODE64 = 0x08, S_CODE32 = 0x10, S_CODE16 = 0x18, S_DATA = 0x20, S_UCODE64 = 0x2b, S_UCODE32 = 0x33,
       S_UCODE16 = 0x3b, S_UDATA = 0x43, S_SMALL = 0x48, S_TSS = 0x50, S_GATE = 0x63, S_LDT = 0x70 };

enum start_mode { REAL, V86, PROT16, PROT32, PAGED32, USER32, LONG, LONG_USER, COMPAT32, COMPAT16, MODES };

struct start {
	u8 mode, place, handler, flags, cr, dr, irq, kick;
	u8 gpr[16];
	u8 data;
};

struct guest {
	struct mem *mem;
	struct engine *en;
	struct vcpu *v;
	u8 *ram;
	u64 end, irq_at;
	bool irq;
};

static struct guest normal, det, step;
static u8 image[RAM];
static struct sigaction engine_action[32];
static _Atomic unsigned kick_us, busy_us;
static _Atomic bool late;

/* ---- the board ---- */

static u64 device(u64 at) { return at * 0x9e3779b97f4a7c15ull; }
static u32 pio_read(void *ctx, struct vcpu *v, u16 port, unsigned size)
{
	(void)ctx, (void)v, (void)size;
	return (u32)device(port);
}
static void pio_write(void *ctx, struct vcpu *v, u16 port, unsigned size, u32 val)
{
	(void)ctx, (void)v, (void)port, (void)size, (void)val;
}
static u64 mmio_read(void *ctx, struct vcpu *v, gpa_t at, unsigned size)
{
	(void)ctx, (void)v, (void)size;
	return device(at.at);
}
static void mmio_write(void *ctx, struct vcpu *v, gpa_t at, unsigned size, u64 val)
{
	(void)ctx, (void)v, (void)at, (void)size, (void)val;
}
static int irq_ack(void *ctx, struct vcpu *v)
{
	struct guest *g = ctx;
	int vec = g->irq ? 0x20 : -1;

	(void)v;
	g->irq = false;
	return vec;
}
static bool irq_pending(void *ctx, struct vcpu *v)
{
	(void)v;
	return ((struct guest *)ctx)->irq;
}
static bool msr_read(void *ctx, struct vcpu *v, u32 msr, u64 *ret)
{
	(void)ctx, (void)v;
	*ret = msr;
	return msr & 1;
}
static bool msr_write(void *ctx, struct vcpu *v, u32 msr, u64 val)
{
	(void)ctx, (void)v, (void)val;
	return msr & 1;
}
static u8 cr8_read(void *ctx, struct vcpu *v) { return (void)ctx, (void)v, 3; }
static void cr8_write(void *ctx, struct vcpu *v, u8 val) { (void)ctx, (void)v, (void)val; }
static u64 hypercall(void *ctx, struct vcpu *v, u64 nr, const u64 arg[4])
{
	return (void)ctx, (void)v, nr + arg[0];
}
static void digest(void *ctx, struct vcpu *v, u64 n) { (void)ctx, (void)v, (void)n; }

static u64 advance(void *ctx, struct vcpu *v, u64 n)
{
	struct guest *g = ctx;

	if (n >= g->end)
		vcpu_post(v, EV_STOP);
	if (n < g->irq_at)
		return g->irq_at < g->end ? g->irq_at : g->end;
	if (g->irq_at) {
		g->irq = true;
		vcpu_post(v, EV_IRQ);
	}
	g->irq_at = 0;
	return n < g->end ? g->end : UINT64_MAX;
}

static void guest_make(struct guest *g, bool deterministic, bool single)
{
	struct engine_config c = {
		.host = { g, pio_read, pio_write, mmio_read, mmio_write, irq_ack, irq_pending, msr_read,
			  msr_write, cr8_read, cr8_write, hypercall, digest, deterministic ? advance : NULL },
		.ncpus = 1, .deterministic = deterministic, .single_step = single,
	};
	struct err e = { "" };

	if (mem_new(RAM, &g->mem, &e))
		abort();
	c.mem = g->mem;
	if (soft_ops.new(&c, &g->en, &e) || soft_ops.vcpu_new(g->en, 0, &g->v, &e)) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	g->ram = mem_host_w(g->mem, GPA(0), RAM);
}

/* ---- memory at the start ---- */

static void put(u64 at, u64 val, unsigned len) { memcpy(image + at, &val, len); }

static u64 descriptor(u64 base, u64 limit, u64 attr)
{
	return (limit & 0xffff) | (base & 0xffffff) << 16 | (attr & 0xf0ff) << 40 | (limit >> 16 & 15) << 48 |
	       base >> 24 << 56;
}

/* Pages of the data area, by number: what is special about them. */
static const u64 page_bits[16] = {
	[0] = 7, [1] = 5, [2] = 0, [3] = 3, [4] = 7 | 1ull << 63, [5] = 7, [6] = 7, [7] = 7, [8] = 0x27, [9] = 0x67,
	[10] = 7, [11] = 1, [12] = 0x107, [13] = 7 | 1ull << 51, [14] = 0x1f, [15] = 7,
};

static u64 page_at(unsigned i)
{
	u64 at = i * 4096ull;

	if (i == DATA / 4096 + 5)
		return RAM + 0x5000; /* a device */
	if (i == DATA / 4096 + 6)
		return CODE;
	if (i == DATA / 4096 + 7)
		return PT;
	if (i == 511)
		return LAST;
	return at;
}

static void paging_image(void)
{
	static const u64 top[] = { 0, 255, 256, 511 };

	for (unsigned i = 0; i < 4; i++) {
		put(PML4 + 8 * top[i], PDPT | 7, 8);
		put(PDPT + 8 * (i == 3 ? 511 : i), PD | 7, 8);
	}
	put(PDPT, PD | 7, 8);
	put(PDPT + 8, 0x80 | 7, 8); /* 1 GiB */
	put(PD, PT | 7, 8);
	put(PD + 8, PT_DEVICE | 7, 8);
	put(PD + 16, 0x80 | 7, 8);                /* 2 MiB */
	put(PD + 24, 0x80 | 7 | RAM * 8, 8);      /* and of device */
	put(PD + 8 * 511, PT | 7, 8);
	put(PD32, PT32 | 7, 4);
	put(PD32 + 4, 0x80 | 7, 4);
	put(PD32 + 4092, PT32 | 7, 4);
	for (unsigned i = 0; i < 512; i++) {
		bool data = i >= DATA / 4096 && i < DATA / 4096 + 16;
		u64 bits = data ? page_bits[i - DATA / 4096] : 7;

		put(PT + 8 * i, page_at(i) | bits, 8);
		put(PT_DEVICE + 8 * i, (MIB(16) + i * 4096) | 7, 8);
		put(PT32 + 4 * i, (u32)(page_at(i) | (bits & 0xfff)), 4);
	}
}

static void tables_image(void)
{
	u64 user = 3 << SEG_DPL_SHIFT, code = SEG_P | SEG_S | 0xb, data = SEG_P | SEG_S | 3;

	put(GDT + S_CODE64, descriptor(0, 0xfffff, code | SEG_L | SEG_G), 8);
	put(GDT + S_CODE32, descriptor(0, 0xfffff, code | SEG_DB | SEG_G), 8);
	put(GDT + S_CODE16, descriptor(0, 0xfffff, code), 8);
	put(GDT + S_DATA, descriptor(0, 0xfffff, data | SEG_DB | SEG_G), 8);
	put(GDT + (S_UCODE64 & ~7), descriptor(0, 0xfffff, code | user | SEG_L | SEG_G), 8);
	put(GDT + (S_UCODE32 & ~7), descriptor(0, 0xfffff, code | user | SEG_DB | SEG_G), 8);
	put(GDT + (S_UCODE16 & ~7), descriptor(0, 0x1ffff, code | user), 8);
	put(GDT + (S_UDATA & ~7), descriptor(0, 0xfffff, data | user | SEG_DB | SEG_G), 8);
	put(GDT + S_SMALL, descriptor(DATA, 0x7ff, data | user | SEG_DB | 4), 8); /* expand-down */
	put(GDT + S_TSS, descriptor(TSS, 0x2067, SEG_P | 0xb), 8);
	put(GDT + (S_GATE & ~7), HANDLERS | S_CODE64 << 16 | 0xec00ull << 32, 8);
	put(GDT + S_LDT, descriptor(LDT, 0x7f, SEG_P | 2), 8);
	put(LDT + 8, descriptor(DATA, 0xfff, data | user), 8);
	put(LDT + 16, descriptor(CODE, 0xfff, code | user | SEG_DB), 8);
	put(TSS + 4, STACK + 0x8000, 8);
	put(TSS + 8, S_DATA, 4);
	put(TSS + 0x24, STACK + 0x9000, 8); /* IST 1 */
	put(TSS + 102, 0x68, 2);
}

static bool has_error(unsigned vec) { return vec == 8 || (vec >= 10 && vec <= 14) || vec == 17; }

/* Handlers: stop, go back, or skip a byte and go back. Sixteen bytes each. */
static void handler_image(unsigned vec, u8 kind, unsigned word)
{
	u8 *h = image + HANDLERS + 16 * vec;
	bool wide = word == 8;

	if (kind % 4 == 0) {
		*h = 0xf4;
		return;
	}
	if (wide)
		*h++ = 0x48;
	memcpy(h, "\x8d\x64\x24", 3); /* lea error code's size(%rsp), %rsp */
	h += 3;
	*h++ = has_error(vec) && word != 2 ? (u8)word : 0;
	if (kind % 4 > 1) {
		memcpy(h, "\xff\x04\x24", 3); /* incl (%rsp) */
		h += 3;
	}
	if (wide)
		*h++ = 0x48;
	*h = 0xcf;
}

static void handlers_image(enum start_mode mode, u8 kind)
{
	bool lng = mode >= LONG;

	for (unsigned i = 0; i < 256; i++) {
		u64 at = HANDLERS + 16 * i, sel = lng ? S_CODE64 : S_CODE32;
		u64 type = 0x8e00 | (i == 3 || i == 4 || i == 0x80 ? 0x6000 : 0) | (i & 1) << 8;
		u64 gate = (at & 0xffff) | sel << 16 | type << 32 | at >> 16 << 48;

		put(IVT + 4 * i, (u32)(at >> 4 << 16), 4);
		put(IDT + 16 * i, gate | (i == 8 ? 1ull << 32 : 0), 8);
		put(IDT32 + 8 * i, gate, 8);
		handler_image(i, kind, lng ? 8 : mode == REAL ? 2 : 4);
	}
}

/* ---- registers at the start ---- */

static const u64 values[] = {
	DATA, DATA + 8, DATA + 0x7fc, DATA + 0xffd, DATA + 0x1004, DATA + 0x1fff, DATA + 0x3010, DATA + 0x4020,
	DATA + 0x5ffc, DATA + 0x6000, DATA + 0x7108, DATA + 0xaffe, CODE, CODE + 0x20, STACK, STACK + 0x4000,
	LAST + 0xff8, RAM - 1, RAM, RAM + 0x5000, MIB(4) + DATA, MIB(2) - 4, 0, 1, 2, 4, 16, 63, 0x7f, 0x80, 0xff,
	0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff, 0x7fffffffffff, 0x800000000000,
	0xffff800000000000, 0xffffffffffe21000, ~0ull, ~0ull - 7, 1ull << 63, 0x7ffffffff000 + DATA,
	PT + 0x100, GDT, IDT, TSS, GIB(1), S_DATA, S_UDATA, S_SMALL, S_CODE64, 0xf, 0x1f80, 0x37f, 0x10, 3,
};

static void seg_put(struct seg *g, u16 sel)
{
	u64 d;

	memcpy(&d, image + GDT + (sel & 0xfff8), 8);
	g->sel = sel;
	g->attr = (u16)(d >> 40) & 0xf0ff;
	g->base = (d >> 16 & 0xffffff) | d >> 56 << 24;
	g->limit = (d & 0xffff) | (u32)(d >> 48 & 15) << 16;
	if (g->attr & SEG_G)
		g->limit = g->limit << 12 | 0xfff;
}

static void segs_put(struct vcpu *v, u16 cs, u16 data)
{
	for (unsigned i = 0; i < SEG_N; i++)
		seg_put(&v->seg[i], i == SEG_CS ? cs : data);
	v->cpl = cs & 3;
	seg_put(&v->tr, S_TSS);
	seg_put(&v->ldt, S_LDT);
}

static void segs_real(struct vcpu *v, u16 attr, u16 sel)
{
	for (unsigned i = 0; i < SEG_N; i++)
		v->seg[i] = (struct seg){ (u16)(i == SEG_CS ? CODE >> 4 : sel), attr, 0xffff,
					  i == SEG_CS ? CODE : (u64)sel << 4 };
}

static void mode_put(struct vcpu *v, enum start_mode mode)
{
	static const u16 cs[MODES] = { [PROT16] = S_CODE16, [PROT32] = S_CODE32, [PAGED32] = S_CODE32,
				       [USER32] = S_UCODE32, [LONG] = S_CODE64, [LONG_USER] = S_UCODE64,
				       [COMPAT32] = S_UCODE32, [COMPAT16] = S_UCODE16 };

	v->cr0 = CR0_ET | CR0_NE | CR0_MP | (mode == REAL ? 0 : CR0_PE);
	v->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_PSE | CR4_FSGSBASE;
	v->xcr0 = 7;
	v->idt = (struct dtr){ mode >= LONG ? IDT : mode == REAL ? IVT : IDT32, 0xfff };
	v->gdt = (struct dtr){ GDT, 0x7f };
	if (mode == V86 || mode == PAGED32 || mode == USER32 || mode >= LONG)
		v->cr0 |= CR0_PG;
	v->cr3 = mode >= LONG ? PML4 : PD32;
	if (mode >= LONG) {
		v->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
		v->cr4 |= CR4_PAE;
	}
	v->star = (u64)S_CODE64 << 32 | (u64)(S_UCODE32 - 16) << 48;
	v->lstar = v->cstar = HANDLERS + 0x800;
	segs_put(v, cs[mode] ? cs[mode] : S_CODE32, cs[mode] & 3 ? S_UDATA : S_DATA);
	if (mode == REAL)
		segs_real(v, SEG_P | SEG_S | 3, DATA >> 4);
	if (mode == V86) {
		segs_real(v, SEG_P | SEG_S | SEG_DPL | 3, DATA >> 4);
		v->rflags |= FL_VM;
		v->cpl = 3;
	}
}

static void flags_put(struct vcpu *v, const struct start *st)
{
	static const u64 cr0[8] = { 0, CR0_TS, CR0_WP, CR0_AM, CR0_EM, CR0_AM | CR0_WP, 0, CR0_TS | CR0_WP };
	static const u64 cr4[8] = { 0, CR4_SMAP | CR4_SMEP, CR4_TSD, CR4_DE, CR4_UMIP, CR4_PGE, CR4_PCE, 0 };

	v->rflags |= FL_1 | (st->flags & 1 ? FL_IF : 0) | (st->flags & 2 ? FL_AC : 0) | (st->flags & 4 ? FL_DF : 0) |
		     (st->flags & 8 ? FL_IOPL : 0) | (st->flags & 16 ? FL_TF : 0) | (st->flags & 32 ? FL_ARITH : 0) |
		     (st->flags & 64 ? FL_NT : 0);
	v->cr0 |= cr0[st->cr & 7];
	v->cr4 |= cr4[st->cr >> 3 & 7];
	if (st->cr & 64)
		v->cr4 &= ~(u64)CR4_OSXSAVE;
	if (st->cr & 128)
		v->cr4 &= ~(u64)CR4_OSFXSR;
	v->dr[7] = 0x400;
	if (st->dr) {
		v->dr[7] |= (u64)st->dr << 16 | 0x0f00000f;
		for (unsigned i = 0; i < 4; i++)
			v->dr[i] = values[(st->dr + i) % ARRAY_SIZE(values)];
	}
}

static void guest_start(struct guest *g, const struct start *st, u64 at)
{
	enum start_mode mode = st->mode % MODES;
	struct vcpu *v = g->v;

	vcpu_reset(v);
	v->events = 0;
	mode_put(v, mode);
	flags_put(v, st);
	for (unsigned i = 0; i < 16; i++)
		v->gpr[i] = values[st->gpr[i] % ARRAY_SIZE(values)];
	if (st->gpr[RSP] & 0x80)
		v->gpr[RSP] = mode <= V86 ? 0x8000 : STACK + 0x4000;
	v->rip = mode <= V86 ? at - CODE : at;
	v->tsc_offset = 0;
	for (u64 p = 0; p < RAM; p += 4096)
		if (memcmp(g->ram + p, image + p, 4096)) {
			memcpy(g->ram + p, image + p, 4096);
			mem_written(g->mem, GPA(p), 4096);
		}
	g->irq = false;
	soft_ops.put_state(v);
}

/* ---- runs ---- */

static enum run_exit guest_run(struct guest *g)
{
	enum run_exit why = RUN_EVENT;
	struct err e;

	for (unsigned i = 0; i < TURNS && !late; i++) {
		why = soft_ops.run(g->v, &e);
		if (why != RUN_HALT || !(g->v->rflags & FL_IF))
			break;
	}
	return why;
}

static enum run_exit counted_run(struct guest *g, const struct start *st, u64 at)
{
	u64 now = soft_ops.icount(g->v);

	guest_start(g, st, at);
	g->v->tsc_offset = -now; /* the TSC counts instructions: begin each run alike */
	soft_ops.put_state(g->v);
	g->end = now + STEPS;
	g->irq_at = st->irq ? now + st->irq : 0;
	return guest_run(g);
}

static void component(const struct vcpu *v, unsigned c, u8 *ret)
{
	static const struct { u16 at, len; } part[] = { { 32, 128 }, { 160, 256 }, { 576, 256 } };

	memset(ret, 0, 256);
	if (v->xsave[512] >> c & 1)
		memcpy(ret, v->xsave + part[c].at, part[c].len);
}

static bool same_vectors(const struct vcpu *a, const struct vcpu *b)
{
	u8 x[256], y[256];

	for (unsigned c = 0; c < 3; c++) {
		component(a, c, x);
		component(b, c, y);
		if (memcmp(x, y, sizeof(x)))
			return false;
	}
	return true;
}

static void differs(const char *what)
{
	const struct vcpu *a = det.v, *b = step.v;

	fprintf(stderr, "%s differs\n         translated       single-stepped\n", what);
	for (unsigned i = 0; i < 16; i++)
		fprintf(stderr, "gpr %2u   %016llx %016llx\n", i, (unsigned long long)a->gpr[i],
			(unsigned long long)b->gpr[i]);
	fprintf(stderr, "rip      %016llx %016llx\nflags    %016llx %016llx\ncs %x %x cpl %u %u\n",
		(unsigned long long)a->rip, (unsigned long long)b->rip, (unsigned long long)a->rflags,
		(unsigned long long)b->rflags, a->seg[SEG_CS].sel, b->seg[SEG_CS].sel, a->cpl, b->cpl);
	for (u64 i = 0; i < RAM; i++)
		if (det.ram[i] != step.ram[i]) {
			fprintf(stderr, "memory at %llx: %02x %02x\n", (unsigned long long)i, det.ram[i], step.ram[i]);
			break;
		}
	abort();
}

static void compare(enum run_exit a, enum run_exit b)
{
	struct vcpu *x = det.v, *y = step.v;

	if (memcmp(x->gpr, y->gpr, sizeof(x->gpr)))
		differs("a register");
	if (x->rip != y->rip || x->rflags != y->rflags || x->cpl != y->cpl)
		differs("rip or flags");
	if (a != b)
		differs("the end");
	for (unsigned i = 0; i < SEG_N; i++)
		if (x->seg[i].sel != y->seg[i].sel || x->seg[i].attr != y->seg[i].attr ||
		    x->seg[i].base != y->seg[i].base || x->seg[i].limit != y->seg[i].limit)
			differs("a segment");
	if (x->cr0 != y->cr0 || x->cr2 != y->cr2 || x->cr3 != y->cr3 || x->cr4 != y->cr4 || x->efer != y->efer ||
	    memcmp(x->dr, y->dr, sizeof(x->dr)))
		differs("a control register");
	if (!same_vectors(x, y))
		differs("a vector");
	if (memcmp(det.ram, step.ram, RAM))
		differs("memory");
}

/* Stops what runs too long. */
static void *kicker(void *arg)
{
	(void)arg;
	for (;;) {
		unsigned us = kick_us ? kick_us : 1000;

		usleep(us);
		vcpu_post(normal.v, EV_STOP);
		busy_us += us + 100;
		if (busy_us > LATE_US) { /* a string instruction of 2^32 iterations, say */
			late = true;
			vcpu_post(det.v, EV_STOP);
			vcpu_post(step.v, EV_STOP);
		}
	}
	return NULL;
}

/* A fault of ours is one for libFuzzer, which keeps the input. */
static void on_signal(int sig, siginfo_t *si, void *context)
{
	u64 pc = (u64)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	const struct guest *all[] = { &normal, &det, &step };

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		const struct soft *so = container_of(all[i]->en, struct soft, en);

		if (pc - (u64)(uintptr_t)so->code_rx < CACHE_SIZE) {
			engine_action[sig].sa_sigaction(sig, si, context);
			return;
		}
	}
	fprintf(stderr, "signal %d at %llx, address %p\n", sig, (unsigned long long)pc, si->si_addr);
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const int sigs[] = { SIGSEGV, SIGFPE, SIGILL, SIGBUS };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	pthread_t thread;

	(void)argc, (void)argv;
	guest_make(&normal, false, false);
	guest_make(&det, true, false);
	guest_make(&step, true, true);
	for (unsigned i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, &engine_action[sigs[i]]);
	pthread_create(&thread, NULL, kicker, NULL);
	return 0;
}

static const char *const asan = "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:detect_leaks=0";
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return asan; }

/* Where the code begins: at its page, across a page's end, at the last bytes of memory. */
static u64 place(const struct start *st, size_t len)
{
	switch (st->place % 4) {
	case 1:
		return CODE + 0x1000 - (st->place >> 2) % 32;
	case 2:
		return RAM - len;
	case 3:
		return DATA + (st->place >> 2) * 16;
	default:
		return CODE + st->place / 4;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct start st;
	enum run_exit a, b;
	u64 at;

	if (size <= sizeof(st) || size > sizeof(st) + 2048)
		return -1;
	memcpy(&st, data, sizeof(st));
	size -= sizeof(st);
	at = place(&st, size);
	if (st.mode % MODES <= V86 && at >= CODE + 0x10000)
		at = CODE;
	memset(image, 0, sizeof(image));
	memset(image + DATA, st.data, 0x10000);
	paging_image();
	tables_image();
	handlers_image(st.mode % MODES, st.handler);
	memcpy(image + at, data + sizeof(st), size);
	busy_us = 0;
	late = false;
	a = counted_run(&det, &st, at);
	b = counted_run(&step, &st, at);
	if (!late)
		compare(a, b);
	kick_us = st.kick;
	guest_start(&normal, &st, at);
	guest_run(&normal);
	return 0;
}
