/* encode.c - puts the bytes of one instruction together. Source: Intel SDM volume 2, chapter 2. */
#include <string.h>

#include "gen.h"

struct out {
	u8 b[32];
	unsigned n;
	u8 fix, fix_at;
	u64 fix_va;
};

static void put(struct out *o, u64 v, unsigned len)
{
	memcpy(o->b + o->n, &v, len);
	o->n += len;
}

static u8 rm_reg(const struct args *a)
{
	return a->mem ? 0 : a->rm;
}

struct rex {
	u8 w, r, x, b;
};

static struct rex rex_of(const struct spec *s, const struct args *a)
{
	struct rex x = { 0 };
	bool memmod = a->mem && a->m.kind == ADDR_MODRM;

	x.w = s->w == 1 || (s->w < 0 && a->size == 8 && s->opsizes &&
			    !(s->form->flags & FM_D64));
	x.r = s->digit < 0 && s->has_modrm ? a->reg >> 3 : 0;
	if (memmod) {
		x.b = a->m.base != NO_REG ? a->m.base >> 3 : 0;
		x.x = a->m.index != NO_REG ? a->m.index >> 3 : 0;
	} else if (s->plus_r) {
		x.b = a->z >> 3;
	} else if (s->has_modrm) {
		x.b = rm_reg(a) >> 3;
	}
	return x;
}

/* 32-bit operands in 16-bit code: not where there are no 16-bit ones to tell them from. */
static bool wants_66_in_16(const struct spec *s, const struct args *a)
{
	bool either = s->opsizes & 1 << 1 || s->form->flags & FM_NO66 || (s->map == 1 && s->plus_r);

	return s->opsizes && a->size == 4 && either;
}

static void put_legacy_prefixes(struct out *o, const struct gen *g, const struct spec *s,
				const struct args *a)
{
	bool op66 = g->q->bits16 ? wants_66_in_16(s, a) : s->opsizes && a->size == 2;
	bool op67 = g->q->bits16 ? !a->m.addr16 : a->m.addr16 | a->m.addr32;

	/* A 32-bit displacement is 16 bits long in 16-bit code without it. */
	if (g->q->bits16 && s->nops && s->op[s->nops - 1].kind == 'J' && a->imm_len == 4)
		op66 = true;

	if (a->noise)
		put(o, a->noise, 1);
	if (a->mem && a->m.seg)
		put(o, a->m.seg, 1);
	if (a->mem && op67)
		put(o, 0x67, 1);
	if (a->lock)
		put(o, 0xf0, 1);
	if (op66 && s->enc == ENC_LEGACY)
		put(o, 0x66, 1);
	if (a->rep)
		put(o, a->rep, 1);
}

static bool put_opcode_legacy(struct out *o, const struct gen *g, const struct spec *s,
			      const struct args *a)
{
	struct rex x = rex_of(s, a);
	u8 rex = (u8)(x.w << 3 | x.r << 2 | x.x << 1 | x.b);

	if (s->prefix && !(s->prefix == 0x66 && s->opsizes && a->size == 2 && !g->q->bits16))
		put(o, s->prefix, 1);
	if (rex || a->force_rex) {
		if (g->q->bits32 || a->no_rex)
			return false;
		put(o, 0x40 | rex, 1);
	}
	if (s->map)
		put(o, 0x0f, 1);
	if (s->map > 1)
		put(o, s->map == 2 ? 0x38 : 0x3a, 1);
	put(o, s->opcode | (s->plus_r ? a->z & 7 : 0), 1);
	return true;
}

static bool put_opcode_vex(struct out *o, const struct gen *g, const struct spec *s,
			   const struct args *a)
{
	struct rex x = rex_of(s, a);
	u8 pp = s->prefix == 0x66 ? 1 : s->prefix == 0xf3 ? 2 : s->prefix == 0xf2 ? 3 : 0;
	bool w_ignored = !s->opsizes || g->q->bits32;
	u8 w = s->w >= 0 ? (u8)s->w : w_ignored ? a->force_rex : x.w;
	u8 tail = (u8)((~a->vvvv & 15) << 3 | a->vex_l << 2 | pp);

	if (g->q->bits32 && (x.r || x.x || x.b || a->vvvv > 7))
		return false;
	if (s->map == 1 && !x.x && !x.b && !w && !(a->force_rex && s->w < 0)) {
		put(o, 0xc5, 1);
		put(o, (!x.r) << 7 | tail, 1);
	} else {
		put(o, 0xc4, 1);
		put(o, (u8)((!x.r) << 7 | (!x.x) << 6 | (!x.b) << 5 | s->map), 1);
		put(o, (u8)(w << 7 | tail), 1);
	}
	put(o, s->opcode, 1);
	return true;
}

