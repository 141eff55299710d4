/* copy.c - a guest instruction emitted again with host registers and a host memory operand. */
#include "soft/translate.h"

static unsigned field(const struct tr *t, bool gpr, unsigned raw)
{
	return gpr ? t->regs.loc[raw] : raw;
}

/* A low byte register whose host number is 4..7 needs a REX to be named. */
static bool needs_rex(unsigned reg, bool gpr) { return gpr && reg >= 4 && reg < 8; }

static void legacy_prefixes(struct emit *e, const struct dinsn *d, const struct mref *mr)
{
	if (d->in.lock)
		e8(e, 0xf0);
	if (d->p66)
		e8(e, 0x66);
	if (d->f2)
		e8(e, 0xf2);
	if (d->f3)
		e8(e, 0xf3);
	if (mr && mr->gs)
		e8(e, 0x65);
}

static void map_bytes(struct emit *e, unsigned map)
{
	if (map)
		e8(e, 0x0f);
	if (map == 2)
		e8(e, 0x38);
	if (map == 3)
		e8(e, 0x3a);
}

static void tail(struct emit *e, const struct dinsn *d, unsigned reg, unsigned rm,
		 const struct mref *mr)
{
	if (d->has_modrm) {
		if (mr)
			emit_modrm_mem(e, reg, *mr);
		else
			e8(e, (u8)(0xc0 | (reg & 7) << 3 | (rm & 7)));
	}
	for (unsigned i = 0; i < d->imm_len; i++)
		e8(e, d->imm[i]);
}

static unsigned mref_bits(const struct mref *mr)
{
	return (mr->index != GPR_NONE ? mr->index >> 3 & 1 : 0) << 1 |
	       (mr->base != GPR_NONE ? mr->base >> 3 & 1 : 0);
}

static void emit_legacy(struct emit *e, const struct dinsn *d, unsigned reg, unsigned rm,
			const struct mref *mr)
{
	unsigned rex = d->w << 3;

	legacy_prefixes(e, d, mr);
	if (d->has_modrm)
		rex |= (reg >> 3 & 1) << 2 | (mr ? mref_bits(mr) : rm >> 3 & 1);
	else if (d->op_gpr)
		rex |= rm >> 3 & 1;
	if (d->byte_low && !d->high &&
	    (needs_rex(reg, d->reg_gpr) || (!mr && needs_rex(rm, d->rm_gpr || d->op_gpr))))
		rex |= 0x40;
	if (rex)
		e8(e, (u8)(0x40 | rex));
	map_bytes(e, d->map);
	e8(e, d->op_gpr && !d->has_modrm ? (u8)((d->opcode & ~7) | (rm & 7)) : d->opcode);
	tail(e, d, reg, rm, mr);
}

static void emit_vex(struct emit *e, const struct dinsn *d, unsigned reg, unsigned rm, unsigned v,
		     const struct mref *mr)
{
	unsigned xb = mr ? mref_bits(mr) : rm >> 3 & 1;

	if (mr && mr->gs)
		e8(e, 0x65);
	e8(e, 0xc4);
	e8(e, (u8)((~(reg >> 3) & 1) << 7 | (~xb & 3) << 5 | (d->map ? d->map : 1)));
	e8(e, (u8)(d->w << 7 | (~v & 15) << 3 | d->l256 << 2 | d->pp));
	e8(e, d->opcode);
	tail(e, d, reg, rm, mr);
}

static void emit_any(struct tr *t, const struct dinsn *d, const struct mref *mr)
{
	unsigned reg = field(t, d->reg_gpr, d->mod_reg);
	unsigned rm = mr ? 0 : field(t, d->rm_gpr || d->op_gpr, d->mod_rm);

	if (d->vex)
		emit_vex(&t->e, d, reg, rm, field(t, d->v_gpr, d->vvvv), mr);
	else
		emit_legacy(&t->e, d, reg, rm, mr);
}

