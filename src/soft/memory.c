/* memory.c - a guest memory access in translated code: address, TLB check, the ways out of line. */
#include "soft/translate.h"

#define TLB_SHIFT 5 /* log2 of sizeof(struct tlb_entry) */
_Static_assert(sizeof(struct tlb_entry) == 1 << TLB_SHIFT, "the index is made by shift and mask");

static u32 tlb_off(const struct tr *t, size_t field)
{
	return OFF(tlb) + (u32)(t->view * sizeof(((struct soft_vcpu *)0)->tlb[0]) + field);
}

/* ---- address ---- */

static void segment(struct tr *t, const struct access *a)
{
	struct emit *e = &t->e;

	if (t->mode & M_CODE64) {
		if (a->seg != SEG_FS && a->seg != SEG_GS)
			return;
		emit_load(e, T1, M_GS(offsetof(struct vcpu, seg) + a->seg * sizeof(struct seg) +
				      offsetof(struct seg, base)));
		emit_lea(e, T0, M_BXD(T0, T1, 0));
		return;
	}
	if ((t->mode & M_FLAT) && a->seg != SEG_FS && a->seg != SEG_GS && a->seg != SEG_CS)
		return;
	emit_mov_imm(e, T1, a->size | (a->write ? DESC_W : DESC_R) | (u32)a->seg << DESC_SEG_SHIFT |
				    (t->in[t->now].waits ? DESC_WAITS : 0) | (t->in[t->now].aligned ? DESC_ALIGN : 0));
	site_add(t, 0, 0);
	emit_call(e, t->so->thunk.seg);
}

/* Linear address of an access, plus adj, into T0; clobbers T1, keeps the flags. */
static void address(struct tr *t, const struct access *a, i64 adj)
{
	struct emit *e = &t->e;
	i64 disp = a->disp + adj;
	struct mref m = { GPR_NONE, GPR_NONE, a->scale, false, (i32)disp };

	if (a->base != GPR_NONE)
		m.base = t->regs.loc[a->base];
	if (a->index != GPR_NONE)
		m.index = t->regs.loc[a->index];
	if (m.base == GPR_NONE && m.index == GPR_NONE)
		emit_mov_imm(e, T0,
			     a->addrsize == 8	? (u64)disp
			     : a->addrsize == 4 ? (u32)disp
						: (u16)disp);
	else if (a->addrsize == 8)
		emit_lea(e, T0, m);
	else
		emit_lea32(e, T0, m);
	if (a->addrsize == 2)
		emit_op_reg(e, 0x0fb7, false, T0, T0);
	segment(t, a);
}

/* bt and its kin with a register index: the word addressed moves with the index. The check needs
 * the address of that word; the host's instruction moves there by itself, so the distance is kept
 * to be taken back. SDM 2A BT. */
static void bit_index_take(struct tr *t, const struct dinsn *d)
{
	u8 reg = t->regs.loc[d->mod_reg];

	if (d->in.opsize == 8)
		emit_mov_rr(&t->e, T1, reg);
	else if (d->in.opsize == 4)
		emit_op_reg(&t->e, 0x63, true, T1, reg); /* movsxd */
	else
		emit_op_reg(&t->e, 0x0fbf, true, T1, reg); /* movsx from 16 bits */
}

/* The index is in T1. */
static void bit_index_add(struct tr *t, const struct dinsn *d)
{
	unsigned shift = d->in.opsize == 8 ? 6 : d->in.opsize == 4 ? 5 : 4;
	struct emit *e = &t->e;

	emit_op_reg(e, 0xc1, true, 7, T1); /* sar */
	e8(e, (u8)shift);
	emit_op_mem(e, 0x8d, d->in.addrsize == 8, T0,
		    ((struct mref){T0, T1, d->in.opsize, false, 0}));
	emit_op_reg(e, 0xf7, true, 3, T1); /* neg */
	emit_lea(e, T1, ((struct mref){ GPR_NONE, T1, d->in.opsize, false, 0 }));
	emit_store(e, M_GS(OFF(operand)), T1);
}