static void put_disp_fix(struct out *o, const struct memref *m)
{
	o->fix = FIX_RIP_VA;
	o->fix_at = (u8)o->n;
	o->fix_va = m->va;
	put(o, 0, 4);
}

/* [bx+si] and its kin; SDM 2A table 2-1. */
static void put_modrm16(struct out *o, const struct memref *m, u8 reg)
{
	static const u8 pairs[8][2] = {
		{ RBX, RSI }, { RBX, RDI }, { RBP, RSI }, { RBP, RDI },
		{ RSI, NO_REG }, { RDI, NO_REG }, { RBP, NO_REG }, { RBX, NO_REG },
	};
	u8 rm = 0, mod = m->disp == (i8)m->disp && !m->disp32 ? 1 : 2;

	while (rm < 8 && (pairs[rm][0] != m->base || pairs[rm][1] != m->index))
		rm++;
	if (m->kind == ADDR_ABS)
		rm = 6;
	if (m->kind == ADDR_ABS || (!m->disp && m->base != RBP))
		mod = 0;
	put(o, (u8)(mod << 6 | reg << 3 | rm), 1);
	if (mod == 1)
		put(o, (u8)m->disp, 1);
	else if (mod == 2 || m->kind == ADDR_ABS)
		put(o, (u16)m->disp, 2);
}

static void put_modrm_abs(struct out *o, const struct gen *g, const struct memref *m, u8 reg)
{
	if (g->q->bits32) {
		put(o, reg << 3 | 5, 1);
	} else {
		put(o, reg << 3 | 4, 1);
		put(o, 0x25, 1);
	}
	put(o, (u32)m->disp, 4);
}

static void put_modrm_mem(struct out *o, const struct gen *g, const struct memref *m, u8 reg)
{
	bool sib = m->index != NO_REG || m->base == NO_REG || (m->base & 7) == RSP;
	bool nodisp = !m->disp && m->base != NO_REG && (m->base & 7) != RBP;
	u8 mod = 2, base = m->base == NO_REG ? RBP : m->base & 7;

	if (m->addr16) {
		put_modrm16(o, m, reg);
		return;
	}
	if (m->kind == ADDR_RIP) {
		put(o, reg << 3 | 5, 1);
		put_disp_fix(o, m);
		return;
	}
	if (m->kind == ADDR_ABS) {
		put_modrm_abs(o, g, m, reg);
		return;
	}
	if (m->base == NO_REG)
		mod = 0;
	else if (!m->disp32)
		mod = nodisp ? 0 : m->disp == (i8)m->disp ? 1 : 2;
	put(o, (u8)(mod << 6 | reg << 3 | (sib ? 4 : base)), 1);
	if (sib)
		put(o, (u8)(m->scale << 6 | (m->index == NO_REG ? 4 : m->index & 7) << 3 | base), 1);
	if (mod == 1)
		put(o, (u8)m->disp, 1);
	else if (mod == 2 || m->base == NO_REG)
		put(o, (u32)m->disp, 4);
}

static void put_modrm(struct out *o, const struct gen *g, const struct spec *s,
		      const struct args *a)
{
	u8 reg = s->digit >= 0 ? (u8)s->digit : a->reg & 7;

	if (s->fixed_modrm)
		put(o, s->modrm + (s->plus_i ? a->st : 0), 1);
	else if (s->has_modrm && a->mem)
		put_modrm_mem(o, g, &a->m, reg);
	else if (s->has_modrm)
		put(o, (u8)(0xc0 | reg << 3 | (a->rm & 7)), 1);
}

static void put_tail(struct out *o, const struct gen *g, const struct spec *s,
		     const struct args *a)
{
	if (s->mem >= 0 && s->op[s->mem].kind == 'O')
		put(o, a->m.va, a->m.addr16 ? 2 : g->q->bits32 || a->m.addr32 ? 4 : 8);
	if (a->imm_fix) {
		o->fix = a->imm_fix;
		o->fix_at = (u8)o->n;
	}
	put(o, a->imm, a->imm_len);
}

bool encode(const struct gen *g, const struct spec *s, const struct args *a, struct item *it)
{
	struct out o = { 0 };

	put_legacy_prefixes(&o, g, s, a);
	if (s->enc == ENC_VEX ? !put_opcode_vex(&o, g, s, a) : !put_opcode_legacy(&o, g, s, a))
		return false;
	put_modrm(&o, g, s, a);
	put_tail(&o, g, s, a);
	if (o.n > sizeof(it->bytes))
		return false;
	memcpy(it->bytes, o.b, o.n);
	it->len = (u8)o.n;
	it->fix = o.fix;
	it->fix_at = o.fix_at;
	it->va = o.fix_va;
	return true;
}
