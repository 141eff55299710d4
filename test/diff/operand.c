/* operand.c - chooses the operands of a form, so that the sequence stays alive. */
#include <string.h>

#include "gen.h"

u8 reg_pick(struct rng *r, u16 mask)
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

u16 regs_of_mode(const struct gen *g, bool no_rex)
{
	return g->q->bits32 || no_rex ? 0xff : 0xffff;
}

u8 reg_read(struct gen *g, bool no_rex)
{
	return reg_pick(&g->rng, regs_of_mode(g, no_rex));
}

u8 reg_write(struct gen *g, bool no_rex)
{
	u16 mask = regs_of_mode(g, no_rex) & (u16)~g->keep;

	/* Once in a while an address register goes astray; never a loop counter. */
	if (!g->loops && !g->balanced && rng_permille(&g->rng, 8))
		mask = regs_of_mode(g, no_rex);
	return reg_pick(&g->rng, mask);
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

u8 vreg(struct gen *g)
{
	return (u8)rng_below(&g->rng, g->q->bits32 ? 8 : 16);
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
	/* The 32-bit format, whose instruction pointers are known to be wiped. */
	if (g->q->bits16 && s->class == CLASS_X87 && (flags & (FM_ENV | FM_SEED)))
		a->noise = 0x66;
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
	u8 r = reg_pick(&g->rng, g->idx & regs_of_mode(g, a->no_rex));

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