/* ---- check ---- */

/* T0 - tag stays in T0, the slot's offset in T1; jumps away when [T0, T0+len) is no hit. */
static u32 check(struct tr *t, bool write, u32 len)
{
	struct emit *e = &t->e;

	emit_mov32_rr(e, T1, T0);
	emit_op_reg(e, 0xc1, false, 5, T1); /* shr */
	e8(e, GUEST_PAGE_SHIFT - TLB_SHIFT);
	emit_op_reg(e, 0x81, false, 4, T1); /* and */
	e32(e, (TLB_N - 1) << TLB_SHIFT);
	emit_op_mem(e, 0x2b, true, T0,
		    ((struct mref){ T1, GPR_NONE, 1, true,
				    (i32)tlb_off(t, write ? offsetof(struct tlb_entry, tag_w)
							  : offsetof(struct tlb_entry, tag_r)) }));
	emit_op_reg(e, 0x81, true, 7, T0); /* cmp */
	e32(e, (u32)(GUEST_PAGE_SIZE - len));
	return emit_jcc(e, 7, 0); /* ja */
}

static void flags_save(struct tr *t)
{
	emit_store(&t->e, M_GS(8 * RAX), H_RAX);
	emit_flags_save(&t->e);
}

static void flags_load(struct tr *t)
{
	emit_flags_load(&t->e);
	emit_load(&t->e, H_RAX, M_GS(8 * RAX));
}

static struct stub *stub_add(struct tr *t, enum stub_kind kind, bool flags_saved)
{
	struct stub *s = &t->stub[t->nstubs++];

	BUG_ON(t->nstubs > STUBS);
	*s = (struct stub){
	    .kind = kind, .insn = (u8)t->now, .flags_saved = flags_saved, .regs = t->regs};
	return s;
}

/* ---- what is done once the host address is known ---- */

static void store(struct emit *e, unsigned size, unsigned reg, struct mref m)
{
	emit_op_mem(e, 0x89, size == 8, reg, m);
}

static void bump(struct tr *t, const struct body *b)
{
	if (!b->bump)
		return;
	if (t->mode & M_CODE64)
		emit_lea(&t->e, soft_home[RSP], M_BD(soft_home[RSP], b->bump));
	else
		emit_lea32(&t->e, soft_home[RSP], M_BD(soft_home[RSP], b->bump));
}

static void body_emit(struct tr *t, const struct body *b, struct mref m)
{
	const struct dinsn *d = &t->in[t->now];
	struct emit *e = &t->e;

	switch (b->kind) {
	case BODY_COPY:
		if (d->action == A_BT) {
			emit_load(e, T1, M_GS(OFF(operand)));
			emit_lea(e, T0, M_BXD(T0, T1, 0));
		}
		copy_insn(t, d, &m);
		return;
	case BODY_PUSH_REG:
		store(e, b->size, t->regs.loc[b->reg], m);
		break;
	case BODY_PUSH_IMM:
		if ((i64)b->imm == (i32)b->imm || b->size == 4) {
			emit_store_imm32(e, m, (u32)b->imm, b->size == 8);
		} else {
			emit_mov_imm(e, T1, b->imm);
			store(e, 8, T1, m);
		}
		break;
	case BODY_PUSH_OPERAND:
		emit_load(e, T1, M_GS(OFF(operand)));
		store(e, b->size, T1, m);
		break;
	case BODY_POP_REG:
		emit_op_mem(e, 0x8b, b->size == 8, t->regs.loc[b->reg], m);
		if (b->reg == RSP)
			return;
		break;
	case BODY_LOAD_T0:
		emit_op_mem(e, 0x8b, b->size == 8, T0, m);
		break;
	}
	bump(t, b);
}

/* ---- merged accesses ---- */

