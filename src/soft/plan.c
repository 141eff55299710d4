/* plan.c - what a block needs, worked out before a byte is emitted: live flags, merged checks. */
#include "soft/translate.h"

/*E:150 Merged checks
 * Most accesses of a block go through few addresses: the stack pointer, a structure, an
 * array. The plan follows registers symbolically (an unknown start plus a known offset;
 * push, pop and additions of constants only move the offset) and puts accesses with the
 * same unknown into a group. The first of a group checks the whole range at once and keeps
 * the distance from guest to host addresses in a register; the others need no check at all.
 * When a group's check fails, because its range crosses a page or lies on a device, the
 * block goes on as one without groups, so a merged check never faults by itself.
 */
#define GROUP_SPAN 512

struct syms {
	struct sym reg[16];
	u32 next;
};

static void forget(struct syms *y, unsigned g) { y->reg[g] = (struct sym){ y->next++, 0 }; }

static bool is_gpr64(const struct dinsn *d)
{
	return d->in.opsize == 8 && d->in.addrsize == 8;
}

/* Follow an instruction that moves a register by a constant; false: it does something else. */
static bool follow(struct syms *y, const struct dinsn *d)
{
	if (!is_gpr64(d))
		return false;
	switch (d->in.mnemonic) {
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
		if (d->in.is_mem || !d->imm_len || !d->rm_gpr)
			return false;
		y->reg[d->mod_rm].off += d->in.mnemonic == ZYDIS_MNEMONIC_ADD ? (i64)d->in.imm
									      : -(i64)d->in.imm;
		return true;
	case ZYDIS_MNEMONIC_LEA:
		if (d->in.index != GPR_NONE || d->in.base >= 16)
			return false;
		y->reg[d->mod_reg] = y->reg[d->in.base];
		y->reg[d->mod_reg].off += d->in.disp;
		return true;
	case ZYDIS_MNEMONIC_MOV:
		if (d->in.is_mem || !d->reg_gpr || !d->rm_gpr)
			return false;
		if (d->opcode == 0x89)
			y->reg[d->mod_rm] = y->reg[d->mod_reg];
		else
			y->reg[d->mod_reg] = y->reg[d->mod_rm];
		return true;
	default:
		return false;
	}
}

static void after(struct syms *y, const struct dinsn *d)
{
	i64 word = d->in.opsize;

	switch (d->action) {
	case A_PUSH:
	case A_PUSHF:
		y->reg[RSP].off -= word;
		return;
	case A_POP:
		y->reg[RSP].off += word;
		if (d->op_gpr || d->rm_gpr)
			forget(y, d->mod_rm);
		return;
	case A_LEAVE:
		y->reg[RSP] = y->reg[RBP];
		y->reg[RSP].off += word;
		forget(y, RBP);
		return;
	}
	if (follow(y, d))
		return;
	for (u32 m = d->gpr_out; m; m &= m - 1)
		forget(y, (unsigned)__builtin_ctz(m));
}

/* ---- accesses ---- */

static struct access *add_access(struct tr *t, unsigned i)
{
	struct access *a = &t->acc[i][t->nacc[i]++];

	*a = (struct access){
	    .base = GPR_NONE, .index = GPR_NONE, .scale = 1, .seg = SEG_SS, .group = -1};
	a->addrsize = t->in[i].in.addrsize;
	return a;
}

static void stack_access(struct tr *t, unsigned i, unsigned base, i64 disp, bool write)
{
	struct access *a = add_access(t, i);

	a->base = (u8)base;
	a->disp = disp;
	a->size = t->mode & M_CODE64 ? 8 : 4;
	a->write = write;
	a->addrsize = t->mode & M_CODE64 ? 8 : 4;
}

static void operand_access(struct tr *t, unsigned i)
{
	const struct dinsn *d = &t->in[i];
	struct access *a = add_access(t, i);

	a->base = d->in.base;
	a->index = d->in.index;
	a->scale = d->in.scale;
	a->disp = d->in.disp;
	a->seg = d->in.seg;
	if (d->in.base == GPR_RIP)
		a->base = GPR_NONE; /* the decoder's displacement becomes an address */
	if (d->in.base == GPR_RIP)
		a->disp += (i64)(d->in.pc + d->in.len);
	a->size = d->in.msize;
	a->write = d->mem_w;
}

static void accesses_of(struct tr *t, unsigned i)
{
	const struct dinsn *d = &t->in[i];
	i64 word = t->mode & M_CODE64 ? 8 : 4;

	if (d->in.is_mem && (d->action == A_COPY || d->action == A_PUSH || d->action == A_JMP ||
			     d->action == A_CALL_NEAR || d->action == A_BT))
		operand_access(t, i);
	switch (d->action) {
	case A_PUSH:
	case A_PUSHF:
	case A_CALL_NEAR:
		stack_access(t, i, RSP, -word, true);
		break;
	case A_POP:
	case A_RET:
		stack_access(t, i, RSP, 0, false);
		break;
	case A_LEAVE:
		stack_access(t, i, RBP, 0, false);
		break;
	}
}

/* ---- groups ---- */

struct key {
	u32 base_id, index_id;
	u8 scale, seg;
	i64 off;
};

