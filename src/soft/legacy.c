/* legacy.c - instructions that 64-bit mode lost or the translator leaves to C: old stack and BCD forms. */
#include "soft/ops.h"

/* ---- near branches and the stack outside 64-bit mode ---- */

static enum step jump_near(struct soft_vcpu *s, u64 to, unsigned size)
{
	struct vcpu *v = cpu_of(s);

	to &= size_mask(size);
	if (!rip_ok(v, &v->seg[SEG_CS], to))
		return fault_gp(s, 0);
	v->rip = to;
	return STEP_JUMP;
}

/* Target of a near jmp or call: relative, or from r/m. Bytes of the new rip in *size. */
static enum step near_target(struct soft_vcpu *s, const struct insn *in, unsigned *size, u64 *ret)
{
	struct vcpu *v = cpu_of(s);

	*size = in_64bit(v) ? 8 : in->opsize;
	if (in->opcode == 0xff)
		return rm_read(s, in, *size, ret);
	*ret = v->rip + in->len + in->imm;
	return STEP_NEXT;
}

static bool is_far(const struct insn *in)
{
	unsigned ext = in->modrm >> 3 & 7;

	return in->opcode == 0xff ? ext == 3 || ext == 5 :
				    in->opcode == 0xea || in->opcode == 0x9a;
}

enum step op_jmp(struct soft_vcpu *s, const struct insn *in)
{
	unsigned size;
	u64 to;

	if (is_far(in))
		return far_jump(s, in, false);
	if (near_target(s, in, &size, &to))
		return STEP_FAULT;
	return jump_near(s, to, size);
}

enum step op_call(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 next = v->rip + in->len, to;
	struct stack st;
	unsigned size;

	if (is_far(in))
		return far_jump(s, in, true);
	if (near_target(s, in, &size, &to))
		return STEP_FAULT;
	stack_open(v, &st);
	if (stack_room(s, &st, size)) /* before the target is looked at, as processors do */
		return STEP_FAULT;
	if (!rip_ok(v, &v->seg[SEG_CS], to & size_mask(size)))
		return fault_gp(s, 0);
	if (stack_push(s, &st, size, next))
		return STEP_FAULT;
	stack_commit(v, &st);
	return jump_near(s, to, size);
}

enum step op_ret(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 drop = in->opcode & 1 ? 0 : (u16)in->imm, to;
	unsigned size = in_64bit(v) ? 8 : in->opsize;
	struct stack st;

	if (in->opcode >= 0xca)
		return retf(s, in, drop);
	stack_open(v, &st);
	if (stack_pop(s, &st, size, &to))
		return STEP_FAULT;
	if (!rip_ok(v, &v->seg[SEG_CS], to))
		return fault_gp(s, 0);
	st.sp = (st.sp & ~st.mask) | ((st.sp + drop) & st.mask);
	stack_commit(v, &st);
	return jump_near(s, to, size);
}

/* loop, jcxz: the counter is as wide as an address. */
static enum step branch_if(struct soft_vcpu *s, const struct insn *in, bool taken)
{
	struct vcpu *v = cpu_of(s);

	if (!taken)
		return STEP_NEXT;
	return jump_near(s, v->rip + in->len + in->imm, in_64bit(v) ? 8 : in->opsize);
}

static enum step loop_if(struct soft_vcpu *s, const struct insn *in, bool cond)
{
	struct vcpu *v = cpu_of(s);
	u64 left = (v->gpr[RCX] - 1) & size_mask(in->addrsize);
	enum step r = branch_if(s, in, left && cond);

	if (r != STEP_FAULT)
		reg_write(v, RCX, in->addrsize, left);
	return r;
}

enum step op_loop(struct soft_vcpu *s, const struct insn *in)
{
	return loop_if(s, in, true);
}

enum step op_loope(struct soft_vcpu *s, const struct insn *in)
{
	return loop_if(s, in, cpu_of(s)->rflags & FL_ZF);
}

