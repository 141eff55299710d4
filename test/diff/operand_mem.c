/* operand_mem.c - chooses addresses: mostly mapped, often at the end of a page, now and then wrong. */
#include <string.h>

#include "gen.h"

static u32 vector_len(const struct args *a, const struct spec *s)
{
	return s->enc == ENC_VEX && a->vex_l ? 32 : 16;
}

/* Bytes of the memory operand. */
static u32 mem_size(const struct args *a, const struct spec *s, const struct operand *o)
{
	switch (o->size) {
	case 'b': return 1;
	case 'w': return 2;
	case 'd': return 4;
	case 'q': return 8;
	case 'v': case 'y': case 'z': return a->size;
	case 'p': return 6;
	case 'a': return 2u * a->size;
	case 'x': return vector_len(a, s);
	case 'h': return vector_len(a, s) / 2;
	case 'r': return vector_len(a, s) / 4;
	case 'e': return vector_len(a, s) / 8;
	default: return o->bytes;
	}
}

struct edge {
	u64 at;
	u16 weight;    /* among reads */
	u16 weight_w;  /* among writes */
};

/* Borders that an access may lie before, across or behind; weights per thousand. */
static const struct edge edges[] = {
	{ DATA_VA + 0x1000, 60, 60 },   /* RW to RW, frames apart */
	{ DATA_RO, 40, 4 },             /* RW to read-only */
	{ DATA_RO + 0x1000, 40, 4 },    /* read-only to RW */
	{ DATA_END, 20, 20 },           /* RW to a hole */
	{ DATA_VA, 3, 3 },              /* a hole to RW */
	{ STACK_VA + 0x1000, 20, 20 },
	{ DATA_END + 0x800, 2, 2 },     /* in a hole */
	{ DATA_RO + 0x800, 30, 3 },     /* read-only */
};

static u64 edge_spot(struct gen *g, u64 at, u32 size)
{
	u32 kind = rng_below(&g->rng, 10);

	/* Into a hole: mostly just short of it. */
	if (at == DATA_END && kind < 8)
		return at - size - rng_below(&g->rng, 3);
	if (kind < 3)
		return at - size;
	if (kind < 4)
		return at;
	return at - size + 1 + rng_below(&g->rng, size + 2);
}

u64 spot_choose(struct gen *g, u32 size, bool write, bool aligned, bool masked)
{
	u32 r = rng_below(&g->rng, 1000);
	u64 va = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(edges) && !va; i++) {
		u32 w = write ? edges[i].weight_w : edges[i].weight;

		if (masked && edges[i].at == DATA_END)
			w = 200;
		if (r < w)
			va = edge_spot(g, edges[i].at, size);
		else
			r -= w;
	}
	if (!va)
		va = (rng_permille(&g->rng, 850) ? DATA_VA : DATA_RO + 0x1000) +
		     rng_below(&g->rng, 0x1000 - size);
	if (!va || rng_permille(&g->rng, 400) || aligned) {
		if (!aligned || !rng_permille(&g->rng, 15))
			va &= ~(u64)((1u << (31 - __builtin_clz(size))) - 1);
	}
	return va + g->slide;
}

static bool fits32(i64 v)
{
	return v == (i32)v;
}

static unsigned mem_segment(const struct memref *m)
{
	switch (m->seg) {
	case 0x26: return SEG_ES;
	case 0x2e: return SEG_CS;
	case 0x36: return SEG_SS;
	case 0x3e: return SEG_DS;
	case 0x64: return SEG_FS;
	case 0x65: return SEG_GS;
	default: return m->base == RSP || m->base == RBP ? SEG_SS : SEG_DS;
	}
}

/* Sets the displacement so that the operand points to va; false when it is too far away. */
static bool set_disp(const struct gen *g, struct memref *m, u64 va)
{
	u64 d = va;

	d -= g->base[mem_segment(m)];
	if (m->base != NO_REG)
		d -= g->q->init.gpr[m->base];
	if (m->index != NO_REG)
		d -= g->q->init.gpr[m->index] << m->scale;
	if (g->q->bits32 || m->addr32)
		d = (u64)(i64)(i32)d;
	m->disp = (i32)d;
	m->va = va;
	return fits32((i64)d);
}

static u8 choose_seg(struct gen *g, bool addr32)
{
	static const u8 prefixes[] = { 0x26, 0x3e, 0x64, 0x65, 0x2e, 0x36 };
	u32 r = rng_below(&g->rng, 100);

	if (g->q->bits32 && g->q->init.sel[SEG_FS])
		return r < 32 ? prefixes[r % 4] : r < 34 ? prefixes[r % 6] : 0;
	if (g->q->bits32)
		return r < 4 ? prefixes[r % 2 + 2 * (r & 2)] : 0;
	/* With a 32-bit address the base must not need more. */
	if (r < 4)
		return 0x64;
	if (r < 8)
		return addr32 ? 0 : 0x65;
	return r < 10 ? 0x3e : 0;
}

