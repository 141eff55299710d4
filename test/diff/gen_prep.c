/* gen_prep.c - what some forms need around them: pointers, counts, operands that are valid. */
#include <string.h>

#include "gen.h"
#include "x86/bits.h"

bool often(struct gen *g)
{
	return rng_permille(&g->rng, 940);
}

/* mov [operand + off], imm32, with the operand size given: 2, 4, or 8 (sign-extended). */
void store_imm(struct gen *g, const struct memref *m, i32 off, u8 size, u32 imm)
{
	const struct spec *s = spec_find("mov", "=Ev,Iz");
	struct args a = { .size = size, .mem = true, .m = *m, .imm = imm };

	a.imm_len = size == 2 ? 2 : 4;
	a.m.disp += off;
	a.m.va += (u64)(i64)off;
	gen_args(g, s, &a);
}

void push_imm(struct gen *g, u32 v)
{
	gen_raw32(g, (u8[]){ 0x68, (u8)v, (u8)(v >> 8), (u8)(v >> 16), (u8)(v >> 24) }, 5, FIX_NONE, 0, 0);
}

/* Instruction and operand pointers in a stored x87 environment: they are where the code really
 * ran, so the image is wiped of them. SDM 1 8.1.10. */
static void wipe_env(struct gen *g, const struct memref *m)
{
	for (i32 off = 12; off < 28; off += 4)
		store_imm(g, m, off, 4, 0);
}

static void wipe_fxsave(struct gen *g, const struct memref *m)
{
	store_imm(g, m, FX_FOP, 2, 0);
	for (i32 off = FX_FIP; off < FX_MXCSR; off += 4)
		store_imm(g, m, off, 4, 0);
}

static u32 random_mxcsr(struct gen *g)
{
	u32 v = 0x1f80;

	if (rng_permille(&g->rng, 100))
		v &= (u32)rng_next(&g->rng) | ~0x1f80u;
	return v | (rng_next(&g->rng) & 0xe07f);
}

static u32 random_fcw(struct gen *g)
{
	u32 v = 0x7f;

	if (rng_permille(&g->rng, 120))
		v &= (u32)rng_next(&g->rng) | ~0x3fu;
	return v | (rng_next(&g->rng) & 0xf00);
}

static u32 random_flags(struct gen *g)
{
	u32 v = (u32)rng_next(&g->rng) & 0x8d5;

	if (rng_permille(&g->rng, 200))
		v |= 1 << 10;
	if (rng_permille(&g->rng, 50))
		v |= 1 << 14;
	if (rng_permille(&g->rng, 50))
		v |= 1 << 21;
	if (rng_permille(&g->rng, 30))
		v |= (u32)rng_next(&g->rng) & 0x003b3000 & ~FL_AC; /* bits that CPL 3 cannot set */
	if (rng_permille(&g->rng, 20)) {
		v |= FL_TF;
		g->trap = true;
	}
	if (rng_permille(&g->rng, 30))
		v |= FL_AC;
	return v;
}

/* A register that points to a linear address as seen through a segment. */
static void gen_pointer(struct gen *g, u8 reg, unsigned seg, u64 va)
{
	u64 off = va - g->base[seg];

	gen_mov_imm(g, reg, g->q->bits32 ? (u32)off : off);
}

static u64 safe_spot(struct gen *g)
{
	return g->slide + DATA_VA + 0x400 + rng_below(&g->rng, 0x800);
}

/*
 * Which of two bad addresses is reported first differs among processors, so one of them is good;
 * and so does whether a masked store faults on behalf of bytes that are masked off, or asks for
 * alignment. SDM 2B MASKMOVDQU.
 */
static void string_pointers(struct gen *g, u64 f)
{
	bool both = f & FM_SI && f & FM_DI, safe_si = both && rng_permille(&g->rng, 500);

	if (f & FM_MASKED) {
		gen_pointer(g, RDI, SEG_DS, safe_spot(g) & ~15ull);
		return;
	}
	if (f & FM_SI)
		gen_pointer(g, RSI, SEG_DS, safe_si ? safe_spot(g) : spot_choose(g, 64, false, false, false));
	if (f & FM_DI)
		gen_pointer(g, RDI, SEG_ES,
			    both && !safe_si ? safe_spot(g) : spot_choose(g, 64, true, false, false));
}

