/* init.c - the registers a sequence starts with: pointers to its data, small numbers, values
 * at the edges, and vectors that are numbers more often than not. */
#include <string.h>

#include "gen.h"
#include "x86/bits.h"

static u64 odd_value(struct rng *r)
{
	static const u64 odd[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ull,
	};

	switch (rng_below(r, 4)) {
	case 0:
		return odd[rng_below(r, ARRAY_SIZE(odd))];
	case 1:
		return (u64)rng_in(r, -100, 100);
	case 2:
		return rng_next(r) >> rng_below(r, 63);
	default:
		return rng_next(r);
	}
}

static void choose_pointers(struct gen *g)
{
	u32 all = g->q->bits32 ? 8 : 16, n = g->q->bits32 ? 2 : 2 + rng_below(&g->rng, 3);
	u16 regs = (u16)~(1u << RSP);

	if (g->q->bits16) /* those that 16-bit addresses are made of */
		regs = 1u << RBX | 1u << RBP | 1u << RSI | 1u << RDI;
	while (n--)
		g->ptr |= (u16)(1u << rng_below(&g->rng, all));
	g->ptr &= regs;
	do {
		g->idx = (u16)(1u << rng_below(&g->rng, all));
	} while (!(g->idx & regs & ~g->ptr));
	if (!g->ptr)
		g->ptr = g->idx == 1u << RBX ? 1u << RSI : 1u << RBX;
	g->keep = g->ptr | g->idx | 1u << RSP;
}

static u64 pointer_value(struct gen *g)
{
	u64 v = g->slide + DATA_VA + rng_below(&g->rng, 0x4000);

	if (rng_permille(&g->rng, 500))
		v &= ~63ull;
	if (rng_permille(&g->rng, 100))
		v += (u64)rng_in(&g->rng, -0x10000000, 0x10000000);
	return v;
}

static u64 stack_value(struct gen *g)
{
	u32 r = rng_below(&g->rng, 100);
	u64 v = g->slide + STACK_VA + 0x1000 + rng_below(&g->rng, 0x800);

	if (r < 15)
		v = g->slide + STACK_VA + 0x1000 + 8 * rng_below(&g->rng, 8);
	else if (r < 18)
		v = g->slide + STACK_VA + 8 * rng_below(&g->rng, 8);
	else if (r < 20)
		v = g->slide + STACK_END - 8 * rng_below(&g->rng, 8);
	return r % 10 ? v & ~15ull : v;
}

static void choose_gprs(struct gen *g)
{
	u64 *gpr = g->q->init.gpr;

	for (unsigned i = 0; i < 16; i++) {
		gpr[i] = odd_value(&g->rng);
		if (g->ptr >> i & 1)
			gpr[i] = pointer_value(g);
		if (g->idx >> i & 1)
			gpr[i] = (u64)rng_in(&g->rng, -64, 200);
		if (i == RSP)
			gpr[i] = stack_value(g);
		if (g->q->bits32)
			gpr[i] = i < 8 ? (u32)gpr[i] : 0;
	}
}

static u32 float_bits(struct rng *r)
{
	static const u32 odd[] = {
		0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
		0x7f800001, 1, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000, 0x5f000000,
	};
	float f = (float)(i32)rng_next(r) / (float)(1u << rng_below(r, 31));
	u32 v;

	if (rng_permille(r, 250))
		return odd[rng_below(r, ARRAY_SIZE(odd))];
	memcpy(&v, &f, 4);
	return v;
}

static u64 double_bits(struct rng *r)
{
	static const u64 odd[] = {
		0, 1ull << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
		0xfff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 1, 0x000fffffffffffff,
		0x0010000000000000, 0x7fefffffffffffff, 0x41e0000000000000, 0xc1e0000000000000,
		0x43e0000000000000,
	};
	double d = (double)(i64)rng_next(r) / (double)(1ull << rng_below(r, 63));
	u64 v;

	if (rng_permille(r, 250))
		return odd[rng_below(r, ARRAY_SIZE(odd))];
	memcpy(&v, &d, 8);
	return v;
}

static u64 vector_quad(struct rng *r, u32 kind)
{
	switch (kind) {
	case 0: return rng_next(r);
	case 1: return float_bits(r) | (u64)float_bits(r) << 32;
	case 2: return double_bits(r);
	default: return odd_value(r);
	}
}

static void choose_vectors(struct gen *g)
{
	u8 *x = g->q->init.xsave;

	for (unsigned i = 0; i < 16; i++) {
		u32 kind = rng_below(&g->rng, 4);

		for (unsigned k = 0; k < 4; k++) {
			u64 v = vector_quad(&g->rng, kind);

			memcpy(x + (k < 2 ? FX_XMM : YMMH_AT - 16) + 16 * i + 8 * k, &v, 8);
		}
	}
}

