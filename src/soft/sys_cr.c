/* sys_cr.c - control and debug registers, XCR0. SDM 3A 2.5, 4.1, 17.2. */
#include "soft/ops.h"

#define CR0_KNOWN (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | \
		   (u64)CR0_NW | (u64)CR0_CD | CR0_PG)
/* What moves the meaning of page tables; everything cached from them goes. */
#define CR0_MAPS (CR0_PE | CR0_WP | CR0_PG)
#define CR4_MAPS (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP | CR4_PKE)

/* ---- CR0 ---- */

/* May CR0 become val? Also the rules of entering and leaving long mode. SDM 3A 9.8.5. */
static bool cr0_allowed(const struct vcpu *v, u64 val)
{
	bool pg = val & CR0_PG, was = v->cr0 & CR0_PG;

	if (val >> 32 || (pg && !(val & CR0_PE)) || ((val & CR0_NW) && !(val & CR0_CD)))
		return false;
	if (pg && !was && (v->efer & EFER_LME))
		return (v->cr4 & CR4_PAE) && !(v->seg[SEG_CS].attr & SEG_L);
	if (!pg && was)
		return !in_64bit(v) && !(v->cr4 & CR4_PCIDE);
	return true;
}

static enum step cr0_write(struct soft_vcpu *s, u64 val)
{
	struct vcpu *v = cpu_of(s);
	u64 old = v->cr0;

	if (!cr0_allowed(v, val))
		return fault_gp(s, 0);
	v->cr0 = (val & CR0_KNOWN) | CR0_ET;
	if ((old ^ val) & CR0_PG) {
		v->efer &= ~(u64)EFER_LMA;
		if ((val & CR0_PG) && (v->efer & EFER_LME))
			v->efer |= EFER_LMA;
	}
	if ((old ^ v->cr0) & CR0_MAPS)
		soft_tlb_flush(s, true);
	if (old != v->cr0)
		soft_mode_changed(s);
	return STEP_NEXT;
}

enum step op_clts(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);

	(void)in;
	if (v->cpl)
		return fault_gp(s, 0);
	if (v->cr0 & CR0_TS) {
		v->cr0 &= ~(u64)CR0_TS;
		soft_mode_changed(s);
	}
	return STEP_NEXT;
}

enum step op_lmsw(struct soft_vcpu *s, const struct insn *in)
{
	const u64 low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	struct vcpu *v = cpu_of(s);
	u64 val;

	if (v->cpl)
		return fault_gp(s, 0);
	if (rm_read(s, in, 2, &val))
		return STEP_FAULT;
	/* PE can be set this way, not cleared. */
	return cr0_write(s, (v->cr0 & ~low) | (val & low) | (v->cr0 & CR0_PE));
}

enum step op_smsw(struct soft_vcpu *s, const struct insn *in)
{
	const struct vcpu *v = cpu_of(s);

	if ((v->cr4 & CR4_UMIP) && v->cpl)
		return fault_gp(s, 0);
	return rm_write(s, in, in->is_mem ? 2 : in->opsize, v->cr0);
}

/* ---- CR3, CR4, CR8 ---- */

static enum step cr3_write(struct soft_vcpu *s, u64 val)
{
	struct vcpu *v = cpu_of(s);
	bool keep = (v->cr4 & CR4_PCIDE) && (val & CR3_NOFLUSH);

	if (v->cr4 & CR4_PCIDE)
		val &= ~CR3_NOFLUSH;
	if (val >> CPUID_PHYS_BITS && in_64bit(v))
		return fault_gp(s, 0);
	v->cr3 = val;
	soft_tlb_cr3(s, keep);
	return STEP_NEXT;
}

