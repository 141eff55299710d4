/* thunk.c - the ways in and out of translated code, emitted once into the start of the cache. */
#include "soft/emit.h"

/* Guest registers that live in a host register for good. */
const u8 soft_home[16] = {
	[RAX] = H_RAX, [RCX] = H_R14, [RDX] = H_RDX, [RBX] = H_RBX,
	[RSP] = H_R15, [RBP] = H_RBP, [RSI] = H_RSI, [RDI] = H_RDI,
	[R8] = H_R8, [R9] = H_R9, [R10] = LOC_MEM, [R11] = LOC_MEM,
	[R12] = H_R12, [R13] = H_R13, [R14] = LOC_MEM, [R15] = LOC_MEM,
};

static void homes_store(struct emit *e)
{
	for (unsigned g = 0; g < 16; g++)
		if (soft_home[g] != LOC_MEM)
			emit_store(e, M_GS(8 * g), soft_home[g]);
	emit_flags_save(e);
	emit_op_mem(e, 0x89, false, H_RAX, M_GS(OFF(flags_ax)));
}

static void homes_load(struct emit *e)
{
	emit_load32(e, H_RAX, M_GS(OFF(flags_ax)));
	emit_flags_load(e);
	for (unsigned g = 0; g < 16; g++)
		if (soft_home[g] != LOC_MEM)
			emit_load(e, soft_home[g], M_GS(8 * g));
}

static void all_store(struct emit *e)
{
	for (unsigned h = 0; h < 16; h++)
		if (h != H_RSP)
			emit_store(e, M_GS(OFF(hreg) + 8 * h), h);
	emit_flags_save(e);
	emit_store(e, M_GS(OFF(hflags_ax)), H_RAX);
}

static void all_load(struct emit *e)
{
	emit_load(e, H_RAX, M_GS(OFF(hflags_ax)));
	emit_flags_load(e);
	for (unsigned h = 0; h < 16; h++)
		if (h != H_RSP)
			emit_load(e, h, M_GS(OFF(hreg) + 8 * h));
}

static void to_c_stack(struct emit *e)
{
	emit_store(e, M_GS(OFF(ras_rsp)), H_RSP);
	emit_load(e, H_RSP, M_GS(OFF(c_rsp)));
}

static void call_c(struct emit *e, const void *fn)
{
	emit_mov_imm64(e, H_RAX, (u64)(uintptr_t)fn);
	emit_op_reg(e, 0xff, false, 2, H_RAX);
}

static const u8 saved[] = { H_RBP, H_RBX, H_R12, H_R13, H_R14, H_R15 };

static void push(struct emit *e, unsigned r)
{
	if (r >= 8)
		e8(e, 0x41);
	e8(e, (u8)(0x50 | (r & 7)));
}

static void pop(struct emit *e, unsigned r)
{
	if (r >= 8)
		e8(e, 0x41);
	e8(e, (u8)(0x58 | (r & 7)));
}

/* void enter(void *code): the dispatcher's way in. */
static void make_enter(struct emit *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(saved); i++)
		push(e, saved[i]);
	emit_lea(e, H_RSP, M_BD(H_RSP, -8));
	emit_store(e, M_GS(OFF(c_rsp)), H_RSP);
	emit_store(e, M_GS(OFF(scratch)), H_RDI);
	homes_load(e);
	emit_mov_imm(e, H_R10, 0);
	emit_load(e, H_RSP, M_GS(OFF(ras_rsp)));
	emit_op_mem(e, 0xff, false, 4, M_GS(OFF(scratch)));
}

/* Back to the dispatcher; rax is what enter() returns. */
static void leave_c(struct emit *e)
{
	emit_lea(e, H_RSP, M_BD(H_RSP, 8));
	for (unsigned i = ARRAY_SIZE(saved); i-- > 0;)
		pop(e, saved[i]);
	e8(e, 0xc3);
}

static void make_exit(struct emit *e, struct thunks *t)
{
	t->exit = emit_off(e);
	emit_store(e, M_GS(OFF(branch)), H_R10);
	homes_store(e);
	to_c_stack(e);
	emit_mov_rr(e, H_RAX, T0);
	leave_c(e);

	t->state = emit_off(e); /* rsp may be anything: C has set ras_rsp */
	emit_store_imm32(e, M_GS(OFF(exit_kind)), X_STATE, false);
	emit_load(e, H_RSP, M_GS(OFF(c_rsp)));
	leave_c(e);
}

static u32 make_kind(struct emit *e, struct thunks *t, enum exit_kind kind)
{
	u32 at = emit_off(e);

	emit_store_imm32(e, M_GS(OFF(exit_kind)), kind, false);
	emit_jmp(e, t->exit);
	return at;
}

/* A C function (s, T0, ecx, return address) that sees all host registers in hreg[] and answers
 * the address to return to, or 0 to leave translated code. */