static void prep_string(struct gen *g, const struct spec *s, const struct args *a)
{
	u32 count = rng_permille(&g->rng, 900) ? rng_below(&g->rng, 24) : rng_below(&g->rng, 600);

	string_pointers(g, s->form->flags);
	if (!a->rep || rng_permille(&g->rng, 20))
		return;
	gen_mov_imm(g, RCX, count);
	if (rng_permille(&g->rng, 250))
		gen_raw(g, (u8[]){ 0xfd }, 1); /* std */
}

/* A dividend whose upper half is small, and often a divisor that is not. */
static void prep_div(struct gen *g, const struct spec *s)
{
	bool byte = s->op[0].size == 'b';

	if (byte)
		gen_mov_imm(g, RAX, rng_below(&g->rng, 0x200));
	else if (rng_permille(&g->rng, 500))
		gen_mov_imm(g, RDX, rng_below(&g->rng, 2));
	else
		gen_raw(g, (u8[]){ 0x48, 0x99 } + g->q->bits32, 2 - g->q->bits32); /* cqo, cdq */
}

/* The address of an instruction in a register, or in memory by way of one. */
static bool prep_target(struct gen *g, struct args *a)
{
	u16 old = g->keep;
	u8 r = a->mem ? RAX : a->rm;

	if (!a->mem && (old >> r & 1))
		return false;
	if (a->mem && (old >> r & 1 || a->m.base == r || a->m.index == r))
		return false;
	gen_mov_target(g, r, target_choose(g));
	if (a->mem) {
		struct args st = { .size = g->q->bits32 ? 4 : 8, .reg = r, .mem = true, .m = a->m };

		gen_args(g, spec_find("mov", "=Ev,Gv"), &st);
	}
	return true;
}

static bool prep_ret(struct gen *g, struct args *a)
{
	u8 r = reg_write(g, true);

	if (r == NO_REG || r == RSP)
		return false;
	gen_mov_target(g, r, target_choose(g));
	gen_raw(g, (u8[]){ 0x50 | r }, 1);
	if (a->imm_len)
		a->imm = (a->imm & 3) * 8;
	return true;
}

static void prep_vsib(struct gen *g, const struct spec *s, struct args *a)
{
	struct args ld = { .reg = a->m.index, .mem = true, .vex_l = 1 };
	struct args ones = { .reg = a->vvvv, .rm = a->vvvv, .vvvv = a->vvvv, .vex_l = 1 };
	u64 va = (s->op[s->mem].size == 'd' ? SMALL_DWORDS : SMALL_QWORDS) + g->slide;

	if (often(g) && mem_to(g, va + 8 * rng_below(&g->rng, 28), false, &ld.m)) {
		gen_args(g, spec_find("vmovdqu", "=V,Wx"), &ld);
		if (rng_permille(&g->rng, 600))
			gen_args(g, spec_find("vpcmpeqd", "=V,H,Wx"), &ones);
	}
}

/* fldenv, frstor and fxrstor load an image that the matching store has just written there. */
static void prep_seed(struct gen *g, const struct spec *s, struct args *a)
{
	const char *n = s->form->name;

	if (!strcmp(n, "fldenv")) {
		gen_args(g, spec_find("fnstenv", "=M28"), a);
		wipe_env(g, &a->m);
	} else if (!strcmp(n, "frstor")) {
		gen_args(g, spec_find("fnsave", "=M108"), a);
		wipe_env(g, &a->m);
	} else {
		gen_args(g, spec_find(strcmp(n, "fxrstor") ? "fxsave64" : "fxsave", "=M512"), a);
		wipe_fxsave(g, &a->m);
	}
	if (rng_permille(&g->rng, 500))
		store_imm(g, &a->m, 4, 2, (u32)rng_next(&g->rng)); /* tags */
}

static bool clobbers(const struct gen *g, u8 reg)
{
	return g->keep >> reg & 1;
}

static bool prep_div_checked(struct gen *g, const struct spec *s, const struct args *a)
{
	u8 reg = s->op[0].size == 'b' ? RAX : RDX;

	if (clobbers(g, reg))
		return false;
	if (a->mem || a->rm != reg)
		prep_div(g, s);
	return true;
}

