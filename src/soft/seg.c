/* seg.c - segment registers: linear addresses, descriptors, loading them with every check. */
#include "soft/sys.h"

/*E:500 From an offset to a linear address
 * In 64-bit mode only FS and GS still have a base, and an address need only be canonical. In every
 * other mode a segment has a base, a limit and rights, checked here for each access that is done
 * in C. The translator checks the same inline, and comes here when its check fails.
 * @test seg_linear_checks_limits
 */

/* Bytes below the first byte that an expand-down segment holds are not in it. SDM 3A 5.3. */
static bool limit_allows(const struct seg *g, u64 off, unsigned size)
{
	u64 last = off + size - 1;

	if ((g->attr & (SEG_S | 8 | 4)) == (SEG_S | 4))
		return off > g->limit && last <= (g->attr & SEG_DB ? 0xffffffff : 0xffff);
	return last <= g->limit;
}

bool seg_check(const struct vcpu *v, const struct seg *g, u64 off, unsigned size, unsigned acc)
{
	if (in_protected(v)) {
		if (!(g->attr & SEG_P))
			return false;
		if (acc & ACC_W ? !seg_is_writable(g) : !seg_is_readable(g))
			return false;
	}
	return limit_allows(g, off, size);
}

static enum step fault_seg(struct soft_vcpu *s, unsigned seg)
{
	return soft_fault(s, seg == SEG_SS ? EXC_SS : EXC_GP, true, 0);
}

enum step seg_linear(struct soft_vcpu *s, unsigned seg, u64 off, unsigned size, unsigned acc,
		     u64 *ret)
{
	const struct vcpu *v = cpu_of(s);
	const struct seg *g = &v->seg[seg];
	u64 lin = off;

	if (in_64bit(v)) {
		if (seg == SEG_FS || seg == SEG_GS)
			lin += g->base;
		if (!canonical(lin) || !canonical(lin + size - 1))
			return fault_seg(s, seg);
		*ret = lin;
		return STEP_NEXT;
	}
	off = (u32)off;
	if (!seg_check(v, g, off, size, acc))
		return fault_seg(s, seg);
	*ret = (u32)(g->base + off);
	return STEP_NEXT;
}

u64 insn_ea(const struct vcpu *v, const struct insn *in)
{
	u64 ea = (u64)in->disp;

	if (in->base == GPR_RIP)
		ea += in->pc + in->len;
	else if (in->base != GPR_NONE)
		ea += v->gpr[in->base];
	if (in->index != GPR_NONE)
		ea += v->gpr[in->index] * in->scale;
	return ea & size_mask(in->addrsize);
}

enum step op_read(struct soft_vcpu *s, const struct insn *in, void *buf, unsigned len)
{
	u64 lin;

	if (seg_linear(s, in->seg, insn_ea(cpu_of(s), in), len, ACC_R, &lin))
		return STEP_FAULT;
	return lin_read(s, lin, buf, len, acc_data(cpu_of(s)));
}

enum step op_write(struct soft_vcpu *s, const struct insn *in, const void *buf, unsigned len)
{
	u64 lin;

	if (seg_linear(s, in->seg, insn_ea(cpu_of(s), in), len, ACC_W, &lin))
		return STEP_FAULT;
	return lin_write(s, lin, buf, len, acc_data(cpu_of(s)));
}

enum step rm_read(struct soft_vcpu *s, const struct insn *in, unsigned size, u64 *ret)
{
	u64 val = 0;

	if (in->is_mem) {
		if (op_read(s, in, &val, size))
			return STEP_FAULT;
	} else {
		val = size == 1 ? reg8_read(cpu_of(s), in, in->rm) : reg_read(cpu_of(s), in->rm, size);
	}
	*ret = val;
	return STEP_NEXT;
}

enum step rm_write(struct soft_vcpu *s, const struct insn *in, unsigned size, u64 val)
{
	if (in->is_mem)
		return op_write(s, in, &val, size);
	reg_write(cpu_of(s), in->rm, size, val);
	return STEP_NEXT;
}

/* Base, limit and attributes as a descriptor spreads them over its two words. SDM 3A 3.4.5. */
static void desc_decode(struct desc *d, u16 sel)
{
	u32 limit = (d->lo & 0xffff) | (d->hi & 0xf0000);

	d->seg.sel = sel;
	d->seg.attr = d->hi >> 8 & 0xf0ff;
	d->seg.limit = d->hi & 1 << 23 ? limit << 12 | 0xfff : limit;
	d->seg.base = (d->hi & 0xff000000) | (d->hi & 0xff) << 16 | d->lo >> 16;
}

/* Linear address in a system table: 64 bits in long mode, else 32. */
static u64 table_linear(const struct vcpu *v, u64 at)
{
	return in_lma(v) ? at : (u32)at;
}

enum step desc_read(struct soft_vcpu *s, u16 sel, u8 vec, u32 ext, struct desc *d)
{
	const struct vcpu *v = cpu_of(s);
	u64 base = sel & 4 ? v->ldt.base : v->gdt.base;
	u32 limit = sel & 4 ? v->ldt.limit : v->gdt.limit;
	u32 half[2];

