/* x87.c - fnstenv, fldenv, fnsave, frstor: the x87 environment in its old formats. SDM 1 8.1.10. */
#include "soft/xstate.h"

/* ---- the tag word: one bit a register in the save area, two in the environment ---- */

/* Tag of register i (0 valid, 1 zero, 2 special, 3 empty) from its value. */
static unsigned tag_of(const u8 *st)
{
	u16 exp = get16(st + 8) & 0x7fff;
	u64 mant = get64(st);

	if (exp == 0)
		return mant ? 2 : 1;
	if (exp == 0x7fff)
		return 2;
	return mant >> 63 ? 0 : 2;
}

static u16 tags_full(const u8 *x)
{
	unsigned top = get16(x + XS_FSW) >> 11 & 7, tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		unsigned t = 3;

		if (x[XS_FTW] >> i & 1)
			t = tag_of(x + XS_ST + 16 * ((i - top) & 7));
		tags |= t << 2 * i;
	}
	return (u16)tags;
}

static u8 tags_short(u16 tags)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) != 3)
			ret |= 1u << i;
	return (u8)ret;
}

/* ---- the environment ---- */

/* Addresses and opcode read as zero, as for fxsave. */
static unsigned env_make(const struct vcpu *v, unsigned size, u8 *env)
{
	const u8 *x = v->xsave;
	u16 word[3] = { get16(x + XS_FCW), get16(x + XS_FSW), tags_full(x) };

	memset(env, 0, 28);
	for (unsigned i = 0; i < 3; i++) {
		put16(env + i * size, word[i]);
		if (size == 4)
			put16(env + i * 4 + 2, 0xffff);
	}
	if (size == 4)
		put16(env + 26, 0xffff);
	return 7 * size;
}

/* The summary bits of the status word follow its flags and the masks. SDM 1 8.1.3.3. */
static u16 fsw_summary(u16 fsw, u16 fcw)
{
	return fsw & 0x3f & ~fcw ? fsw | 0x8080 : fsw & ~0x8080;
}

static void env_load(struct vcpu *v, unsigned size, const u8 *env)
{
	u8 *x = v->xsave;
	u16 fcw = get16(env) & 0x1f7f;

	put16(x + XS_FCW, fcw | 0x40);
	put16(x + XS_FSW, fsw_summary(get16(env + size), fcw));
	x[XS_FTW] = tags_short(get16(env + 2 * size));
	x[XS_FTW + 1] = 0;
	memset(x + XS_FOP, 0, 18);
}

static unsigned env_size(const struct insn *in)
{
	return in->opsize == 2 ? 2 : 4;
}

/* A pending unmasked exception stops the instructions that load. */
static enum step pending_check(struct soft_vcpu *s)
{
	struct vcpu *v = cpu_of(s);

	if (fpu_check(s))
		return STEP_FAULT;
	xstate_get(v, XC_X87);
	if ((get16(v->xsave + XS_FSW) & 0x80) && (v->cr0 & CR0_NE))
		return soft_fault(s, EXC_MF, false, 0);
	return STEP_NEXT;
}

enum step op_fnstenv(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u8 env[28];

	if (fpu_check(s))
		return STEP_FAULT;
	xstate_get(v, XC_X87);
	if (op_write(s, in, env, env_make(v, env_size(in), env)))
		return STEP_FAULT;
	/* All exceptions are masked then. */
	put16(v->xsave + XS_FCW, get16(v->xsave + XS_FCW) | 0x3f);
	put16(v->xsave + XS_FSW, get16(v->xsave + XS_FSW) & ~0x8080);
	xstate_put(v, XC_X87);
	return STEP_NEXT;
}

/* The save area is in the order of the stack: a new top in the status word turns it. */
static void turn_stack(struct vcpu *v, u16 old_fsw)
{
	unsigned by = ((get16(v->xsave + XS_FSW) >> 11) - (old_fsw >> 11)) & 7;
	u8 st[128];

	memcpy(st, v->xsave + XS_ST, sizeof(st));
	for (unsigned i = 0; i < 8; i++)
		memcpy(v->xsave + XS_ST + 16 * i, st + 16 * ((i + by) & 7), 16);
}

enum step op_fldenv(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = env_size(in);
	u8 env[28];
	u16 fsw;

	if (pending_check(s) || op_read(s, in, env, 7 * size))
		return STEP_FAULT;
	fsw = get16(v->xsave + XS_FSW);
	env_load(v, size, env);
	turn_stack(v, fsw);
	xstate_put(v, XC_X87);
	return STEP_NEXT;
}

enum step op_fnsave(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned n;
	u8 buf[108];
	u16 fsw;

	if (fpu_check(s))
		return STEP_FAULT;
	xstate_get(v, XC_X87);
	n = env_make(v, env_size(in), buf);
	for (unsigned i = 0; i < 8; i++)
		memcpy(buf + n + 10 * i, v->xsave + XS_ST + 16 * i, 10);
	if (op_write(s, in, buf, n + 80))
		return STEP_FAULT;
	/* Then as fninit: the registers' contents stay, marked empty. */
	put16(v->xsave + XS_FCW, 0x37f);
	fsw = get16(v->xsave + XS_FSW);
	memset(v->xsave + XS_FSW, 0, XS_MXCSR - XS_FSW);
	turn_stack(v, fsw);
	xstate_put(v, XC_X87);
	return STEP_NEXT;
}

enum step op_frstor(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = env_size(in), n = 7 * size;
	u8 buf[108];

	if (pending_check(s) || op_read(s, in, buf, n + 80))
		return STEP_FAULT;
	env_load(v, size, buf);
	memset(v->xsave + XS_ST, 0, 128);
	for (unsigned i = 0; i < 8; i++)
		memcpy(v->xsave + XS_ST + 16 * i, buf + n + 10 * i, 10);
	xstate_put(v, XC_X87);
	return STEP_NEXT;
}