enum step op_loopne(struct soft_vcpu *s, const struct insn *in)
{
	return loop_if(s, in, !(cpu_of(s)->rflags & FL_ZF));
}

enum step op_jcxz(struct soft_vcpu *s, const struct insn *in)
{
	return branch_if(s, in, !reg_read(cpu_of(s), RCX, in->addrsize));
}

/* Conditions by the low four bits of the opcode; odd ones are the opposites. SDM 1 B.1. */
static bool flags_say(u64 f, unsigned cc)
{
	static const u16 any[8] = { FL_OF, FL_CF, FL_ZF, FL_CF | FL_ZF, FL_SF, FL_PF, 0, FL_ZF };
	bool less = cc >> 1 >= 6 && !(f & FL_SF) != !(f & FL_OF);

	return ((f & any[cc >> 1]) || less) != (cc & 1);
}

enum step op_jcc(struct soft_vcpu *s, const struct insn *in)
{
	return branch_if(s, in, flags_say(cpu_of(s)->rflags, in->opcode & 15));
}

static enum step push_value(struct soft_vcpu *s, unsigned size, u64 val)
{
	struct stack st;

	stack_open(cpu_of(s), &st);
	if (stack_push(s, &st, size, val))
		return STEP_FAULT;
	stack_commit(cpu_of(s), &st);
	return STEP_NEXT;
}

/* The register of opcodes 50 to 5F; outside 64-bit mode there are eight. */
static unsigned opcode_reg(const struct insn *in)
{
	return (in->opcode & 7) | (in->rm & 8);
}

enum step op_push(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 val;

	if (in->map == 0 && (in->opcode == 0x68 || in->opcode == 0x6a))
		return push_value(s, in->opsize, in->imm);
	if (in->map == 0 && in->opcode >= 0x50 && in->opcode <= 0x57)
		return push_value(s, in->opsize, v->gpr[opcode_reg(in)]);
	if (in->opcode != 0xff)
		return push_sreg(s, in);
	if (rm_read(s, in, in->opsize, &val))
		return STEP_FAULT;
	return push_value(s, in->opsize, val);
}

enum step op_pop(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 val, old = v->gpr[RSP];
	bool reg = in->opcode >= 0x58 && in->opcode <= 0x5f;
	struct stack st;

	if (in->map == 1 || (!reg && in->opcode != 0x8f))
		return pop_sreg(s, in);
	stack_open(v, &st);
	if (stack_pop(s, &st, in->opsize, &val))
		return STEP_FAULT;
	/* An address with rsp in it sees the new rsp; so does `pop rsp`, which then loses it. */
	stack_commit(v, &st);
	if (reg) {
		reg_write(v, opcode_reg(in), in->opsize, val);
	} else if (rm_write(s, in, in->opsize, val)) {
		v->gpr[RSP] = old;
		return STEP_FAULT;
	}
	return STEP_NEXT;
}

enum step op_pusha(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = in->opsize;
	struct stack st;

	if (in_64bit(v))
		return fault_ud(s);
	stack_open(v, &st);
	for (unsigned i = RAX; i <= RDI; i++)
		if (stack_push(s, &st, size, v->gpr[i]))
			return STEP_FAULT;
	stack_commit(v, &st);
	return STEP_NEXT;
}

enum step op_popa(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = in->opsize;
	struct stack st;
	u64 val[8];

	if (in_64bit(v))
		return fault_ud(s);
	stack_open(v, &st);
	for (unsigned i = 8; i-- > 0;)
		if (stack_pop(s, &st, size, &val[i]))
			return STEP_FAULT;
	stack_commit(v, &st);
	for (unsigned i = RAX; i <= RDI; i++)
		if (i != RSP)
			reg_write(v, i, size, val[i]);
	return STEP_NEXT;
}