/* One row a bit of CR4 that CPUID must announce. */
static const struct {
	u32 bit, leaf;
	enum { FROM_EBX, FROM_ECX, FROM_EDX } reg;
	u32 feature;
} cr4_rows[] = {
	{ CR4_TSD, 1, FROM_EDX, 1u << 4 },
	{ CR4_DE, 1, FROM_EDX, 1u << 2 },
	{ CR4_PSE, 1, FROM_EDX, 1u << 3 },
	{ CR4_PAE, 1, FROM_EDX, 1u << 6 },
	{ CR4_MCE, 1, FROM_EDX, 1u << 7 },
	{ CR4_PGE, 1, FROM_EDX, 1u << 13 },
	{ CR4_OSFXSR, 1, FROM_EDX, 1u << 24 },
	{ CR4_OSXMMEXCPT, 1, FROM_EDX, 1u << 25 },
	{ CR4_PCIDE, 1, FROM_ECX, 1u << 17 },
	{ CR4_OSXSAVE, 1, FROM_ECX, 1u << 26 },
	{ CR4_FSGSBASE, 7, FROM_EBX, 1u << 0 },
	{ CR4_SMEP, 7, FROM_EBX, 1u << 7 },
	{ CR4_SMAP, 7, FROM_EBX, 1u << 20 },
	{ CR4_UMIP, 7, FROM_ECX, 1u << 2 },
	{ CR4_PKE, 7, FROM_ECX, 1u << 3 },
};

/* Are all these bits ones that the guest's CPUID announces? PCE goes without saying. */
static bool cr4_known(struct soft_vcpu *s, u64 bits)
{
	bits &= ~(u64)CR4_PCE;
	if (!bits)
		return true;
	soft_call_out(s);
	for (unsigned i = 0; i < ARRAY_SIZE(cr4_rows); i++) {
		struct cpuid_regs r;
		u32 have;

		if (!(bits & cr4_rows[i].bit))
			continue;
		r = cpuid_model(soft_cpuid(s), cpu_of(s), cr4_rows[i].leaf, 0);
		have = cr4_rows[i].reg == FROM_EBX ? r.ebx :
		       cr4_rows[i].reg == FROM_ECX ? r.ecx : r.edx;
		if (have & cr4_rows[i].feature)
			bits &= ~(u64)cr4_rows[i].bit;
	}
	return !bits;
}

static enum step cr4_write(struct soft_vcpu *s, u64 val)
{
	struct vcpu *v = cpu_of(s);
	u64 old = v->cr4, set = val & ~old, cleared = old & ~val;

	if (!cr4_known(s, set))
		return fault_gp(s, 0);
	if ((cleared & CR4_PAE) && in_lma(v))
		return fault_gp(s, 0);
	if ((set & CR4_PCIDE) && (!in_lma(v) || (v->cr3 & 0xfff)))
		return fault_gp(s, 0);
	v->cr4 = val;
	if ((old ^ val) & CR4_MAPS)
		soft_tlb_flush(s, true);
	if (old != val)
		soft_mode_changed(s);
	return STEP_NEXT;
}

static enum step cr8_write(struct soft_vcpu *s, u64 val)
{
	const struct engine_host *h = host_of(cpu_of(s));

	if (val > 15)
		return fault_gp(s, 0);
	soft_call_out(s);
	h->cr8_write(h->ctx, cpu_of(s), (u8)val);
	return STEP_NEXT;
}

static u64 cr8_read(struct soft_vcpu *s)
{
	const struct engine_host *h = host_of(cpu_of(s));

	soft_call_out(s);
	return h->cr8_read(h->ctx, cpu_of(s));
}

static bool cr_exists(const struct vcpu *v, unsigned n)
{
	return n == 0 || n == 2 || n == 3 || n == 4 || (n == 8 && in_64bit(v));
}

enum step mov_to_cr(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 val = reg_read(v, in->rm, in_64bit(v) ? 8 : 4);

	if (!cr_exists(v, in->reg))
		return fault_ud(s);
	if (v->cpl)
		return fault_gp(s, 0);
	switch (in->reg) {
	case 0:
		return cr0_write(s, val);
	case 2:
		v->cr2 = val;
		return STEP_NEXT;
	case 3:
		return cr3_write(s, val);
	case 4:
		return cr4_write(s, val);
	default:
		return cr8_write(s, val);
	}
}

