/* gen.c - makes the sequence that belongs to a seed: forms, branches, loops and calls. */
#include "gen.h"

#include <string.h>

struct item *item_add(struct gen *g)
{
	struct item *it = &g->q->item[g->q->n];

	BUG_ON(g->q->n >= SEQ_ITEMS);
	g->q->n++;
	*it = (struct item){ .spec = ITEM_RAW, .group = (u16)g->group };
	return it;
}

void gen_raw(struct gen *g, const u8 *bytes, unsigned len)
{
	struct item *it = item_add(g);

	memcpy(it->bytes, bytes, len);
	it->len = (u8)len;
}

/* As gen_raw, for an instruction of 32 bits, which wants a prefix in 16-bit code. */
struct item *gen_raw32(struct gen *g, const u8 *bytes, unsigned len, u8 fix, u8 fix_at, u32 target)
{
	u8 b[16] = { 0x66 };
	struct item *it;

	memcpy(b + g->q->bits16, bytes, len);
	gen_raw(g, b, len + g->q->bits16);
	it = &g->q->item[g->q->n - 1];
	it->fix = fix;
	it->fix_at = (u8)(fix_at + g->q->bits16);
	it->target = (u16)target;
	return it;
}

/* The item of a helper instruction; its form is not counted. */
void gen_args(struct gen *g, const struct spec *s, const struct args *a)
{
	struct item it = { .spec = ITEM_RAW, .group = (u16)g->group };

	if (encode(g, s, a, &it))
		*item_add(g) = it;
}

static unsigned mov_imm_head(const struct gen *g, u8 reg, bool wide, u8 *b)
{
	unsigned n = 0;

	if (!g->q->bits32 && (wide || reg > 7))
		b[n++] = (u8)(0x40 | wide << 3 | reg >> 3);
	b[n++] = 0xb8 | (reg & 7);
	return n;
}

void gen_mov_imm(struct gen *g, u8 reg, u64 v)
{
	bool wide = !g->q->bits32 && v >> 32;
	u8 b[16];
	unsigned n = mov_imm_head(g, reg, wide, b);

	memcpy(b + n, &v, wide ? 8 : 4);
	gen_raw32(g, b, n + (wide ? 8 : 4), FIX_NONE, 0, 0);
}

void gen_mov_target(struct gen *g, u8 reg, u32 group)
{
	bool wide = !g->q->bits32 && g->slide >> 32;
	u8 b[16] = { 0 };
	unsigned n;

	if (!g->q->bits32 && rng_permille(&g->rng, 500)) {
		/* lea reg, [rip + target] */
		u8 lea[7] = { 0x48 | reg >> 3 << 2, 0x8d, (u8)((reg & 7) << 3 | 5) };

		gen_raw32(g, lea, sizeof(lea), FIX_RIP_ITEM, 3, group);
		return;
	}
	n = mov_imm_head(g, reg, wide, b);
	gen_raw32(g, b, n + (wide ? 8 : 4), wide ? FIX_ABS64 : FIX_ABS32, (u8)n, group);
}

u32 target_choose(struct gen *g)
{
	return g->group + (rng_permille(&g->rng, 50) ? 1 : 2 + rng_below(&g->rng, 4));
}

static bool moves_stack(const struct spec *s)
{
	const char *n = s->form->name;

	return !strncmp(n, "push", 4) || !strncmp(n, "pop", 3) || !strncmp(n, "call", 4) ||
	       !strncmp(n, "ret", 3) || !strcmp(n, "enter") || !strcmp(n, "leave") || !strncmp(n, "iret", 4);
}

static bool is_branch(const struct spec *s)
{
	return s->nops && s->op[s->nops - 1].kind == 'J';
}