static bool key_of(const struct syms *y, const struct access *a, struct key *ret)
{
	i64 off = a->disp;

	if (a->addrsize != 8 || a->size == 0)
		return false;
	*ret = (struct key){.scale = a->index == GPR_NONE ? 1 : a->scale,
			    .seg = a->seg == SEG_FS || a->seg == SEG_GS ? a->seg : SEG_DS};
	if (a->base != GPR_NONE) {
		ret->base_id = y->reg[a->base].id;
		off += y->reg[a->base].off;
	}
	if (a->index != GPR_NONE) {
		ret->index_id = y->reg[a->index].id;
		off += y->reg[a->index].off * a->scale;
	}
	if (a->base == GPR_NONE && a->index == GPR_NONE && a->disp != (i32)a->disp)
		return false;
	ret->off = off;
	return true;
}

static bool fits(const struct group *g, const struct key *k, u16 size)
{
	i64 lo = k->off < g->lo ? k->off : g->lo;
	i64 hi = k->off + size > g->hi ? k->off + size : g->hi;

	return g->base_id == k->base_id && g->index_id == k->index_id && g->scale == k->scale &&
	       g->seg == k->seg && hi - lo <= GROUP_SPAN;
}

static void join(struct tr *t, unsigned i, struct access *a, const struct key *k,
		 unsigned open_from)
{
	struct group *g = NULL;

	for (unsigned x = open_from; x < t->ngroups; x++)
		if (fits(&t->group[x], k, a->size))
			g = &t->group[x];
	if (!g) {
		if (t->ngroups == GROUPS)
			return;
		g = &t->group[t->ngroups++];
		*g = (struct group){.first = (u8)i,
				    .acc = (u8)(a - t->acc[i]),
				    .base_id = k->base_id,
				    .index_id = k->index_id,
				    .scale = k->scale,
				    .seg = k->seg,
				    .lo = k->off,
				    .hi = k->off,
				    .host = LOC_MEM};
	}
	if (k->off < g->lo)
		g->lo = k->off;
	if (k->off + a->size > g->hi)
		g->hi = k->off + a->size;
	g->last = (u8)i;
	g->n++;
	g->write |= a->write;
	a->group = (i8)(g - t->group);
}

/* Are base and index of the group's first access in the same registers before instruction p? */
static bool known_at(const struct tr *t, const struct group *g, unsigned p)
{
	const struct access *a = &t->acc[g->first][g->acc];

	if (a->base != GPR_NONE && t->sym[p][a->base].id != g->base_id)
		return false;
	if (a->index != GPR_NONE && t->sym[p][a->index].id != g->index_id)
		return false;
	return !(g->seg == SEG_GS && t->in[p].action == A_SWAPGS) && t->in[p].action != A_CALL;
}

/*
 * Where a group is checked: before its first access or, when the flags are live there, as near
 * above it as they are dead, so that they need no saving.
 */
static void place(struct tr *t, struct group *g)
{
	const struct access *a = &t->acc[g->first][g->acc];

	g->at = g->first;
	for (unsigned p = g->first; t->live[g->first] && p-- > 0 && known_at(t, g, p);)
		if (!t->live[p]) {
			g->at = (u8)p;
			break;
		}
	g->adj = g->lo - a->disp;
	if (a->base != GPR_NONE)
		g->adj -= t->sym[g->at][a->base].off;
	if (a->index != GPR_NONE)
		g->adj -= t->sym[g->at][a->index].off * a->scale;
}

/* A group of one is worth a register only when that saves saving the flags. */
static void dissolve_single(struct tr *t)
{
	for (unsigned i = 0; i < t->ngroups; i++) {
		struct group *g = &t->group[i];

		place(t, g);
		if (g->n < 2 && g->at == g->first)
			t->acc[g->first][g->acc].group = -1;
	}
}

/* Where a group's access stands in it: the distance from its lowest byte is needed at emission. */
static void groups(struct tr *t)
{
	struct syms y = { .next = 1 };
	unsigned open_from = 0;

	for (unsigned g = 0; g < 16; g++)
		forget(&y, g);
	for (unsigned i = 0; i < t->n; i++) {
		__builtin_memcpy(t->sym[i], y.reg, sizeof(y.reg));
		for (unsigned k = 0; k < t->nacc[i]; k++) {
			struct access *a = &t->acc[i][k];
			struct key key = { 0 };

			if (key_of(&y, a, &key)) {
				join(t, i, a, &key, open_from);
				a->sym_off = key.off;
			}
		}
		after(&y, &t->in[i]);
		if (t->in[i].action == A_SWAPGS) /* an addend may hold the GS base */
			open_from = t->ngroups;
		if (t->in[i].action == A_CALL) { /* C may change mappings' tags and any register */
			open_from = t->ngroups;
			for (unsigned g = 0; g < 16; g++)
				forget(&y, g);
		}
	}
	dissolve_single(t);
}

static void flags(struct tr *t)
{
	u16 live = FL_ARITH;

	for (unsigned i = t->n; i-- > 0;) {
		const struct dinsn *d = &t->in[i];

		if (d->action == A_CALL || d->action == A_END || d->action == A_PUSHF ||
		    d->action == A_JCC ||
		    t->so->precise) /* behind a jcc anything may look at the flags */
			live = FL_ARITH;
		else
			live = (u16)((live & ~d->flags_kill) | d->flags_use);
		t->live[i] = live;
	}
}

void plan(struct tr *t)
{
	t->ngroups = 0;
	for (unsigned i = 0; i < t->n; i++) {
		t->nacc[i] = 0;
		accesses_of(t, i);
	}
	flags(t);
	if ((t->mode & M_CODE64) && !(t->mode & (M_NOMERGE | M_ONE | M_ALIGN)))
		groups(t);
}