/* SDM 2A ENTER. Frame pointers of outer blocks are copied before the new one. */
enum step op_enter(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = in->opsize, level = in->imm2 & 31;
	u64 frame, val;
	struct stack st, from;

	stack_open(v, &st);
	if (stack_push(s, &st, size, v->gpr[RBP]))
		return STEP_FAULT;
	frame = st.sp;
	from = st;
	from.sp = v->gpr[RBP];
	for (unsigned i = 1; i < level; i++) {
		struct stack one = from;

		from.sp -= size;
		one.sp = from.sp;
		if (stack_pop(s, &one, size, &val) || stack_push(s, &st, size, val))
			return STEP_FAULT;
	}
	if (level && stack_push(s, &st, size, frame))
		return STEP_FAULT;
	st.sp = (st.sp & ~st.mask) | ((st.sp - (u16)in->imm) & st.mask);
	/* The stack must be writable where it ends now. */
	if (stack_probe(s, &st))
		return STEP_FAULT;
	reg_write(v, RBP, size, frame);
	stack_commit(v, &st);
	return STEP_NEXT;
}

enum step op_leave(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	struct stack st;
	u64 val;

	stack_open(v, &st);
	st.sp = (st.sp & ~st.mask) | (v->gpr[RBP] & st.mask);
	if (stack_pop(s, &st, in->opsize, &val))
		return STEP_FAULT;
	stack_commit(v, &st);
	reg_write(v, RBP, in->opsize, val);
	return STEP_NEXT;
}

enum step op_bound(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = in->opsize;
	i64 index = (i64)size_sext(v->gpr[in->reg], size), low, high;
	u64 pair = 0, lin;

	if (in_64bit(v) || !in->is_mem)
		return fault_ud(s);
	if (seg_linear(s, in->seg, insn_ea(v, in), size * 2, ACC_R, &lin) || lin_align(s, lin, size) ||
	    lin_read(s, lin, &pair, size * 2, acc_data(v) | ACC_ANY_ALIGNMENT))
		return STEP_FAULT;
	low = (i64)size_sext(pair, size);
	high = (i64)size_sext(pair >> size * 8, size);
	return index < low || index > high ? soft_fault(s, EXC_BR, false, 0) : STEP_NEXT;
}

/* Bit strings, where the translator leaves the segment's checks to C. */
static u64 bit_op(u8 opcode, u64 val, u64 bit)
{
	switch (opcode >> 3 & 3) {
	case 0: /* A3: bt */
		return val;
	case 1: /* AB: bts */
		return val | bit;
	case 2: /* B3: btr */
		return val & ~bit;
	default:
		return val ^ bit;
	}
}

/* On RAM the change is made as another processor may see it; elsewhere nobody else looks. */
static enum step bit_store(struct soft_vcpu *s, const struct insn *in, u64 lin, u64 *val, u64 bit)
{
	unsigned acc = acc_data(cpu_of(s)), size = in->opsize;
	u8 *host = (lin & (size - 1)) ? NULL : lin_host(s, lin, acc | ACC_W);
	u64 next;

	if (!host) {
		next = bit_op(in->opcode, *val, bit);
		return lin_write(s, lin, &next, size, acc);
	}
	for (;;) {
		next = bit_op(in->opcode, *val, bit);
		if (size == 2 ? __atomic_compare_exchange_n((u16 *)(void *)host, (u16 *)val, (u16)next, false, 5, 5)
		    : size == 4 ? __atomic_compare_exchange_n((u32 *)(void *)host, (u32 *)val, (u32)next, false, 5, 5)
				: __atomic_compare_exchange_n((u64 *)(void *)host, val, next, false, 5, 5))
			return STEP_NEXT;
	}
}

