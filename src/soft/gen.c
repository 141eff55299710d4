/* gen.c - one block's host code: entries, each action, the ways on to other blocks. */
#include "soft/translate.h"

static bool wants_links(const struct tr *t)
{
	return !(t->mode & M_ONE) && !t->so->single_step;
}

/*E:170 Three ways into a block
 * The indirect entry is where jump caches and return sites lead: it compares the guest rip in
 * T0 with the block's own. The checked entry asks the execute TLB whether the block's page
 * still maps the physical page it was translated from. The plain entry trusts its caller, a
 * block of the same page. None of them touches the flags.
 */
static void jump_if_zero_else(struct tr *t, u64 minus, u8 reg, u32 else_jump)
{
	u32 ok;

	emit_mov_imm64(&t->e, T1, minus);
	emit_lea(&t->e, T1, M_BXD(T1, reg, 0));
	ok = emit_jrcxz(&t->e);
	emit_jmp(&t->e, else_jump);
	emit_jrcxz_end(&t->e, ok);
}

/* Does the page at lin still map the physical page at gpa? If not, the dispatcher finds out. */
static void page_check(struct tr *t, u64 lin, gpa_t gpa)
{
	struct emit *e = &t->e;
	u32 ok;

	if (!(t->mode & M_CODE64))
		lin = (u32)lin;
	emit_load(e, T0, M_GS(OFF(itlb) + ((t->mode & M_CPL) == 3) * sizeof(t->s->itlb[0]) +
			      itlb_index(lin) * 8));
	emit_mov_imm64(e, T1, -itlb_tag(lin, gpa.at));
	emit_lea(e, T1, M_BXD(T1, T0, 0));
	ok = emit_jrcxz(e);
	emit_mov_imm(e, T0, t->b->pc);
	emit_jmp(e, t->so->thunk.jump);
	emit_jrcxz_end(e, ok);
}

static void gen_budget(struct tr *t)
{
	struct emit *e = &t->e;
	u32 enough;

	emit_store(e, M_GS(8 * RAX), H_RAX);
	emit_flags_save(e);
	emit_op_mem(e, 0x83, true, 5, M_GS(OFF(budget)));
	e8(e, (u8)t->n);
	enough = emit_jcc(e, 9, 0);
	emit_op_mem(e, 0x83, true, 0, M_GS(OFF(budget)));
	e8(e, (u8)t->n);
	emit_flags_load(e);
	emit_load(e, H_RAX, M_GS(8 * RAX));
	emit_mov_imm(e, T0, t->b->pc);
	emit_jmp(e, t->so->thunk.budget);
	emit_patch(e, enough, emit_off(e));
	emit_flags_load(e);
	emit_load(e, H_RAX, M_GS(8 * RAX));
}

void gen_entry(struct tr *t)
{
	struct block *b = t->b;
	struct emit *e = &t->e;
	u64 lin = linear_of(t, b->pc);

	b->indirect = emit_off(e);
	jump_if_zero_else(t, -b->pc, T0, t->so->thunk.jump);
	b->checked = emit_off(e);
	page_check(t, lin, b->gpa);
	if (b->crosses)
		page_check(t, (lin | (GUEST_PAGE_SIZE - 1)) + 1, b->gpa2);
	b->entry = emit_off(e);
	if (t->so->deterministic)
		gen_budget(t);
}

/* ---- exits ---- */

static void poll(struct tr *t, unsigned insn_off, u8 flags)
{
	site_add(t, insn_off, flags);
	emit_load(&t->e, T1, M_GS(OFF(poll)));
	emit_load32(&t->e, T1, M_BASE(T1));
}

static u64 cut_pc(const struct tr *t, u64 pc) { return t->mode & M_CODE64 ? pc : (u32)pc; }

/* The host's r10, of no use between blocks, tells the dispatcher which block a branch leaves and
 * what it has taken from the stack, so that a target that is no address faults at the branch. */
static void branch_mark(struct tr *t, unsigned popped)
{
	emit_mov_imm(&t->e, H_R10, emit_off(&t->e) | (u64)popped << CACHE_BITS);
}