/* Check a group's range before the present instruction; needs its host register. */
static void group_check(struct tr *t, const struct access *a, struct group *g, i64 adj)
{
	bool live = t->live[t->now];
	u32 len = (u32)(g->hi - g->lo);
	struct stub *s;
	u32 from;

	t->regs.holder[g->host] = (u8)(HOLD_GROUP | (g - t->group));
	t->regs.active++;
	address(t, a, adj);
	if (live)
		flags_save(t);
	from = check(t, g->write, len);
	s = stub_add(t, STUB_GROUP, live);
	s->from = from;
	s->cont = emit_off(&t->e);
	s->desc = len | (g->write ? DESC_W : DESC_R);
	emit_load(&t->e, g->host,
		  ((struct mref){T1, GPR_NONE, 1, true,
				 (i32)tlb_off(t, offsetof(struct tlb_entry, addend))}));
	if (g->seg == SEG_FS || g->seg == SEG_GS) {
		emit_load(&t->e, T0, M_GS(offsetof(struct vcpu, seg) + g->seg * sizeof(struct seg) +
					  offsetof(struct seg, base)));
		emit_lea(&t->e, g->host, M_BXD(g->host, T0, 0));
	}
	if (live)
		flags_load(t);
}

static struct mref group_ref(struct tr *t, const struct access *a, const struct group *g)
{
	if (a->base == GPR_NONE && a->index == GPR_NONE)
		return M_BD(g->host, (i32)a->disp);
	if (a->index == GPR_NONE)
		return M_BXD(t->regs.loc[a->base], g->host, (i32)a->disp);
	emit_lea(&t->e, T0,
		 ((struct mref){a->base == GPR_NONE ? GPR_NONE : t->regs.loc[a->base],
				t->regs.loc[a->index], a->scale, false, (i32)a->disp}));
	return M_BXD(T0, g->host, 0);
}

static bool merged(struct tr *t, const struct access *a, const struct body *b)
{
	struct group *g;

	if (a->group < 0 || t->in[t->now].action == A_BT)
		return false;
	g = &t->group[a->group];
	if (g->host == LOC_MEM) {
		g->host = regs_temp(t, g->n >= 3);
		if (g->host == LOC_MEM)
			return false;
		group_check(t, a, g, g->lo - a->sym_off);
	}
	t->pinned |= (u16)(1 << g->host);
	site_add(t, 0, 0);
	body_emit(t, b, group_ref(t, a, g));
	return true;
}

void mem_hoisted(struct tr *t)
{
	for (unsigned i = 0; i < t->ngroups; i++) {
		struct group *g = &t->group[i];
		const struct access *a = &t->acc[g->first][g->acc];
		u16 in = 0;

		if (g->at != t->now || g->at == g->first || a->group != (i8)i)
			continue;
		if (a->base != GPR_NONE)
			in |= (u16)(1 << a->base);
		if (a->index != GPR_NONE)
			in |= (u16)(1 << a->index);
		regs_need(t, in, 0);
		g->host = regs_temp(t, g->n >= 3);
		if (g->host != LOC_MEM)
			group_check(t, a, g, g->adj);
	}
}

/* ---- an access by itself ---- */

void mem_access(struct tr *t, unsigned k, struct body body)
{
	const struct access *a = &t->acc[t->now][k];
	const struct dinsn *d = &t->in[t->now];
	bool live = t->live[t->now];
	struct stub *s;
	u32 from;

	if (merged(t, a, &body))
		return;
	address(t, a, 0);
	if (d->action == A_BT)
		bit_index_take(t, d); /* before AX is taken for the flags */
	if (live)
		flags_save(t);
	if (d->action == A_BT)
		bit_index_add(t, d);
	from = check(t, a->write, a->size);
	s = stub_add(t, STUB_SLOW, live);
	s->from = from;
	s->body = body;
	s->desc = a->size | (a->write ? DESC_W : 0) |
		  (d->mem_r || !a->write || d->in.x87 ? DESC_R : 0) | (d->waits ? DESC_WAITS : 0) |
		  (a->seg == SEG_SS ? DESC_SS : 0) | (d->aligned ? DESC_ALIGN : 0) |
		  (d->in.lock || d->in.mnemonic == ZYDIS_MNEMONIC_XCHG ? DESC_LOCK : 0);
	emit_op_mem(&t->e, 0x03, true, T0,
		    ((struct mref){T1, GPR_NONE, 1, true,
				   (i32)tlb_off(t, offsetof(struct tlb_entry, host))}));
	s->cont = emit_off(&t->e);
	if (live)
		flags_load(t);
	site_add(t, 0, 0);
	body_emit(t, &body, M_BASE(T0));
	s->after = emit_off(&t->e);
	s->noleave = decode_ends_block(d);
}