enum step op_bt(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned size = in->opsize, shift = size == 8 ? 6 : size == 4 ? 5 : 4, acc = acc_data(v);
	i64 index = (i64)size_sext(v->gpr[in->reg], size);
	u64 off = (insn_ea(v, in) + (u64)(index >> shift) * size) & size_mask(in->addrsize);
	u64 bit = 1ull << (index & (size * 8 - 1)), lin, val = 0;
	bool write = in->opcode != 0xa3;

	if (seg_linear(s, in->seg, off, size, write ? ACC_W : ACC_R, &lin))
		return STEP_FAULT;
	if (write && (((acc & ACC_USER) && lin_align(s, lin, size)) || lin_probe_w(s, lin, size, acc)))
		return STEP_FAULT;
	if (lin_read(s, lin, &val, size, acc) || (write && bit_store(s, in, lin, &val, bit)))
		return STEP_FAULT;
	v->rflags = (v->rflags & ~(u64)FL_CF) | (val & bit ? FL_CF : 0);
	return STEP_NEXT;
}

enum step op_xlat(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 off = (v->gpr[RBX] + (u8)v->gpr[RAX]) & size_mask(in->addrsize), lin;
	u8 val;

	if (seg_linear(s, in->seg, off, 1, ACC_R, &lin) || lin_read(s, lin, &val, 1, acc_data(v)))
		return STEP_FAULT;
	reg_write(v, RAX, 1, val);
	return STEP_NEXT;
}

/* ---- decimal arithmetic. SDM 2A AAA … DAS ---- */

static void flags_result(struct vcpu *v, u8 val, bool cf, bool af)
{
	u64 f = (cf ? FL_CF : 0) | (af ? FL_AF : 0);

	f |= val ? 0 : FL_ZF;
	f |= val & 0x80 ? FL_SF : 0;
	f |= __builtin_parity(val) ? 0 : FL_PF;
	v->rflags = (v->rflags & ~(u64)FL_ARITH) | f;
}

static enum step daa_das(struct soft_vcpu *s, bool sub)
{
	struct vcpu *v = cpu_of(s);
	u8 old = (u8)v->gpr[RAX], al = old;
	bool cf = v->rflags & FL_CF, af = (al & 15) > 9 || (v->rflags & FL_AF);
	bool high = old > 0x99 || cf, borrow = sub && af && al < 6;

	if (in_64bit(v))
		return fault_ud(s);
	if (af)
		al = sub ? al - 6 : al + 6;
	if (high)
		al = sub ? al - 0x60 : al + 0x60;
	reg_write(v, RAX, 1, al);
	flags_result(v, al, high || borrow, af);
	return STEP_NEXT;
}

enum step op_daa(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return daa_das(s, false);
}

enum step op_das(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return daa_das(s, true);
}

static enum step aaa_aas(struct soft_vcpu *s, bool sub)
{
	struct vcpu *v = cpu_of(s);
	u16 ax = (u16)v->gpr[RAX];
	bool adjust = (ax & 15) > 9 || (v->rflags & FL_AF);

	if (in_64bit(v))
		return fault_ud(s);
	if (adjust)
		ax = (u16)(sub ? ax - 0x106 : ax + 0x106);
	ax &= 0xff0f;
	reg_write(v, RAX, 2, ax);
	flags_result(v, (u8)ax, adjust, adjust);
	return STEP_NEXT;
}

enum step op_aaa(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return aaa_aas(s, false);
}

enum step op_aas(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return aaa_aas(s, true);
}

enum step op_aam(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u8 base = (u8)in->imm, al = (u8)v->gpr[RAX];

	if (in_64bit(v))
		return fault_ud(s);
	if (!base)
		return soft_fault(s, EXC_DE, false, 0);
	reg_write(v, RAX, 2, (u64)(al / base) << 8 | al % base);
	flags_result(v, al % base, false, false);
	return STEP_NEXT;
}

enum step op_aad(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u8 al = (u8)(v->gpr[RAX] + (v->gpr[RAX] >> 8 & 0xff) * (u8)in->imm);

	if (in_64bit(v))
		return fault_ud(s);
	reg_write(v, RAX, 2, al);
	flags_result(v, al, false, false);
	return STEP_NEXT;
}

enum step op_salc(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);

	(void)in;
	if (in_64bit(v))
		return fault_ud(s);
	reg_write(v, RAX, 1, v->rflags & FL_CF ? 0xff : 0);
	return STEP_NEXT;
}