/* Jump (or call) to the block at pc. */
static void go(struct tr *t, u64 pc, u32 mode, bool call)
{
	unsigned x;

	pc = cut_pc(t, pc);
	if (!wants_links(t)) {
		emit_mov_imm(&t->e, H_R10, 0); /* a direct branch leads to an address */
		emit_mov_imm(&t->e, T0, pc);
		emit_jmp(&t->e, t->so->thunk.jump);
		return;
	}
	x = exit_add(t, pc, mode);
	if (pc <= t->in[t->now].in.pc)
		poll(t, x, SITE_PC_IMM);
	emit_align4(&t->e, 1);
	t->exit[x].jmp = call ? emit_call(&t->e, 0) : emit_jmp(&t->e, 0);
}

/* Jump (or call) to the guest address in T0. */
static void go_indirect(struct tr *t, bool call)
{
	int slot = soft_mode_slot(t->so, t->mode & M_KEPT);

	branch_mark(t, 0);
	if (!wants_links(t) || slot < 0 || (t->mode & M_CS_BASE)) {
		emit_jmp(&t->e, t->so->thunk.jump);
		return;
	}
	poll(t, 0, SITE_PC_T0);
	emit_op_reg(&t->e, 0x0fb7, false, T1, T0); /* movzx ecx, r11w */
	emit_op_mem(&t->e, 0xff, false, call ? 2 : 4,
		    M_GSX(T1, 8, OFF(jc) + (u32)slot * sizeof(t->s->jc[0])));
}

/* Where a host `ret` comes back to after a call: T0 is the guest's return address. */
static void return_site(struct tr *t, u64 pc)
{
	unsigned x;

	jump_if_zero_else(t, -pc, T0, t->so->thunk.jc_go);
	x = exit_add(t, pc, t->mode & M_KEPT);
	t->exit[x].checked = true;
	emit_align4(&t->e, 1);
	t->exit[x].jmp = emit_jmp(&t->e, 0);
}

void gen_side(struct tr *t)
{
	const struct dinsn *d = &t->in[t->now];

	regs_canonical(t);
	gen_give_back(t, t->n - t->now - 1);
	go(t, d->again ? d->in.pc + d->in.len : d->target, t->mode & M_KEPT, false);
}

void gen_give_back(struct tr *t, unsigned n)
{
	if (!t->so->deterministic || !n)
		return;
	emit_load(&t->e, T0, M_GS(OFF(budget)));
	emit_lea(&t->e, T0, M_BD(T0, (i32)n));
	emit_store(&t->e, M_GS(OFF(budget)), T0);
}

void gen_exit_stubs(struct tr *t)
{
	for (unsigned i = 0; i < t->nexits; i++) {
		struct exit *x = &t->exit[i];

		x->unlinked = emit_off(&t->e);
		emit_patch(&t->e, x->jmp, x->unlinked);
		emit_mov_imm64(&t->e, T0, (u64)(uintptr_t)&t->b->exits[i]);
		emit_jmp(&t->e, t->so->thunk.link);
	}
}

void gen_next(struct tr *t, u64 pc)
{
	regs_canonical(t);
	go(t, pc, t->mode & M_KEPT, false);
}

/* ---- actions ---- */

static void gen_copy(struct tr *t, const struct dinsn *d)
{
	if (d->in.is_mem) {
		mem_access(t, 0, (struct body){ .kind = BODY_COPY });
		return;
	}
	site_add(t, 0, 0);
	copy_insn(t, d, NULL);
}

static void gen_lea(struct tr *t, const struct dinsn *d)
{
	u8 dst = t->regs.loc[d->mod_reg];
	struct mref m = { GPR_NONE, GPR_NONE, d->in.scale, false, (i32)d->in.disp };
	struct emit *e = &t->e;
	bool wide = d->in.opsize == 8 && d->in.addrsize == 8;
	u8 to = d->in.opsize == 2 || d->in.addrsize == 2 ? T0 : dst;

	if (d->in.base < 16)
		m.base = t->regs.loc[d->in.base];
	if (d->in.index < 16)
		m.index = t->regs.loc[d->in.index];
	if (m.base == GPR_NONE && m.index == GPR_NONE) {
		u64 at = (u64)d->in.disp + (d->in.base == GPR_RIP ? d->in.pc + d->in.len : 0);

		emit_mov_imm(e, to, wide ? at : (u32)at);
	} else {
		emit_op_mem(e, 0x8d, wide, to, m);
	}
	if (to == dst)
		return;
	if (d->in.addrsize == 2)
		emit_op_reg(e, 0x0fb7, false, T0, T0);
	if (d->in.opsize == 2)
		e8(e, 0x66);
	emit_op_reg(e, 0x8b, false, dst, T0);
}

