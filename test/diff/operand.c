/* operand.c - chooses the operands of a form: registers that keep the sequence alive, and
 * addresses that are mostly mapped, often at the end of a page, and now and then wrong. */
#include <string.h>

#include "gen.h"

static u8 pick_bit(struct rng *r, u16 mask)
{
	u32 n = (u32)__builtin_popcount(mask), k;

	if (!n)
		return NO_REG;
	k = rng_below(r, n);
	for (u8 i = 0; i < 16; i++)
		if ((mask >> i & 1) && !k--)
			return i;
	return NO_REG;
}

static u16 mode_regs(const struct gen *g, bool no_rex)
{
	return g->q->bits32 || no_rex ? 0xff : 0xffff;
}

u8 reg_read(struct gen *g, bool no_rex)
{
	return pick_bit(&g->rng, mode_regs(g, no_rex));
}

u8 reg_write(struct gen *g, bool no_rex)
{
	u16 mask = mode_regs(g, no_rex) & (u16)~g->keep;

	/* Once in a while an address register goes astray; never a loop counter. */
	if (!g->loops && !g->balanced && rng_permille(&g->rng, 8))
		mask = mode_regs(g, no_rex);
	return pick_bit(&g->rng, mask);
}

/* A byte register: without REX 4..7 are AH..BH, whose parents are 0..3. */
static u8 byte_reg(struct gen *g, bool no_rex, bool write)
{
	u8 r;

	if (!no_rex)
		return write ? reg_write(g, false) : reg_read(g, false);
	for (unsigned i = 0; i < 16; i++) {
		r = (u8)rng_below(&g->rng, 8);
		if (!write || !(g->keep >> (r & 3) & 1))
			return r;
	}
	return NO_REG;
}

static u8 gpr(struct gen *g, struct args *a, const struct operand *o)
{
	u8 r;

	if (o->size == 'b') {
		r = byte_reg(g, a->no_rex, o->write);
		a->force_rex |= !a->no_rex && r >= 4 && r < 8;
		return r;
	}
	return o->write ? reg_write(g, a->no_rex) : reg_read(g, a->no_rex);
}

static u8 vreg(struct gen *g)
{
	return (u8)rng_below(&g->rng, g->q->bits32 ? 8 : 16);
}

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
	static const u8 prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	u32 r = rng_below(&g->rng, 100);

	if (g->q->bits32 && g->q->init.sel[SEG_FS])
		return r < 40 ? prefixes[r % 6] : 0;
	if (g->q->bits32)
		return r < 4 ? prefixes[r % 4] : 0;
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
	m->base = index && rng_permille(&g->rng, 150) ? NO_REG : pick_bit(&g->rng, g->ptr & usable);
	m->index = index ? pick_bit(&g->rng, g->idx & usable) : NO_REG;
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