/* ---- out of line ---- */

static struct regs stub_regs(const struct stub *s)
{
	struct regs r = s->regs;

	if (s->flags_saved)
		regs_set(&r, RAX, LOC_MEM);
	return r;
}

static void stub_call(struct tr *t, const struct stub *s, u32 thunk)
{
	bool write = s->desc & DESC_W;
	struct regs r = stub_regs(s);

	emit_patch(&t->e, s->from, emit_off(&t->e));
	site_add_regs(t, &r, s->insn, 0, s->flags_saved ? SITE_FLAGS_AX : 0);
	emit_op_mem(&t->e, 0x03, true, T0,
		    ((struct mref){ T1, GPR_NONE, 1, true,
				    (i32)tlb_off(t, write ? offsetof(struct tlb_entry, tag_w)
							  : offsetof(struct tlb_entry, tag_r)) }));
	emit_mov_imm(&t->e, T1, s->desc);
	emit_call(&t->e, thunk);
	emit_jmp(&t->e, s->cont);
}

/* The thunk came back past the jump: the instruction runs here, then what it stored is put where
 * it belongs. */
static void stub_commit(struct tr *t, const struct stub *s)
{
	const struct dinsn *d = &t->in[s->insn];

	t->regs = s->regs;
	t->now = s->insn;
	if (s->flags_saved)
		flags_load(t);
	site_add(t, 0, 0);
	body_emit(t, &s->body, M_BASE(T0));
	site_add(t, d->in.len, s->noleave ? SITE_STAY : 0);
	emit_call(&t->e, t->so->thunk.commit);
	emit_jmp(&t->e, s->after);
}

static void stub_unmerge(struct tr *t, const struct stub *s)
{
	unsigned x;

	t->regs = s->regs;
	t->now = s->insn;
	t->pinned = 0;
	if (s->flags_saved)
		flags_load(t);
	regs_canonical(t);
	gen_give_back(t, t->n - s->insn); /* what the block counted for the rest of it */
	x = exit_add(t, t->in[s->insn].in.pc, (t->mode & M_KEPT) | M_NOMERGE);
	emit_align4(&t->e, 1);
	t->exit[x].jmp = emit_jmp(&t->e, 0);
}

/* A conditional jump out of the middle of the block, emitted at `from` with no target yet. */
void mem_side(struct tr *t, u32 from)
{
	stub_add(t, STUB_SIDE, false)->from = from;
}

static void stub_side(struct tr *t, const struct stub *s)
{
	t->regs = s->regs;
	t->now = s->insn;
	t->pinned = 0;
	emit_patch(&t->e, s->from, emit_off(&t->e));
	gen_side(t);
}

void mem_stubs(struct tr *t)
{
	for (unsigned i = 0; i < t->nstubs; i++) {
		const struct stub *s = &t->stub[i];

		if (s->kind == STUB_SIDE) {
			stub_side(t, s);
			continue;
		}
		stub_call(t, s, s->kind == STUB_GROUP ? t->so->thunk.group : t->so->thunk.slow);
		if (s->kind == STUB_GROUP)
			stub_unmerge(t, s);
		else if (s->desc & DESC_W)
			stub_commit(t, s);
	}
}