/* What forbids this form now. */
static bool unusable(const struct gen *g, const struct spec *s)
{
	u16 keep = g->keep;

	/* Their pointers have another size there. */
	if (g->q->bits16 && (s->form->flags & FM_FAR || (s->form->flags & FM_SEL && s->mem >= 0)))
		return true;
	/* With a mask of zeros it is the processor's choice to look at the segment at all. */
	if (s->form->flags & FM_MASKED && s->form->flags & FM_DI && g->q->init.sel[SEG_DS] & 4)
		return true;
	/* What must be wiped behind it cannot be the last. */
	if (g->trap && (s->form->flags & FM_WIPES))
		return true;
	if (s->form->clob & keep)
		return true;
	if ((s->form->flags & FM_SI && keep >> RSI & 1) || (s->form->flags & FM_DI && keep >> RDI & 1) ||
	    (s->form->flags & FM_BX && keep >> RBX & 1) || (s->form->flags & FM_FRAME && keep >> RBP & 1))
		return true;
	return g->balanced && (moves_stack(s) || (s->form->flags & (FM_RET | FM_TARGET | FM_FAR)) || is_branch(s));
}

static void branch_args(struct gen *g, const struct spec *s, struct args *a)
{
	bool byte = s->op[s->nops - 1].size == 'b';

	a->imm_fix = byte ? FIX_REL8 : FIX_REL32;
	a->imm_len = byte ? 1 : 4;
	(void)g;
}

/* One drawn form with what it needs before and after; false when it did not work out. */
static bool add_form(struct gen *g, struct spec *s)
{
	struct item it = { .spec = (u16)(s - specs), .group = (u16)g->group };
	u32 mark = g->q->n;
	struct args a;

	if (unusable(g, s) || !operands_choose(g, s, &a))
		return false;
	if (is_branch(s))
		branch_args(g, s, &a);
	g->trap = false;
	if (!prep_before(g, s, &a) || !encode(g, s, &a, &it)) {
		g->q->n = mark;
		return false;
	}
	if (is_branch(s))
		it.target = (u16)target_choose(g);
	it.spec = (u16)(s - specs);
	it.group = (u16)g->group;
	*item_add(g) = it;
	prep_after(g, s, &a);
	return true;
}

static void add_plain(struct gen *g)
{
	for (unsigned i = 0; i < 50; i++) {
		struct spec *s = spec_draw(&g->rng, g->q->bits32);

		if (s && add_form(g, s))
			break;
	}
	g->group++;
}

/* Changes the code ahead: an immediate, or a whole instruction of one byte. The processor must see
 * it at once; SDM 3A 11.6. */
static void add_code_store(struct gen *g, u32 target, bool opcode)
{
	static const u8 stores[][3] = { /* opcode, modrm.reg, bytes of immediate */
		{ 0xc7, 0, 4 }, { 0xc6, 0, 1 }, { 0x80, 0, 1 }, { 0x80, 6, 1 }, { 0x81, 5, 4 },
	};
	static const u8 singles[] = { 0x90, 0xf5, 0xf8, 0xf9, 0xfc };
	const u8 *st = stores[opcode ? 1 : rng_below(&g->rng, ARRAY_SIZE(stores))];
	u8 b[16] = { st[0], (u8)(st[1] << 3 | 5) };
	u32 imm = (u32)rng_next(&g->rng);
	struct item *it;

	if (opcode)
		imm = singles[rng_below(&g->rng, ARRAY_SIZE(singles))];
	memcpy(b + 6, &imm, st[2]);
	gen_raw(g, b, 6u + st[2]);
	it = &g->q->item[g->q->n - 1];
	it->fix = g->q->bits32 ? FIX_ABS32 : FIX_RIP_ITEM;
	it->fix_at = 2;
	it->target = (u16)target;
	it->va = opcode ? 0 : 1;
}

static bool add_self_modification(struct gen *g)
{
	bool opcode = rng_permille(&g->rng, 300);
	u8 reg = reg_write(g, true);
	u32 n = rng_below(&g->rng, 3);

	if (reg == NO_REG || g->base[SEG_DS] || g->q->bits16)
		return false;
	add_code_store(g, g->group + n + 1, opcode);
	g->group++;
	while (n--)
		add_plain(g);
	if (opcode)
		gen_raw(g, (u8[]){ 0x90 }, 1);
	else
		gen_raw(g, (u8[]){ 0xb8 | reg, 1, 2, 3, 4 }, 5); /* mov reg, imm32 */
	g->group++;
	return true;
}

