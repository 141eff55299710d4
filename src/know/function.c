/* function.c - reads a function's code for what it does to its stack. Knows no symbols. */
#include "know/function.h"

#include <Zydis/Zydis.h>
#include <string.h>

#include "x86/x86.h"

#define LEN_MAX 8192u
#define PROLOGUE 24 /* instructions it is looked for in: compilers mix others in between */
#define CANARY_AT 0x28

struct scan {
	struct function *f;
	unsigned n;          /* instructions so far */
	bool prologue;       /* still in it */
	int canary_reg;      /* holds the canary; -1: none does */
};

struct insn {
	ZydisDecodedInstruction i;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	u64 end;
};

/* 0..15 as in struct vcpu; -1: no 64-bit general register. */
static int reg_number(ZydisRegister r)
{
	return r >= ZYDIS_REGISTER_RAX && r <= ZYDIS_REGISTER_R15 ? (int)(r - ZYDIS_REGISTER_RAX) : -1;
}

static bool is_reg(const struct insn *in, unsigned op, int reg)
{
	return in->op[op].type == ZYDIS_OPERAND_TYPE_REGISTER && reg_number(in->op[op].reg.value) == reg;
}

static bool on_stack(const struct insn *in, unsigned op, bool *by_rbp)
{
	int base = reg_number(in->op[op].mem.base);

	*by_rbp = base == RBP;
	return in->op[op].type == ZYDIS_OPERAND_TYPE_MEMORY && (base == RSP || base == RBP) &&
	       in->op[op].mem.index == ZYDIS_REGISTER_NONE;
}

static void take_push(struct scan *s, const struct insn *in)
{
	struct function *f = s->f;
	int reg = in->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER ? reg_number(in->op[0].reg.value) : -1;

	if (reg < 0 || f->npushed == FUNCTION_PUSHES || f->locals_end) {
		s->prologue = false;
		return;
	}
	f->pushed[f->npushed] = (u8)reg;
	f->push_end[f->npushed++] = in->end;
}

/* Calls of the tracer stand before a prologue, as its first instruction. */
static void take_prologue(struct scan *s, const struct insn *in)
{
	struct function *f = s->f;

	if (in->i.mnemonic == ZYDIS_MNEMONIC_PUSH) {
		take_push(s, in);
	} else if (in->i.mnemonic == ZYDIS_MNEMONIC_MOV && is_reg(in, 0, RBP) && is_reg(in, 1, RSP)) {
		f->frame_pointer = true;
		f->pointer_end = in->end;
	} else if (in->i.mnemonic == ZYDIS_MNEMONIC_SUB && is_reg(in, 0, RSP)) {
		if (in->op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			f->locals = in->op[1].imm.value.u;
		f->locals_end = in->end;
		s->prologue = false;
	} else if (s->n > PROLOGUE || in->i.meta.category == ZYDIS_CATEGORY_RET ||
		   in->i.meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
		   (in->i.meta.category == ZYDIS_CATEGORY_CALL && s->n)) {
		s->prologue = false;
	}
}

/* mov %gs:0x28,%rax; mov %rax,8(%rsp) */
static void take_canary(struct scan *s, const struct insn *in)
{
	struct function *f = s->f;
	const ZydisDecodedOperand *mem = &in->op[1];
	bool by_rbp;

	if (in->i.mnemonic != ZYDIS_MNEMONIC_MOV || f->canary)
		return;
	if (mem->type == ZYDIS_OPERAND_TYPE_MEMORY && mem->mem.disp.value == CANARY_AT &&
	    mem->mem.base == ZYDIS_REGISTER_NONE &&
	    (mem->mem.segment == ZYDIS_REGISTER_GS || mem->mem.segment == ZYDIS_REGISTER_FS)) {
		s->canary_reg = reg_number(in->op[0].reg.value);
		f->canary_user = mem->mem.segment == ZYDIS_REGISTER_FS;
	} else if (s->canary_reg >= 0 && is_reg(in, 1, s->canary_reg) && on_stack(in, 0, &by_rbp)) {
		f->canary = true;
		f->canary_by_rbp = by_rbp;
		f->canary_at = in->op[0].mem.disp.value;
	}
}

static void take_buffer(struct scan *s, const struct insn *in)
{
	struct function *f = s->f;
	bool by_rbp;
	i64 at;

	if (in->i.mnemonic != ZYDIS_MNEMONIC_LEA || f->nbuffers == FUNCTION_BUFFERS ||
	    !on_stack(in, 1, &by_rbp) || (by_rbp && !f->frame_pointer) || is_reg(in, 0, RSP))
		return;
	at = in->op[1].mem.disp.value;
	for (unsigned i = 0; i < f->nbuffers; i++)
		if (f->buffer[i].at == at && f->buffer[i].by_rbp == by_rbp)
			return;
	f->buffer[f->nbuffers].at = at;
	f->buffer[f->nbuffers++].by_rbp = by_rbp;
}

bool function_read(struct target *t, unsigned cpu, u64 at, u64 len, struct function *ret)
{
	struct scan s = { .f = ret, .prologue = true, .canary_reg = -1 };
	struct insn in;
	ZydisDecoder d;
	u8 code[LEN_MAX];
	u64 off = 0;

	*ret = (struct function){ .at = at, .len = len < LEN_MAX ? len : LEN_MAX };
	if (!ret->len || target_read(t, cpu, GVA(at), ret->len, code))
		return false;
	ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	while (off < ret->len && ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, code + off, ret->len - off,
								     &in.i, in.op))) {
		off += in.i.length;
		in.end = at + off;
		if (s.prologue)
			take_prologue(&s, &in);
		take_canary(&s, &in);
		take_buffer(&s, &in);
		s.n++;
	}
	return true;
}

u64 function_cfa(const struct function *f, u64 ip, u64 sp, u64 bp, u64 *bp_at)
{
	u64 down = 8, cfa;

	*bp_at = 0;
	for (unsigned i = 0; i < f->npushed; i++)
		down += ip >= f->push_end[i] ? 8 : 0;
	if (f->locals_end && ip >= f->locals_end)
		down += f->locals;
	cfa = f->frame_pointer && ip >= f->pointer_end ? bp + 16 : sp + down;
	for (unsigned i = 0; i < f->npushed; i++)
		if (f->pushed[i] == RBP && ip >= f->push_end[i])
			*bp_at = cfa - 16 - 8 * i;
	return cfa;
}