static u8 word(const struct tr *t) { return t->mode & M_CODE64 ? 8 : 4; }

static void gen_push(struct tr *t, const struct dinsn *d)
{
	struct body b = { .size = word(t), .bump = (i8)-word(t) };

	if (d->in.is_mem) {
		mem_access(t, 0, (struct body){ .kind = BODY_LOAD_T0, .size = word(t) });
		emit_store(&t->e, M_GS(OFF(operand)), T0);
		b.kind = BODY_PUSH_OPERAND;
		mem_access(t, 1, b);
		return;
	}
	if (d->op_gpr || d->has_modrm) {
		b.kind = BODY_PUSH_REG;
		b.reg = d->mod_rm;
	} else {
		b.kind = BODY_PUSH_IMM;
		b.imm = d->in.imm;
	}
	mem_access(t, 0, b);
}

static void gen_pop(struct tr *t, const struct dinsn *d)
{
	mem_access(t, 0, (struct body){ .kind = BODY_POP_REG, .reg = d->mod_rm, .size = word(t),
					.bump = (i8)word(t) });
}

static void gen_leave(struct tr *t)
{
	u8 rbp = t->regs.loc[RBP];

	mem_access(t, 0, (struct body){ .kind = BODY_LOAD_T0, .size = word(t) });
	if (t->mode & M_CODE64)
		emit_lea(&t->e, soft_home[RSP], M_BD(rbp, 8));
	else
		emit_lea32(&t->e, soft_home[RSP], M_BD(rbp, 4));
	emit_mov_rr(&t->e, rbp, T0);
}

/* or ecx, (gs byte or dword, masked) << shift; T0 is spent. */
static void flags_or(struct tr *t, u32 op, u32 off, u32 mask, u8 shift)
{
	struct emit *e = &t->e;

	emit_op_mem(e, op, false, T0, M_GS(off));
	emit_op_reg(e, 0x81, false, 4, T0); /* and */
	e32(e, mask);
	emit_op_reg(e, 0xc1, false, 4, T0); /* shl */
	e8(e, shift);
	emit_op_reg(e, 0x0b, false, T1, T0);
}

static void gen_pushf(struct tr *t)
{
	struct emit *e = &t->e;

	emit_store(e, M_GS(8 * RAX), H_RAX);
	emit_flags_save(e);
	emit_op_mem(e, 0x89, false, H_RAX, M_GS(OFF(flags_ax)));
	e8(e, 0x0f); /* movzx ecx, ah */
	e8(e, 0xb6);
	e8(e, 0xcc);
	flags_or(t, 0x8b, OFF(flags_ax), 1, 11);
	flags_or(t, 0x0fb6, OFF(iff), 1, 9);
	flags_or(t, 0x0fb6, OFF(df), 1, 10);
	flags_or(t, 0x0fb6, OFF(ac), 1, 18);
	flags_or(t, 0x8b, OFF(v.rflags), FL_TF | FL_IOPL | FL_NT | FL_ID | FL_1, 0);
	emit_store(e, M_GS(OFF(operand)), T1);
	emit_flags_load(e);
	emit_load(e, H_RAX, M_GS(8 * RAX));
	mem_access(t, 0, (struct body){ .kind = BODY_PUSH_OPERAND, .size = 8, .bump = -8 });
}

static void gen_swapgs(struct tr *t)
{
	struct mref base = M_GS(offsetof(struct vcpu, seg) + SEG_GS * sizeof(struct seg) +
				offsetof(struct seg, base));
	struct mref other = M_GS(OFF(v.kernel_gs_base));

	emit_load(&t->e, T0, base);
	emit_load(&t->e, T1, other);
	emit_store(&t->e, base, T1);
	emit_store(&t->e, other, T0);
}