/*
 * ah, ch, dh and bh can be named only without a REX, so in such an instruction every register
 * is named by its own number: rcx is brought into the host's for as long, and rsp goes through it
 * when it is the destination.
 */
static void copy_crc32_high(struct tr *t, const struct dinsn *d)
{
	struct dinsn c = *d;
	struct emit *e = &t->e;

	emit_mov_rr(e, H_RCX, soft_home[RCX]);
	e8(e, 0x0f); /* movzx ecx, ah..bh */
	e8(e, 0xb6);
	e8(e, (u8)(0xc0 | H_RCX << 3 | (d->mod_rm & 7)));
	emit_mov_rr(e, T0, H_RCX);
	c.high = false;
	emit_legacy(e, &c, t->regs.loc[d->mod_reg], T0, NULL);
}

static void copy_high(struct tr *t, const struct dinsn *d)
{
	struct dinsn c = *d;
	struct emit *e = &t->e;
	u16 named = d->gpr_in | d->gpr_out;
	bool rcx = named & 1 << RCX;
	bool rsp = d->reg_gpr && d->mod_reg == RSP && !d->rcx_in && d->in.opsize > 1 &&
		   (d->gpr_out & 1 << RSP);

	if (rcx)
		emit_mov_rr(e, H_RCX, soft_home[RCX]);
	if (rsp)
		c.mod_reg = RCX;
	emit_legacy(e, &c, c.mod_reg, c.mod_rm, NULL);
	if (rcx && !rsp)
		emit_mov_rr(e, soft_home[RCX], H_RCX);
	if (rsp && d->in.opsize == 2)
		e8(e, 0x66);
	if (rsp)
		emit_op_reg(e, 0x8b, d->in.opsize != 2, soft_home[RSP], H_RCX);
}

/* op between a byte of a register with its own number 4..7 and cl, where no REX may be. */
static void high_op(struct emit *e, u32 op, unsigned reg, unsigned rm)
{
	if (op > 0xff)
		e8(e, (u8)(op >> 8));
	e8(e, (u8)op);
	e8(e, (u8)(0xc0 | reg << 3 | rm));
}

/* With a memory operand cl stands in for the high byte, so that the access stays one access. */
static void copy_high_mem(struct tr *t, const struct dinsn *d, const struct mref *mr)
{
	struct mref byte = M_GS(OFF(operand));
	struct emit *e = &t->e;
	struct dinsn c = *d;
	unsigned high = d->mod_reg & 7;
	bool ch = high == 5;

	if (ch)
		emit_mov_rr(e, H_RCX, soft_home[RCX]);
	high_op(e, 0x0fb6, H_RCX, high); /* movzx ecx, ah..bh */
	c.high = c.byte_low = false;
	emit_legacy(e, &c, H_RCX, 0, mr);
	if (!(d->gpr_out & 1 << (high - 4)))
		return;
	if (!ch) {
		high_op(e, 0x88, H_RCX, high);
		return;
	}
	emit_op_mem(e, 0x88, false, H_RCX, byte);
	emit_mov_rr(e, H_RCX, soft_home[RCX]);
	emit_op_mem(e, 0x8a, false, high, byte);
	emit_mov_rr(e, soft_home[RCX], H_RCX);
}

void copy_insn(struct tr *t, const struct dinsn *d, const struct mref *mr)
{
	if (d->high && d->in.mnemonic == ZYDIS_MNEMONIC_CRC32) {
		copy_crc32_high(t, d);
		return;
	}
	if (d->high && mr && d->reg_gpr) {
		copy_high_mem(t, d, mr);
		return;
	}
	if (d->high) {
		copy_high(t, d);
		return;
	}
	if (d->rcx_in || d->rcx_out)
		emit_mov_rr(&t->e, H_RCX, soft_home[RCX]);
	emit_any(t, d, mr);
	if (d->rcx_out)
		emit_mov_rr(&t->e, soft_home[RCX], H_RCX);
}