/* No branch from before may go behind this point: it would skip a loop counter's start. */
static void clamp_targets(struct gen *g)
{
	for (u32 i = 0; i < g->q->n; i++)
		if (g->q->item[i].fix && g->q->item[i].target > g->group)
			g->q->item[i].target = (u16)g->group;
}

static void add_body(struct gen *g, u32 n)
{
	while (n--)
		if (!rng_permille(&g->rng, 20) || !add_self_modification(g))
			add_plain(g);
	clamp_targets(g);
}

static void add_jump_back(struct gen *g, u8 counter, u32 start)
{
	static const u8 jnz[] = { 0x0f, 0x85, 0, 0, 0, 0 };
	u8 dec[4] = { 0x48 | counter >> 3, 0xff, 0xc8 | (counter & 7) };

	/* 32-bit code has no REX. */
	if (g->q->bits32)
		gen_raw(g, dec + 1, 2);
	else
		gen_raw(g, dec, 3);
	gen_raw32(g, jnz, 6, FIX_REL32, 2, start);
}

/* The counter's start and the jump back are one step in one group each side of the body. */
static u32 add_loop(struct gen *g)
{
	u8 counter = reg_write(g, false);
	u32 n = 1 + rng_below(&g->rng, 6), start;

	if (counter == NO_REG || (g->keep >> counter & 1))
		return 0;
	clamp_targets(g);
	gen_mov_imm(g, counter, 2 + rng_below(&g->rng, 9));
	start = ++g->group;
	g->keep |= (u16)(1u << counter);
	g->loops++;
	add_body(g, n);
	add_jump_back(g, counter, start);
	g->loops--;
	g->keep &= (u16)~(1u << counter);
	g->group++;
	return n + 2;
}

static void add_branch_to(struct gen *g, u8 opcode, u32 group)
{
	gen_raw32(g, (u8[]){ opcode, 0, 0, 0, 0 }, 5, FIX_REL32, 1, group);
}

/* call F; jmp after; F: body; ret; after: */
static u32 add_call(struct gen *g)
{
	u32 n = 1 + rng_below(&g->rng, 4);
	bool was = g->balanced;

	clamp_targets(g);
	add_branch_to(g, 0xe8, g->group + 2);
	g->group++;
	add_branch_to(g, 0xe9, g->group + n + 2);
	g->group++;
	g->balanced = true;
	while (n--)
		add_plain(g);
	g->balanced = was;
	gen_raw32(g, (u8[]){ 0xc3 }, 1, FIX_NONE, 0, 0);
	g->group++;
	return 4;
}

static void choose_shape(struct gen *g, const struct gen_options *o)
{
	struct seq *q = g->q;

	q->bits32 = rng_permille(&g->rng, o->bits32);
	q->bits16 = q->bits32 && !o->no_ldt && rng_permille(&g->rng, o->bits16);
	q->slide = (u8)rng_below(&g->rng, q->bits32 ? SLIDE_HIGH : SLIDE_N);
	q->salt = (u32)rng_next(&g->rng);
	q->place = (u32)rng_next(&g->rng);
	g->slide = slides[q->slide];
	g->no_ldt = o->no_ldt;
}

void seq_generate(struct seq *q, u64 seed, const struct gen_options *o)
{
	struct gen g = { .rng = { seed * 0x9e3779b97f4a7c15ull ^ 0x5851f42d4c957f2dull }, .q = q };
	u32 n;

	q->seed = seed;
	q->n = 0;
	choose_shape(&g, o);
	init_choose(&g);
	n = (u32)rng_in(&g.rng, o->min, o->max);
	while (g.group < n && q->n < SEQ_ITEMS - 200) {
		u32 r = rng_below(&g.rng, 1000);

		if (r < 40)
			add_loop(&g);
		else if (r < 70)
			add_call(&g);
		else if (r < 78)
			add_self_modification(&g);
		else
			add_plain(&g);
	}
	q->groups = g.group;
	seq_lay_out(q);
}