/* The target of an indirect branch into gs:[operand]. */
static void target_keep(struct tr *t, const struct dinsn *d)
{
	if (d->in.is_mem) {
		mem_access(t, 0, (struct body){ .kind = BODY_LOAD_T0, .size = word(t) });
		emit_store(&t->e, M_GS(OFF(operand)), T0);
		return;
	}
	if (t->mode & M_CODE64) {
		emit_store(&t->e, M_GS(OFF(operand)), t->regs.loc[d->mod_rm]);
		return;
	}
	emit_mov32_rr(&t->e, T0, t->regs.loc[d->mod_rm]);
	emit_store(&t->e, M_GS(OFF(operand)), T0);
}

/* The target of a branch through a register into T0; registers are at home. */
static void target_now(struct tr *t, const struct dinsn *d)
{
	u8 h = t->regs.loc[d->mod_rm];

	if (h == LOC_MEM)
		emit_load(&t->e, T0, M_GS(8 * d->mod_rm));
	else
		emit_mov_rr(&t->e, T0, h);
	if (!(t->mode & M_CODE64))
		emit_mov32_rr(&t->e, T0, T0);
}

static void gen_jmp(struct tr *t, const struct dinsn *d)
{
	if (!d->has_modrm) {
		regs_canonical(t);
		go(t, d->target, t->mode & M_KEPT, false);
		return;
	}
	if (d->in.is_mem) {
		mem_access(t, 0, (struct body){ .kind = BODY_LOAD_T0, .size = word(t) });
		regs_canonical(t); /* leaves T0 alone */
	} else {
		regs_canonical(t);
		target_now(t, d);
	}
	go_indirect(t, false);
}

/* A call's target is looked at before anything is pushed: for any but canonical addresses the
 * host's hlt raises the guest's #GP. Without the flags: the upper 16 bits of target + 2^47 come
 * down by bswap. */
static void canonical_check(struct tr *t, const struct dinsn *d)
{
	struct emit *e = &t->e;
	u32 ok;

	if (!(t->mode & M_CODE64))
		return;
	emit_mov_imm64(e, T1, 1ull << 47);
	emit_lea(e, T1, M_BXD(T1, d->in.is_mem ? T0 : t->regs.loc[d->mod_rm], 0));
	e8(e, 0x48); /* bswap rcx */
	e8(e, 0x0f);
	e8(e, 0xc9);
	emit_op_reg(e, 0x0fb7, false, T1, T1);
	ok = emit_jrcxz(e);
	site_add(t, 0, 0);
	e8(e, 0xf4);
	emit_jrcxz_end(e, ok);
}

static void gen_call(struct tr *t, const struct dinsn *d)
{
	u64 ret = cut_pc(t, d->in.pc + d->in.len);
	struct body b = {.kind = BODY_PUSH_IMM, .size = word(t), .bump = (i8)-word(t), .imm = ret};

	bool early = d->in.is_mem || (d->has_modrm && d->mod_rm == RSP); /* before rsp moves */

	if (early)
		target_keep(t, d);
	if (d->has_modrm)
		canonical_check(t, d);
	mem_access(t, d->in.is_mem, b);
	regs_canonical(t);
	if (d->has_modrm) {
		if (early)
			emit_load(&t->e, T0, M_GS(OFF(operand)));
		else
			target_now(t, d);
		go_indirect(t, true);
	} else {
		go(t, d->target, t->mode & M_KEPT, true);
	}
	if (wants_links(t))
		return_site(t, ret);
}

static void gen_ret(struct tr *t, const struct dinsn *d)
{
	i32 drop = word(t) + (d->imm_len ? (i32)(u16)d->in.imm : 0);

	mem_access(t, 0, (struct body){ .kind = BODY_LOAD_T0, .size = word(t) });
	if (t->mode & M_CODE64)
		emit_lea(&t->e, soft_home[RSP], M_BD(soft_home[RSP], drop));
	else
		emit_lea32(&t->e, soft_home[RSP], M_BD(soft_home[RSP], drop));
	regs_canonical(t);
	branch_mark(t, (unsigned)drop);
	if (wants_links(t))
		e8(&t->e, 0xc3);
	else
		emit_jmp(&t->e, t->so->thunk.jump);
}

static void gen_jcc(struct tr *t, const struct dinsn *d)
{
	u32 taken;

	if (t->now != t->n - 1) { /* the block goes on; the way out is made with the stubs */
		mem_side(t, emit_jcc(&t->e, d->again ? d->cc ^ 1 : d->cc, 0));
		return;
	}
	regs_canonical(t);
	taken = emit_jcc(&t->e, d->cc, 0);
	go(t, d->in.pc + d->in.len, t->mode & M_KEPT, false);
	emit_patch(&t->e, taken, emit_off(&t->e));
	go(t, d->target, t->mode & M_KEPT, false);
}