bool prep_before(struct gen *g, const struct spec *s, struct args *a)
{
	u32 f = s->form->flags;

	bool sel_in_reg = f & FM_SEL && s->nops && s->mem < 0;

	if ((f & FM_BASE || sel_in_reg) && clobbers(g, a->rm))
		return false;
	/* A repeated store that meets its own code goes on until an interrupt looks at it again. */
	if ((f & (FM_SI | FM_DI)) && (often(g) || a->rep || (f & FM_SI && f & FM_DI) || (f & FM_MASKED))) {
		if ((s->class == CLASS_STRING && clobbers(g, RCX)))
			return false;
		prep_string(g, s, a);
	}
	if ((f & FM_ALL) == FM_ALL) {
		gen_raw(g, (u8[]){ 0x66, 0x60 } + !s->prefix, 2 - !s->prefix); /* pusha */
		return true;
	}
	if ((f & FM_BX) && often(g))
		gen_pointer(g, RBX, SEG_DS, spot_choose(g, 256, false, false, false));
	if ((f & FM_DIV) && often(g) && !prep_div_checked(g, s, a))
		return false;
	if ((f & FM_TARGET) && !prep_target(g, a))
		return false;
	if ((f & FM_RET) && !prep_ret(g, a))
		return false;
	if ((f & FM_MXCSR) && often(g))
		store_imm(g, &a->m, 0, 4, random_mxcsr(g));
	if ((f & FM_FCW) && often(g))
		store_imm(g, &a->m, 0, 2, random_fcw(g));
	if (f & FM_SEED)
		prep_seed(g, s, a);
	if (f & FM_BASE)
		prep_base(g, a);
	if (sel_in_reg)
		prep_sel(g, s, a);
	else if (f & FM_SEL)
		prep_sel_mem(g, s, a);
	if ((f & FM_FAR) && !prep_far(g, s, a))
		return false;
	if ((f & FM_AX) && often(g)) {
		if (clobbers(g, RAX))
			return false;
		gen_pointer(g, RAX, SEG_DS, spot_choose(g, 64, true, false, false));
	}
	if (s->mem >= 0 && s->op[s->mem].kind == 'X')
		prep_vsib(g, s, a);
	if (f & FM_FLAGS) {
		u32 v = random_flags(g);

		push_imm(g, v);
	}
	if (f & FM_FRAME) {
		if (often(g))
			gen_raw32(g, (u8[]){ 0x48, 0x89, 0xe5 } + g->q->bits32, 3 - g->q->bits32, FIX_NONE, 0, 0);
		if (a->imm_len) /* enter: 16 bits of size, then the level */
			a->imm = (a->imm & 0x38) | (u64)rng_below(&g->rng, 4) << 16;
	}
	return true;
}

/* Flags that the manual leaves undefined after instructions the engine does in C are set to zero.
 * All other undefined flags come out of the same processor on both sides. SDM volume 2. */
static void wipe_flags(struct gen *g, const struct spec *s)
{
	static const struct {
		const char *names;
		u32 undefined;
	} rows[] = {
		{ "daa das", FL_OF },
		{ "aaa aas", FL_OF | FL_SF | FL_ZF | FL_PF },
		{ "aam aad", FL_OF | FL_AF | FL_CF },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 keep = ~rows[i].undefined;

		if (!(s->form->flags & FM_WIPED) || !strstr(rows[i].names, s->form->name))
			continue;
		gen_raw32(g, (u8[]){ 0x9c }, 1, FIX_NONE, 0, 0); /* pushfd; and dword [esp], keep; popfd */
		gen_raw32(g, (u8[]){ 0x67, 0x81, 0x24, 0x24, (u8)keep, (u8)(keep >> 8), 0xff, 0xff } +
			  !g->q->bits16, 7 + g->q->bits16, FIX_NONE, 0, 0);
		gen_raw32(g, (u8[]){ 0x9d }, 1, FIX_NONE, 0, 0);
	}
}

void prep_after(struct gen *g, const struct spec *s, const struct args *a)
{
	if (s->form->flags & FM_ENV)
		wipe_env(g, &a->m);
	if (s->form->flags & FM_FXSAVE)
		wipe_fxsave(g, &a->m);
	wipe_flags(g, s);
	if (s->class == CLASS_STRING && rng_permille(&g->rng, 900))
		gen_raw(g, (u8[]){ 0xfc }, 1);
}
