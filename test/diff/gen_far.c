/* gen_far.c - selectors, segment bases and far pointers: what loads of segments and far transfers
 * need before them. */
#include "gen.h"

void prep_base(struct gen *g, const struct args *a)
{
	static const u64 bases[] = { 0, 0x1000, 0x123450, DATA_VA };
	u64 v = bases[rng_below(&g->rng, ARRAY_SIZE(bases))];

	if (rng_permille(&g->rng, 30))
		v |= 1ull << 55;
	gen_mov_imm(g, a->rm, v);
}

static u16 random_sel(struct gen *g)
{
	static const u16 sels[] = { 0, 3, 0x23, 0x2b, 0x33, 0x2b, 0x10, 0x18, 0x28, 0x30, 0x63, 0x80, 0x1237 };

	if (!g->no_ldt && rng_permille(&g->rng, 200))
		return (u16)(rng_below(&g->rng, LDT_ROWS + 2) << 3 | 4 | rng_below(&g->rng, 4));
	return sels[rng_below(&g->rng, ARRAY_SIZE(sels))];
}

/* mov dword/word [operand], the address of an instruction, and the selector behind it. */
static void store_far(struct gen *g, const struct memref *m, u16 sel)
{
	struct args a = { .size = 4, .mem = true, .m = *m, .imm_len = 4, .imm_fix = FIX_ABS32 };

	if (m->kind == ADDR_RIP) /* one field to fill in per instruction is all there is */
		a.imm_fix = FIX_NONE;
	gen_args(g, spec_find("mov", "=Ev,Iz"), &a);
	g->q->item[g->q->n - 1].target = (u16)target_choose(g);
	store_imm(g, m, 4, 2, sel);
}

/* A frame for iret, or a far return address, on the stack. */
static bool prep_far_stack(struct gen *g, const struct spec *s, u16 sel)
{
	bool iret = s->opcode == 0xcf;
	u8 r = reg_write(g, true);

	if (r == NO_REG || r == RSP)
		return false;
	if (s->w != 1 && !g->q->bits32)
		return rng_permille(&g->rng, 50); /* its frame is made of dwords: not with push */
	if (iret && !g->q->bits32) {
		push_imm(g, 0x2b);
		gen_raw(g, (u8[]){ 0x54 }, 1); /* push rsp */
	}
	if (iret)
		gen_raw(g, (u8[]){ 0x9c }, 1); /* pushf */
	push_imm(g, sel);
	gen_mov_target(g, r, target_choose(g));
	gen_raw(g, (u8[]){ 0x50 | r }, 1);
	return true;
}

/* Mostly the code segment that runs already: another one reads the same bytes differently. */
bool prep_far(struct gen *g, const struct spec *s, struct args *a)
{
	u16 sel = rng_permille(&g->rng, 900) ? (g->q->bits32 ? 0x23 : 0x33) : random_sel(g);

	if (s->opcode == 0xca)
		a->imm &= 0x38;
	if (!a->mem)
		return prep_far_stack(g, s, sel);
	if (g->slide >> 32 && rng_permille(&g->rng, 900))
		return false; /* the pointer has 32 bits */
	if (often(g))
		store_far(g, &a->m, sel);
	return true;
}

void prep_sel_mem(struct gen *g, const struct spec *s, const struct args *a)
{
	bool ss = s->map == 1 && s->opcode == 0xb2;
	u16 sel = ss || g->q->bits32 || rng_permille(&g->rng, 500) ? 0x2b : random_sel(g);

	if (a->mem)
		store_imm(g, &a->m, 4, 2, sel);
	else
		push_imm(g, sel);
}

void prep_sel(struct gen *g, const struct spec *s, const struct args *a)
{
	bool load = s->op[0].kind == 'S';
	u16 v = random_sel(g);

	if (load && (a->reg == 2 || g->q->bits32) && !rng_permille(&g->rng, 50))
		v = 0x2b; /* keep the sequence alive */
	gen_mov_imm(g, a->rm, v);
}