enum step mov_from_cr(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 val;

	if (!cr_exists(v, in->reg))
		return fault_ud(s);
	if (v->cpl)
		return fault_gp(s, 0);
	switch (in->reg) {
	case 0:
		val = v->cr0;
		break;
	case 2:
		val = v->cr2;
		break;
	case 3:
		val = v->cr3;
		break;
	case 4:
		val = v->cr4;
		break;
	default:
		val = cr8_read(s);
	}
	reg_write(v, in->rm, in_64bit(v) ? 8 : 4, val);
	return STEP_NEXT;
}

/* ---- debug registers. SDM 3B 17.2 ---- */

enum { DR6_BD = 1 << 13 };
#define DR6_ONES 0xffff0ff0u
#define DR6_ZERO 0x1000u
#define DR7_ONES 0x400u
#define DR7_ZERO 0xd800u

/* Which register n means: 4 and 5 are 6 and 7 unless CR4.DE; -1 when there is none. */
static int dr_number(const struct vcpu *v, unsigned n)
{
	if (n > 7 || ((n == 4 || n == 5) && (v->cr4 & CR4_DE)))
		return -1;
	return n == 4 || n == 5 ? (int)n + 2 : (int)n;
}

/* Checks that reading and writing share; *ret the register. */
static enum step dr_check(struct soft_vcpu *s, const struct insn *in, unsigned *ret)
{
	struct vcpu *v = cpu_of(s);
	int n = dr_number(v, in->reg);

	if (n < 0)
		return fault_ud(s);
	if (v->cpl)
		return fault_gp(s, 0);
	if (v->dr[7] & DR7_GD) {
		v->dr[6] |= DR6_BD;
		v->dr[7] &= ~(u64)DR7_GD;
		return soft_fault(s, EXC_DB, false, 0);
	}
	*ret = (unsigned)n;
	return STEP_NEXT;
}

enum step mov_from_dr(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	unsigned n;

	if (dr_check(s, in, &n))
		return STEP_FAULT;
	reg_write(v, in->rm, in_64bit(v) ? 8 : 4, v->dr[n]);
	return STEP_NEXT;
}

enum step mov_to_dr(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 val = reg_read(v, in->rm, in_64bit(v) ? 8 : 4);
	unsigned n;

	if (dr_check(s, in, &n))
		return STEP_FAULT;
	if (n >= 6 && val >> 32)
		return fault_gp(s, 0);
	if (n == 6)
		val = (val | DR6_ONES) & ~(u64)DR6_ZERO;
	if (n == 7)
		val = (val | DR7_ONES) & ~(u64)DR7_ZERO;
	v->dr[n] = val;
	soft_mode_changed(s);
	return STEP_NEXT;
}

/* ---- XCR0. SDM 2C XSETBV ---- */

enum { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = 4 };

enum step op_xgetbv(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u32 n = (u32)v->gpr[RCX];
	u64 val = v->xcr0;

	(void)in;
	if (!(v->cr4 & CR4_OSXSAVE))
		return fault_ud(s);
	/* Register 1 is XCR0 and what is in use; that all of it is in use is always a right answer. */
	if (n > 1)
		return fault_gp(s, 0);
	v->gpr[RAX] = (u32)val;
	v->gpr[RDX] = val >> 32;
	return STEP_NEXT;
}

enum step op_xsetbv(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 val = (u32)v->gpr[RAX] | v->gpr[RDX] << 32;

	(void)in;
	if (!(v->cr4 & CR4_OSXSAVE))
		return fault_ud(s);
	soft_call_out(s);
	if (v->cpl || (u32)v->gpr[RCX] || (val & ~cpuid_xcr0(soft_cpuid(s))) || !(val & XCR0_X87) ||
	    ((val & XCR0_AVX) && !(val & XCR0_SSE)))
		return fault_gp(s, 0);
	v->xcr0 = val;
	soft_mode_changed(s);
	return STEP_NEXT;
}
