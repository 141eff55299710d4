/* emit.c - host instructions as bytes. Source: SDM 2A chapter 2. */
#include "soft/emit.h"

static void rex(struct emit *e, bool w, unsigned reg, unsigned index, unsigned base)
{
	u8 r = (u8)(0x40 | w << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1));

	if (r != 0x40)
		e8(e, r);
}

static void opcode(struct emit *e, u32 op)
{
	if (op > 0xffff)
		e8(e, (u8)(op >> 16));
	if (op > 0xff)
		e8(e, (u8)(op >> 8));
	e8(e, (u8)op);
}

static unsigned scale_bits(unsigned scale)
{
	return scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
}

void emit_modrm_mem(struct emit *e, unsigned reg, struct mref m)
{
	unsigned r = (reg & 7) << 3;
	unsigned idx = m.index == GPR_NONE ? 4 : m.index & 7;
	unsigned mod;

	if (m.base == GPR_NONE) {
		e8(e, (u8)(r | 4));
		e8(e, (u8)(scale_bits(m.scale) << 6 | idx << 3 | 5));
		e32(e, (u32)m.disp);
		return;
	}
	mod = m.disp == 0 && (m.base & 7) != 5 ? 0 : m.disp == (i8)m.disp ? 1 : 2;
	if (m.index == GPR_NONE && (m.base & 7) != 4) {
		e8(e, (u8)(mod << 6 | r | (m.base & 7)));
	} else {
		e8(e, (u8)(mod << 6 | r | 4));
		e8(e, (u8)(scale_bits(m.scale) << 6 | idx << 3 | (m.base & 7)));
	}
	if (mod == 1)
		e8(e, (u8)m.disp);
	else if (mod == 2)
		e32(e, (u32)m.disp);
}

void emit_op_mem(struct emit *e, u32 op, bool w, unsigned reg, struct mref m)
{
	if (m.gs)
		e8(e, 0x65);
	rex(e, w, reg, m.index == GPR_NONE ? 0 : m.index, m.base == GPR_NONE ? 0 : m.base);
	opcode(e, op);
	emit_modrm_mem(e, reg, m);
}

void emit_op_reg(struct emit *e, u32 op, bool w, unsigned reg, unsigned rm)
{
	rex(e, w, reg, 0, rm);
	opcode(e, op);
	e8(e, (u8)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

void emit_mov_imm64(struct emit *e, unsigned dst, u64 val)
{
	rex(e, true, 0, 0, dst);
	e8(e, (u8)(0xb8 | (dst & 7)));
	e64(e, val);
}

void emit_mov_imm(struct emit *e, unsigned dst, u64 val)
{
	if (val == (u32)val) {
		rex(e, false, 0, 0, dst);
		e8(e, (u8)(0xb8 | (dst & 7)));
		e32(e, (u32)val);
	} else if ((i64)val == (i32)val) {
		emit_op_reg(e, 0xc7, true, 0, dst);
		e32(e, (u32)val);
	} else {
		emit_mov_imm64(e, dst, val);
	}
}

void emit_store_imm8(struct emit *e, struct mref m, u8 val)
{
	emit_op_mem(e, 0xc6, false, 0, m);
	e8(e, val);
}

void emit_store_imm32(struct emit *e, struct mref m, u32 val, bool w)
{
	emit_op_mem(e, 0xc7, w, 0, m);
	e32(e, val);
}

static u32 rel32(struct emit *e, u32 to)
{
	u32 at = emit_off(e);

	e32(e, to - (at + 4));
	return at;
}

u32 emit_jmp(struct emit *e, u32 to)
{
	e8(e, 0xe9);
	return rel32(e, to);
}

u32 emit_call(struct emit *e, u32 to)
{
	e8(e, 0xe8);
	return rel32(e, to);
}

u32 emit_jcc(struct emit *e, u8 cc, u32 to)
{
	e8(e, 0x0f);
	e8(e, (u8)(0x80 | cc));
	return rel32(e, to);
}

void emit_patch(struct emit *e, u32 rel_at, u32 to)
{
	u32 rel = to - (rel_at + 4);

	__builtin_memcpy(e->base + rel_at, &rel, 4);
}

u32 emit_jrcxz(struct emit *e)
{
	e8(e, 0xe3);
	e8(e, 0);
	return emit_off(e);
}

void emit_jrcxz_end(struct emit *e, u32 at)
{
	e->base[at - 1] = (u8)(emit_off(e) - at);
}

void emit_align4(struct emit *e, unsigned ahead)
{
	static const u8 nop[4][3] = { { 0 }, { 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 } };
	unsigned n = -(emit_off(e) + ahead) & 3;

	for (unsigned i = 0; i < n; i++)
		e8(e, nop[n][i]);
}

void emit_flags_save(struct emit *e)
{
	e8(e, 0x9f); /* lahf */
	e8(e, 0x0f); /* seto al */
	e8(e, 0x90);
	e8(e, 0xc0);
}

void emit_flags_load(struct emit *e)
{
	e8(e, 0x04); /* add al, 0x7f: overflows exactly when al is 1 */
	e8(e, 0x7f);
	e8(e, 0x9e); /* sahf */
}
