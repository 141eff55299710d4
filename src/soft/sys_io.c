/* sys_io.c - in, out, ins, outs: who may, and the way to the bus. SDM 1 19.5. */
#include "soft/ops.h"

/* Iterations of a rep before the vCPU looks at its events again. */
#define IO_TURN 1024

enum step io_check(struct soft_vcpu *s, u16 port, unsigned size)
{
	const struct vcpu *v = cpu_of(s);
	unsigned type = seg_type(&v->tr);
	u16 map = 0, bits = 0;

	if (in_real(v) || (!in_v86(v) && v->cpl <= iopl(v)))
		return STEP_NEXT;
	if ((type != SYS_TSS && type != SYS_TSS_BUSY) || v->tr.limit < 103)
		return fault_gp(s, 0);
	if (lin_read(s, v->tr.base + 102, &map, 2, ACC_IMPLICIT))
		return STEP_FAULT;
	/* Two bytes are always read, so that a port range may cross from one into the next. */
	if (map + port / 8u + 1 > v->tr.limit)
		return fault_gp(s, 0);
	if (lin_read(s, v->tr.base + map + port / 8u, &bits, 2, ACC_IMPLICIT))
		return STEP_FAULT;
	return bits >> (port & 7) & ((1u << size) - 1) ? fault_gp(s, 0) : STEP_NEXT;
}

static u32 port_read(struct soft_vcpu *s, u16 port, unsigned size)
{
	const struct engine_host *h = host_of(cpu_of(s));

	soft_call_out(s);
	soft_io_watch(s, port, size);
	cpu_of(s)->stats.n[STAT_pio]++;
	return h->pio_read(h->ctx, cpu_of(s), port, size);
}

static void port_write(struct soft_vcpu *s, u16 port, unsigned size, u32 val)
{
	const struct engine_host *h = host_of(cpu_of(s));

	soft_call_out(s);
	soft_io_watch(s, port, size);
	cpu_of(s)->stats.n[STAT_pio]++;
	h->pio_write(h->ctx, cpu_of(s), port, size, val);
}

static unsigned io_size(const struct insn *in)
{
	return !(in->opcode & 1) ? 1 : in->opsize == 2 ? 2 : 4;
}

/* E4 to E7 have the port in the instruction, EC to EF in DX. */
static u16 io_port(const struct vcpu *v, const struct insn *in)
{
	return in->opcode & 8 ? (u16)v->gpr[RDX] : (u8)in->imm;
}

enum step op_in(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u16 port = io_port(v, in);
	unsigned size = io_size(in);

	if (io_check(s, port, size))
		return STEP_FAULT;
	reg_write(v, RAX, size, port_read(s, port, size));
	return STEP_NEXT;
}

enum step op_out(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u16 port = io_port(v, in);
	unsigned size = io_size(in);

	if (io_check(s, port, size))
		return STEP_FAULT;
	port_write(s, port, size, (u32)reg_read(v, RAX, size));
	return STEP_NEXT;
}

/* ---- strings ---- */

static enum step ins_one(struct soft_vcpu *s, const struct insn *in, unsigned size)
{
	struct vcpu *v = cpu_of(s);
	unsigned acc = acc_data(v);
	u64 lin;
	u32 val;

	if (seg_linear(s, SEG_ES, reg_read(v, RDI, in->addrsize), size, ACC_W, &lin))
		return STEP_FAULT;
	/* A device gives its byte once: no fault may come after. */
	if (lin_probe_w(s, lin, size, acc))
		return STEP_FAULT;
	val = port_read(s, (u16)v->gpr[RDX], size);
	return lin_write(s, lin, &val, size, acc);
}

static enum step outs_one(struct soft_vcpu *s, const struct insn *in, unsigned size)
{
	struct vcpu *v = cpu_of(s);
	u32 val = 0;
	u64 lin;

	if (seg_linear(s, in->seg, reg_read(v, RSI, in->addrsize), size, ACC_R, &lin))
		return STEP_FAULT;
	if (lin_read(s, lin, &val, size, acc_data(v)))
		return STEP_FAULT;
	port_write(s, (u16)v->gpr[RDX], size, val);
	return STEP_NEXT;
}

static enum step io_string(struct soft_vcpu *s, const struct insn *in, unsigned r,
			   enum step (*one)(struct soft_vcpu *, const struct insn *, unsigned))
{
	struct vcpu *v = cpu_of(s);
	unsigned size = io_size(in), a = in->addrsize;
	u64 left = in->rep ? reg_read(v, RCX, a) : 1;
	u64 step = v->rflags & FL_DF ? -(u64)size : size;

	if (!left)
		return STEP_NEXT;
	if (io_check(s, (u16)v->gpr[RDX], size))
		return STEP_FAULT;
	for (unsigned turn = 0; turn < IO_TURN; turn++) {
		if (one(s, in, size))
			return STEP_FAULT;
		reg_write(v, r, a, v->gpr[r] + step);
		if (!in->rep)
			return STEP_NEXT;
		reg_write(v, RCX, a, --left);
		if (!left)
			return STEP_NEXT;
		if (v->events || soft_steps(s))
			break;
	}
	return STEP_AGAIN;
}

enum step op_ins(struct soft_vcpu *s, const struct insn *in)
{
	return io_string(s, in, RDI, ins_one);
}

enum step op_outs(struct soft_vcpu *s, const struct insn *in)
{
	return io_string(s, in, RSI, outs_one);
}