bool mem_to(struct gen *g, u64 va, bool no_rex, struct memref *m)
{
	u16 usable = mode_regs(g, no_rex);
	u32 r = rng_below(&g->rng, 1000);
	bool rip = false;

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
static bool mem_choose(struct gen *g, const struct spec *s, const struct operand *o, struct args *a)
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

static bool mem_choose_abs(struct gen *g, const struct operand *o, struct args *a,
			   const struct spec *s)
{
	a->m = (struct memref){ .base = NO_REG, .index = NO_REG, .kind = ADDR_ABS };
	a->m.va = spot_choose(g, mem_size(a, s, o), o->write, false, false) - g->base[SEG_DS];
	if (g->q->bits32)
		a->m.va = (u32)a->m.va;
	a->m.addr32 = !g->q->bits32 && a->m.va < 1ull << 32 && rng_permille(&g->rng, 200);
	return true;
}

/* Memory addressed by a vector of indexes; prep_before() fills that vector. */
static bool mem_choose_vsib(struct gen *g, struct args *a)
{
	a->m = (struct memref){ .base = pick_bit(&g->rng, g->ptr & mode_regs(g, false)) };
	if (a->m.base == NO_REG)
		return false;
	a->m.index = vreg(g);
	a->m.scale = (u8)rng_below(&g->rng, 4);
	return set_disp(g, &a->m, spot_choose(g, 256, false, false, true));
}

static void imm_choose(struct gen *g, const struct operand *o, struct args *a)
{
	static const u8 interrupts[] = { 0, 1, 2, 3, 4, 5, 8, 13, 14, 18, 0x20, 0x81, 0xff };
	unsigned len = 1;
	u64 v = rng_next(&g->rng);

	if (o->size == 'n')
		v = interrupts[rng_below(&g->rng, ARRAY_SIZE(interrupts))];
	else if (rng_permille(&g->rng, 300))
		v = (u64)rng_in(&g->rng, -8, 8);
	if (o->size == 'w')
		len = 2;
	else if (o->size == 'z')
		len = a->size == 2 ? 2 : 4;
	else if (o->size == 'v')
		len = a->size;
	a->imm |= (v & (len == 8 ? ~0ull : (1ull << (8 * len)) - 1)) << (8 * a->imm_len);
	a->imm_len += (u8)len;
}

/* The operand that is a register or memory. */
static bool choose_rm(struct gen *g, const struct spec *s, const struct operand *o, struct args *a)
{
	bool reg_possible = strchr("EKWQ", o->kind);
	u32 mem_permille = 650;

	if (strchr("WQ", o->kind))
		mem_permille = 500;
	if (!reg_possible || rng_permille(&g->rng, mem_permille)) {
		a->mem = true;
		return mem_choose(g, s, o, a);
	}
	if (o->kind == 'W')
		a->rm = vreg(g);
	else if (o->kind == 'Q')
		a->rm = (u8)rng_below(&g->rng, 8);
	else if (o->kind == 'K')
		a->rm = o->write ? reg_write(g, a->no_rex) : reg_read(g, a->no_rex);
	else
		a->rm = gpr(g, a, o);
	return a->rm != NO_REG;
}

static bool choose_one(struct gen *g, const struct spec *s, const struct operand *o, struct args *a)
{
	switch (o->kind) {
	case 'E': case 'K': case 'W': case 'Q': case 'M':
		return choose_rm(g, s, o, a);
	case 'O':
		a->mem = true;
		return mem_choose_abs(g, o, a, s);
	case 'X':
		a->mem = true;
		return mem_choose_vsib(g, a);
	case 'G': a->reg = gpr(g, a, o); return a->reg != NO_REG;
	case 'R': a->rm = gpr(g, a, o); return a->rm != NO_REG;
	case 'Z': a->z = gpr(g, a, o); return a->z != NO_REG;
	case 'B': a->vvvv = gpr(g, a, o); return a->vvvv != NO_REG;
	case 'V': a->reg = vreg(g); return true;
	case 'U': a->rm = vreg(g); return true;
	case 'H': a->vvvv = vreg(g); return true;
	case 'L':
		a->imm = (u64)vreg(g) << 4;
		a->imm_len = 1;
		return true;
	case 'P': a->reg = (u8)rng_below(&g->rng, 8); return true;
	case 'N': a->rm = (u8)rng_below(&g->rng, 8); return true;
	case 'T': a->st = (u8)rng_below(&g->rng, 8); return true;
	case 'S': a->reg = (u8)rng_below(&g->rng, rng_permille(&g->rng, 30) ? 8 : 6); return true;
	case 'I': imm_choose(g, o, a); return true;
	default: return true; /* $ and J: nothing to choose here */
	}
}

static void choose_size(struct gen *g, const struct spec *s, struct args *a)
{
	u8 sizes = s->opsizes;
	unsigned bit;

	if (g->q->bits32) {
		if (s->form->flags & FM_D64)
			sizes = (s->form->flags & FM_NO66 ? 0 : 1 << 1) | 1 << 2;
		sizes &= (u8)~(1 << 3);
		if (s->enc == ENC_VEX)
			sizes &= 1 << 2;
	}
	a->size = g->q->bits32 || !(s->form->flags & FM_D64) ? 4 : 8;
	if (!sizes)
		return;
	do {
		bit = (unsigned)rng_below(&g->rng, 3) + 1;
	} while (!(sizes >> bit & 1));
	a->size = (u8)(1u << bit);
}

static bool has_byte_reg(const struct spec *s)
{
	for (unsigned i = 0; i < s->nops; i++)
		if (s->op[i].size == 'b' && strchr("GEZR", s->op[i].kind))
			return true;
	return false;
}

static void choose_prefixes(struct gen *g, const struct spec *s, struct args *a)
{
	static const u8 segs[] = { 0x26, 0x2e, 0x36, 0x3e };
	u32 flags = s->form->flags;

	if ((flags & FM_LOCK) && a->mem && rng_permille(&g->rng, 250))
		a->lock = true;
	if ((flags & (FM_REP | FM_REPZ)) && rng_permille(&g->rng, 750))
		a->rep = flags & FM_REPZ && rng_permille(&g->rng, 500) ? 0xf2 : 0xf3;
	if (s->enc == ENC_LEGACY && !g->q->bits32 && rng_permille(&g->rng, 20))
		a->noise = segs[rng_below(&g->rng, 4)];
	if (s->enc == ENC_LEGACY && !g->q->bits32 && !a->no_rex && rng_permille(&g->rng, 30))
		a->force_rex = true;
	if (s->enc == ENC_VEX)
		a->force_rex = rng_permille(&g->rng, 200); /* three-byte VEX, or W where ignored */
}

/* Bit instructions address memory by their register operand: a small one, mostly. */
static void choose_bit_index(struct gen *g, const struct spec *s, struct args *a)
{
	u8 r = pick_bit(&g->rng, g->idx & mode_regs(g, a->no_rex));

	if ((s->form->flags & FM_BITS) && a->mem && r != NO_REG && !rng_permille(&g->rng, 30))
		a->reg = r;
}

bool operands_choose(struct gen *g, const struct spec *s, struct args *a)
{
	*a = (struct args){ 0 };
	choose_size(g, s, a);
	if (has_byte_reg(s))
		a->no_rex = g->q->bits32 || (a->size != 8 && rng_permille(&g->rng, 400));
	if (a->no_rex && s->form->flags & FM_64)
		a->no_rex = g->q->bits32;
	if (s->vl == VL_256 || (s->vl >= VL_ANY && rng_permille(&g->rng, 500)))
		a->vex_l = 1;
	for (unsigned i = 0; i < s->nops; i++)
		if (!choose_one(g, s, &s->op[i], a))
			return false;
	choose_prefixes(g, s, a);
	choose_bit_index(g, s, a);
	return true;
}