static void gen_in_c(struct tr *t, const struct dinsn *d)
{
	struct insn *in = insn_keep(t, d);

	regs_canonical(t);
	site_add(t, 0, 0);
	emit_mov_imm64(&t->e, T0, (u64)(uintptr_t)in);
	if (d->action == A_CALL)
		emit_call(&t->e, t->so->thunk.call);
	else
		emit_jmp(&t->e, t->so->thunk.insn_end);
}

/* stac and clac: the same code goes on in another view of memory, so in another mode. */
static void gen_ac(struct tr *t, const struct dinsn *d, bool ac)
{
	u32 mode = t->mode & M_KEPT & ~(u32)M_AC;
	int slot;

	if (ac && (t->mode & M_SMAP))
		mode |= M_AC;
	regs_canonical(t);
	emit_store_imm8(&t->e, M_GS(OFF(ac)), ac);
	if (mode == (t->mode & M_KEPT)) {
		go(t, d->in.pc + d->in.len, mode, false);
		return;
	}
	slot = soft_mode_slot(t->so, mode);
	emit_store_imm32(&t->e, M_GS(OFF(mode)), mode, false);
	emit_store_imm32(&t->e, M_GS(OFF(jc_now)),
			 slot < 0 ? OFF(jc_none) : OFF(jc) + (u32)slot * (u32)sizeof(t->s->jc[0]),
			 true);
	emit_load(&t->e, H_RSP, M_GS(OFF(ras_top)));
	go(t, d->in.pc + d->in.len, mode, false);
}

static void gen_sti(struct tr *t, const struct dinsn *d)
{
	site_add(t, d->in.len, SITE_STI);
	emit_load(&t->e, T1, M_GS(OFF(sti_poll)));
	emit_load32(&t->e, T1, M_BASE(T1));
	emit_store_imm8(&t->e, M_GS(OFF(iff)), 1);
}

void gen_insn(struct tr *t)
{
	struct dinsn *d = &t->in[t->now];
	u16 in = d->gpr_in, out = d->gpr_out;

	if (d->action == A_CALL || d->action == A_END || d->action == A_UD ||
	    d->action == A_NOP)
		in = out = 0;
	if ((t->mode & M_CODE64) && !(t->mode & M_NOMERGE))
		mem_hoisted(t);
	regs_need(t, in, out);
	switch (d->action) {
	case A_COPY:
	case A_BT:
		gen_copy(t, d);
		break;
	case A_NOP:
		break;
	case A_LEA:
		gen_lea(t, d);
		break;
	case A_PUSH:
		gen_push(t, d);
		break;
	case A_POP:
		gen_pop(t, d);
		break;
	case A_LEAVE:
		gen_leave(t);
		break;
	case A_JMP:
		gen_jmp(t, d);
		break;
	case A_JCC:
		gen_jcc(t, d);
		break;
	case A_CALL_NEAR:
		gen_call(t, d);
		break;
	case A_RET:
		gen_ret(t, d);
		break;
	case A_CLI:
		emit_store_imm8(&t->e, M_GS(OFF(iff)), 0);
		break;
	case A_STI:
		gen_sti(t, d);
		break;
	case A_CLD:
	case A_STD:
		emit_store_imm8(&t->e, M_GS(OFF(df)), d->action == A_STD);
		break;
	case A_CLAC:
	case A_STAC:
		gen_ac(t, d, d->action == A_STAC);
		break;
	case A_PUSHF:
		gen_pushf(t);
		break;
	case A_SWAPGS:
		gen_swapgs(t);
		break;
	case A_RDTSCP:
		site_add(t, 0, 0);
		e8(&t->e, 0x0f);
		e8(&t->e, 0x01);
		e8(&t->e, 0xf9);
		emit_load32(&t->e, soft_home[RCX], M_GS(OFF(v.tsc_aux)));
		break;
	case A_RDTSC:
		site_add(t, 0, 0);
		e8(&t->e, 0x0f);
		e8(&t->e, 0x31);
		break;
	default:
		gen_in_c(t, d);
		break;
	}
	regs_expire(t);
}