static u32 make_slow(struct emit *e, struct thunks *t, const void *fn)
{
	u32 at = emit_off(e), go;

	all_store(e);
	emit_load(e, H_RDI, M_GS(OFF(self)));
	emit_mov_rr(e, H_RSI, T0);
	emit_mov32_rr(e, H_RDX, T1);
	emit_load(e, H_RCX, M_BASE(H_RSP));
	to_c_stack(e);
	call_c(e, fn);
	emit_op_reg(e, 0x85, true, H_RAX, H_RAX);
	emit_load(e, H_RCX, M_GS(OFF(ras_rsp)));
	go = emit_jcc(e, 5, 0);
	emit_lea(e, H_RCX, M_BD(H_RCX, 8));
	emit_store(e, M_GS(OFF(ras_rsp)), H_RCX);
	emit_jmp(e, t->state);
	emit_patch(e, go, emit_off(e));
	emit_mov_rr(e, H_RSP, H_RCX);
	emit_store(e, M_BASE(H_RSP), H_RAX);
	all_load(e);
	e8(e, 0xc3);
	return at;
}

/* T0: struct insn. An instruction in the middle of a block, done in C. */
static void make_call(struct emit *e, struct thunks *t)
{
	u32 go;

	t->call = emit_off(e);
	homes_store(e);
	emit_load(e, H_RDI, M_GS(OFF(self)));
	emit_mov_rr(e, H_RSI, T0);
	to_c_stack(e);
	call_c(e, (const void *)soft_call);
	emit_op_reg(e, 0x85, true, H_RAX, H_RAX);
	emit_load(e, H_RCX, M_GS(OFF(ras_rsp)));
	go = emit_jcc(e, 4, 0);
	emit_lea(e, H_RCX, M_BD(H_RCX, 8));
	emit_store(e, M_GS(OFF(ras_rsp)), H_RCX);
	emit_jmp(e, t->state);
	emit_patch(e, go, emit_off(e));
	emit_mov_rr(e, H_RSP, H_RCX);
	homes_load(e);
	e8(e, 0xc3);
}

/* T0: struct insn. An instruction that ends its block, done in C; it answers where to go on. */
static void make_insn_end(struct emit *e, struct thunks *t)
{
	t->insn_end = emit_off(e);
	homes_store(e);
	emit_load(e, H_RDI, M_GS(OFF(self)));
	emit_mov_rr(e, H_RSI, T0);
	to_c_stack(e);
	call_c(e, (const void *)soft_end);
	emit_op_reg(e, 0x85, true, H_RAX, H_RAX);
	emit_jcc(e, 4, t->state);
	emit_store(e, M_GS(OFF(scratch)), H_RAX);
	emit_load(e, H_RSP, M_GS(OFF(ras_rsp)));
	homes_load(e);
	emit_mov_imm(e, H_R10, 0);
	emit_load(e, T0, M_GS(OFF(v.rip)));
	emit_op_mem(e, 0xff, false, 4, M_GS(OFF(scratch)));
}

/* T0: guest rip. Polls, then through the jump cache of the present mode. */
static void make_jc_go(struct emit *e, struct thunks *t)
{
	t->ras_empty = emit_off(e); /* a `ret` found the return stack empty */
	emit_lea(e, H_RSP, M_BD(H_RSP, -8));
	t->jc_go = emit_off(e);
	emit_load(e, T1, M_GS(OFF(poll)));
	emit_load32(e, T1, M_BASE(T1));
	emit_op_reg(e, 0x0fb7, false, T1, T0);
	emit_store(e, M_GS(OFF(scratch)), H_RAX);
	emit_load(e, H_RAX, M_GS(OFF(jc_now)));
	emit_load(e, T1, ((struct mref){ H_RAX, T1, 8, true, 0 }));
	emit_load(e, H_RAX, M_GS(OFF(scratch)));
	emit_op_reg(e, 0xff, false, 4, T1);
}

void thunks_make(struct soft *so)
{
	struct emit em = { so->code_rw, so->code_rw };
	struct thunks *t = &so->thunk;
	struct emit *e = &em;

	make_exit(e, t);
	t->enter = emit_off(e);
	make_enter(e);
	t->link = make_kind(e, t, X_LINK);
	t->jump = make_kind(e, t, X_JUMP);
	t->budget = make_kind(e, t, X_BUDGET);
	make_call(e, t);
	make_insn_end(e, t);
	t->slow = make_slow(e, t, (const void *)soft_slow);
	t->group = make_slow(e, t, (const void *)soft_group);
	t->commit = make_slow(e, t, (const void *)soft_commit);
	t->seg = make_slow(e, t, (const void *)soft_seg);
	make_jc_go(e, t);
	so->thunks_end = (emit_off(e) + 63) & ~63u;
}