static void choose_x87(struct gen *g)
{
	u8 *x = g->q->init.xsave;
	u16 fcw = 0x37f, fsw = 0;
	u8 tags = (u8)rng_next(&g->rng);
	u32 r = rng_below(&g->rng, 4);

	if (rng_permille(&g->rng, 250))
		fcw = (u16)((fcw & ~0xf00) | (rng_next(&g->rng) & 0xf00));
	if (rng_permille(&g->rng, 40))
		fcw &= (u16)(rng_next(&g->rng) | ~0x3full);
	if (r < 2)
		tags = r ? 0xf0 : 0;
	if (tags)
		fsw = (u16)(rng_below(&g->rng, 8) << 11);
	if (rng_permille(&g->rng, 200))
		fsw |= rng_next(&g->rng) & 0x4700;
	memcpy(x + FX_FCW, &fcw, 2);
	memcpy(x + FX_FSW, &fsw, 2);
	x[FX_FTW] = tags;
	for (unsigned i = 0; i < 8; i++) {
		u64 m = rng_next(&g->rng) | 1ull << 63;
		u16 se = (u16)(16383 + rng_in(&g->rng, -40, 40)) | (rng_next(&g->rng) & 0x8000);

		if (rng_permille(&g->rng, 100))
			se |= 0x7fff;
		if (rng_permille(&g->rng, 100))
			m = odd_value(&g->rng);
		memcpy(x + FX_ST + 16 * i, &m, 8);
		memcpy(x + FX_ST + 16 * i + 8, &se, 2);
	}
}

static void choose_mxcsr(struct gen *g)
{
	u32 v = 0x1f80;

	if (rng_permille(&g->rng, 250))
		v |= rng_next(&g->rng) & 0xe040;
	if (rng_permille(&g->rng, 40))
		v &= (u32)rng_next(&g->rng) | ~0x1f80u;
	if (rng_permille(&g->rng, 300))
		v |= rng_next(&g->rng) & 0x3f;
	memcpy(g->q->init.xsave + FX_MXCSR, &v, 4);
}

/* Segments with bases and limits of their own; the stack and the code stay flat. */
static void choose_ldt(struct gen *g)
{
	static const u8 kinds[] = { 0, 1, 2, 3, 5, 6, 7, 5, 3, 1 };
	static const u8 segs[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	struct state *s = &g->q->init;

	for (unsigned i = 0; i < 4; i++) {
		unsigned kind = kinds[rng_below(&g->rng, ARRAY_SIZE(kinds))];
		u16 sel = ldt_sel(g->q->slide, kind);

		if (i < 2 && rng_permille(&g->rng, 400))
			continue;
		s->sel[segs[i]] = sel;
		g->base[segs[i]] = ldt_base(sel / 8);
	}
	s->fsbase = g->base[SEG_FS];
	s->gsbase = g->base[SEG_GS];
}

/* 16-bit code reaches its data through DS and ES only if they start there. The stack segment is
 * never a 16-bit one: Linux does not keep the upper half of ESP then. */
static void choose_small(struct gen *g)
{
	static const u8 kinds[] = { 0, 1, 6 };
	static const u8 segs[] = { SEG_ES, SEG_DS };
	struct state *s = &g->q->init;

	for (unsigned i = 0; i < 2; i++) {
		s->sel[segs[i]] = ldt_sel(g->q->slide, kinds[rng_below(&g->rng, ARRAY_SIZE(kinds))]);
		g->base[segs[i]] = ldt_base(s->sel[segs[i]] / 8);
	}
	g->base[SEG_CS] = seq_cs_base(g->q);
	if (rng_permille(&g->rng, 500)) {
		s->sel[SEG_SS] = ldt_sel(g->q->slide, LDT_STACK);
		g->base[SEG_SS] = ldt_base(s->sel[SEG_SS] / 8);
		s->gpr[RSP] -= g->base[SEG_SS];
	}
}

static void choose_segments(struct gen *g)
{
	static const u64 fs[] = { 0, 0x1000, 0x7654320, 0x12345678 };
	struct state *s = &g->q->init;
	u16 user = g->q->bits32 || rng_permille(&g->rng, 300) ? 0x2b : 0;

	s->sel[SEG_CS] = g->q->bits16 ? ldt_sel(g->q->slide, LDT_CODE16) : g->q->bits32 ? 0x23 : 0x33;
	s->sel[SEG_SS] = 0x2b;
	s->sel[SEG_DS] = s->sel[SEG_ES] = user;
	s->sel[SEG_FS] = s->sel[SEG_GS] = 0;
	if (!g->q->bits32) {
		s->fsbase = fs[rng_below(&g->rng, ARRAY_SIZE(fs))];
		s->gsbase = g->slide + DATA_VA;
	}
	if (g->q->bits16 || (g->q->bits32 && !g->no_ldt && rng_permille(&g->rng, 300)))
		choose_ldt(g);
	if (g->q->bits16)
		choose_small(g);
	g->base[SEG_FS] = s->fsbase;
	g->base[SEG_GS] = s->gsbase;
}

void init_choose(struct gen *g)
{
	struct state *s = &g->q->init;

	memset(s, 0, sizeof(*s));
	choose_pointers(g);
	choose_gprs(g);
	choose_segments(g);
	choose_vectors(g);
	choose_x87(g);
	choose_mxcsr(g);
	s->flags = 0x202 | (rng_next(&g->rng) & 0x8d5);
	if (rng_permille(&g->rng, 10))
		s->flags |= FL_AC;
	s->xsave[XSAVE_HEADER] = 7;
}