static bool mem_based(struct gen *g, u64 va, u16 usable, bool index, struct memref *m)
{
	m->kind = ADDR_MODRM;
	m->base = index && rng_permille(&g->rng, 150) ? NO_REG : reg_pick(&g->rng, g->ptr & usable);
	m->index = index ? reg_pick(&g->rng, g->idx & usable) : NO_REG;
	if (m->base == NO_REG && m->index == NO_REG)
		return false;
	m->scale = (u8)rng_below(&g->rng, 4);
	m->disp32 = rng_permille(&g->rng, 60);
	return set_disp(g, m, va);
}

/* An operand off rSP, whatever rSP is by then; most of the frame is below and above it. */
static void mem_stack(struct gen *g, struct memref *m)
{
	m->base = RSP;
	m->disp = (i32)rng_in(&g->rng, -16, 24) * 4;
	m->va = g->q->init.gpr[RSP] + (u64)(i64)m->disp;
}

/* A 16-bit address, of registers whose values are known. */
static bool mem_to16(struct gen *g, u64 va, struct memref *m)
{
	static const u8 pairs[][2] = {
		{ RBX, RSI }, { RBX, RDI }, { RBP, RSI }, { RBP, RDI }, { RSI, NO_REG },
		{ RDI, NO_REG }, { RBP, NO_REG }, { RBX, NO_REG }, { NO_REG, NO_REG },
	};
	const u8 *p = pairs[rng_below(&g->rng, ARRAY_SIZE(pairs))];
	u16 known = g->ptr | g->idx;
	u64 d;

	*m = (struct memref){ .addr16 = true, .base = p[0], .index = p[1], .va = va };
	m->kind = p[0] == NO_REG ? ADDR_ABS : ADDR_MODRM;
	m->disp32 = rng_permille(&g->rng, 60);
	m->seg = choose_seg(g, false);
	d = va - g->base[mem_segment(m)];
	if (d > 0xffff)
		return false;
	for (unsigned i = 0; i < 2 && p[i] != NO_REG; i++) {
		if (!(known >> p[i] & 1))
			return false;
		d -= g->q->init.gpr[p[i]];
	}
	m->disp = (i16)d;
	return true;
}

bool mem_to(struct gen *g, u64 va, bool no_rex, struct memref *m)
{
	u16 usable = regs_of_mode(g, no_rex);
	u32 r = rng_below(&g->rng, 1000);
	bool rip = false;

	if (g->q->bits32 && rng_permille(&g->rng, g->q->bits16 ? 850 : 60) && mem_to16(g, va, m))
		return true;
	*m = (struct memref){ .base = NO_REG, .index = NO_REG };
	m->addr32 = !g->q->bits32 && va < 1ull << 32 && rng_permille(&g->rng, 40);
	m->seg = choose_seg(g, m->addr32);
	if (r < 600)
		return mem_based(g, va, usable, false, m);
	if (r < 850)
		return mem_based(g, va, usable, true, m);
	rip = r < 925 && !g->q->bits32 && !m->seg;
	if (rip) {
		m->kind = ADDR_RIP;
		m->va = va;
		return true;
	}
	m->kind = ADDR_ABS;
	return set_disp(g, m, va);
}

/* The memory operand of form s. */
bool mem_choose(struct gen *g, const struct spec *s, const struct operand *o, struct args *a)
{
	u32 flags = s->form->flags, size = mem_size(a, s, o);
	bool legacy16 = s->enc == ENC_LEGACY && size == 16 && strchr("VWMUQ", o->kind) &&
			!(flags & FM_UNAL);
	bool aligned = flags & FM_ALIGN || legacy16;
	u64 va = spot_choose(g, size, o->write, aligned, flags & FM_MASKED);

	if (size <= 8 && rng_permille(&g->rng, 60) && !(flags & (FM_ENV | FM_SEED | FM_FXSAVE))) {
		a->m = (struct memref){ .base = NO_REG, .index = NO_REG };
		mem_stack(g, &a->m);
		return true;
	}
	for (unsigned i = 0; i < 4; i++)
		if (mem_to(g, va, a->no_rex, &a->m))
			return true;
	return false;
}

bool mem_choose_abs(struct gen *g, const struct operand *o, struct args *a,
			   const struct spec *s)
{
	a->m = (struct memref){ .base = NO_REG, .index = NO_REG, .kind = ADDR_ABS };
	a->m.va = spot_choose(g, mem_size(a, s, o), o->write, false, false) - g->base[SEG_DS];
	if (g->q->bits32)
		a->m.va = (u32)a->m.va;
	a->m.addr16 = g->q->bits32 && a->m.va < 0x10000 && rng_permille(&g->rng, g->q->bits16 ? 900 : 500);
	a->m.addr32 = !g->q->bits32 && a->m.va < 1ull << 32 && rng_permille(&g->rng, 200);
	return true;
}

/* Memory addressed by a vector of indexes; prep_before() fills that vector. */
bool mem_choose_vsib(struct gen *g, struct args *a)
{
	a->m = (struct memref){ .base = reg_pick(&g->rng, g->ptr & regs_of_mode(g, false)) };
	if (a->m.base == NO_REG)
		return false;
	a->m.index = vreg(g);
	a->m.scale = (u8)rng_below(&g->rng, 4);
	return set_disp(g, &a->m, spot_choose(g, 256, false, false, true));
}