	if (((sel & 4) && !(v->ldt.attr & SEG_P)) || (sel | 7u) > limit)
		return soft_fault(s, vec, true, sel_index(sel) | ext);
	d->at = table_linear(v, base + (sel & 0xfff8u));
	if (lin_read(s, d->at, half, sizeof(half), ACC_IMPLICIT))
		return STEP_FAULT;
	d->lo = half[0];
	d->hi = half[1];
	desc_decode(d, sel);
	return STEP_NEXT;
}

enum step desc_read_high(struct soft_vcpu *s, struct desc *d, u32 *hi)
{
	const struct vcpu *v = cpu_of(s);
	u16 sel = d->seg.sel;
	u32 half[2];

	if ((sel & 0xfff8u) + 15 > (sel & 4 ? v->ldt.limit : v->gdt.limit))
		return fault_gp(s, sel_index(sel));
	if (lin_read(s, d->at + 8, half, sizeof(half), ACC_IMPLICIT))
		return STEP_FAULT;
	if (half[1] & 0x1f00)
		return fault_gp(s, sel_index(sel));
	*hi = half[0];
	d->seg.base |= (u64)half[0] << 32;
	return STEP_NEXT;
}

enum step desc_mark(struct soft_vcpu *s, struct desc *d)
{
	u8 type = (u8)(d->hi >> 8) | 1;

	if (d->seg.attr & 1)
		return STEP_NEXT;
	if (lin_write(s, d->at + 5, &type, 1, ACC_IMPLICIT))
		return STEP_FAULT;
	d->seg.attr |= 1;
	return STEP_NEXT;
}

void seg_set_real(struct vcpu *v, unsigned seg, u16 sel)
{
	struct seg *g = &v->seg[seg];

	g->sel = sel;
	g->base = (u64)sel << 4;
	if (in_v86(v)) {
		g->limit = 0xffff;
		g->attr = SEG_P | SEG_S | SEG_DPL | 3;
	} else if (!(g->attr & SEG_P)) {
		g->attr = SEG_P | SEG_S | 3;
	}
	/* In real mode limit and rights stay otherwise: "unreal" mode lives from that. */
}

/* A null selector. FS and GS lose their base, which guests can see; real mode finds the old limit. */
static void seg_set_null(struct seg *g, u16 sel)
{
	g->sel = sel;
	g->attr = 0;
	g->base = 0;
}

static enum step ss_check(struct soft_vcpu *s, const struct desc *d)
{
	const struct vcpu *v = cpu_of(s);
	u16 sel = d->seg.sel;

	if ((sel & 3) != v->cpl || !seg_is_writable(&d->seg) || seg_dpl(&d->seg) != v->cpl)
		return fault_gp(s, sel_index(sel));
	if (!(d->seg.attr & SEG_P))
		return soft_fault(s, EXC_SS, true, sel_index(sel));
	return STEP_NEXT;
}

static enum step data_check(struct soft_vcpu *s, const struct desc *d)
{
	const struct vcpu *v = cpu_of(s);
	const struct seg *g = &d->seg;

	if (!seg_is_readable(g))
		return fault_gp(s, sel_index(g->sel));
	if (!seg_is_conforming(g) && ((g->sel & 3u) > seg_dpl(g) || v->cpl > seg_dpl(g)))
		return fault_gp(s, sel_index(g->sel));
	if (!(g->attr & SEG_P))
		return soft_fault(s, EXC_NP, true, sel_index(g->sel));
	return STEP_NEXT;
}

enum step seg_load(struct soft_vcpu *s, unsigned seg, u16 sel)
{
	struct vcpu *v = cpu_of(s);
	struct desc d;

	if (!in_protected(v)) {
		seg_set_real(v, seg, sel);
		return STEP_NEXT;
	}
	if (sel_is_null(sel)) {
		if (seg == SEG_SS && (!in_64bit(v) || v->cpl == 3 || (sel & 3) != v->cpl))
			return fault_gp(s, 0);
		seg_set_null(&v->seg[seg], sel);
		return STEP_NEXT;
	}
	if (desc_read(s, sel, EXC_GP, 0, &d))
		return STEP_FAULT;
	if (seg == SEG_SS ? ss_check(s, &d) : data_check(s, &d))
		return STEP_FAULT;
	if (desc_mark(s, &d))
		return STEP_FAULT;
	v->seg[seg] = d.seg;
	return STEP_NEXT;
}

bool rip_ok(const struct vcpu *v, const struct seg *cs, u64 rip)
{
	if (in_lma(v) && (cs->attr & SEG_L))
		return canonical(rip);
	return rip <= cs->limit;
}

void seg_set_flat(struct seg *g, u16 sel, u16 attr)
{
	g->sel = sel;
	g->attr = attr;
	g->limit = 0xffffffff;
	g->base = 0;
}

void cs_set(struct soft_vcpu *s, const struct seg *cs, unsigned cpl, u64 rip)
{
	struct vcpu *v = cpu_of(s);

	v->seg[SEG_CS] = *cs;
	v->seg[SEG_CS].sel = (u16)((cs->sel & ~3u) | cpl);
	v->cpl = (u8)cpl;
	v->rip = rip;
	soft_mode_changed(s);
}
