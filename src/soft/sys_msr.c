/* sys_msr.c - model-specific registers that are the processor's; the board has the rest. */
#include "soft/ops.h"

/*E:640 A register by number
 * rdmsr and wrmsr look a number up in one table. A row is a field of struct vcpu with a rule for
 * what may be written, a register that merely remembers, or one that always reads the same. What
 * has no row is asked of the board (the local APIC, kvmclock); what nobody knows is #GP.
 * @test msr_table_remembers
 */

enum rule {
	ANY,       /* plain 64 bits */
	LOW32,     /* the upper half must be zero */
	CANONICAL, /* must be a canonical address */
	FIXED,     /* reads as val; writes are ignored */
	PLAIN,     /* remembers what was written; msr_plain[at] is its difference from val */
	SPECIAL,   /* has functions */
};

struct msr_row {
	u32 first, last;
	u16 at; /* offset in struct vcpu, or index in msr_plain */
	u8 rule;
	u64 val;
};

#define FIELD(f) offsetof(struct vcpu, f)

/* Sorted by number. Ranges of PLAIN take consecutive places. */
static const struct msr_row msr_rows[] = {
	{ 0x0, 0x1, 0, FIXED, 0 },      /* P5 machine check */
	{ MSR_TSC, MSR_TSC, 0, SPECIAL, 0 },
	{ 0x17, 0x17, 0, FIXED, 0 },    /* platform id */
	{ 0x2a, 0x2a, 0, FIXED, 0 },    /* power-on configuration */
	{ 0x34, 0x34, 0, FIXED, 0 },    /* SMI count */
	{ 0x3a, 0x3a, 0, FIXED, 1 },    /* feature control: locked, no VMX */
	{ MSR_TSC_ADJUST, MSR_TSC_ADJUST, 0, SPECIAL, 0 },
	{ 0x79, 0x79, 0, FIXED, 0 },    /* microcode update trigger, Intel */
	{ 0x8b, 0x8b, 0, SPECIAL, 0 },  /* microcode revision */
	{ 0xfe, 0xfe, 0, FIXED, 0x508 }, /* MTRRcap: 8 ranges, fixed ranges, WC */
	{ MSR_SYSENTER_CS, MSR_SYSENTER_CS, FIELD(sysenter_cs), ANY, 0 },
	{ MSR_SYSENTER_ESP, MSR_SYSENTER_ESP, FIELD(sysenter_esp), CANONICAL, 0 },
	{ MSR_SYSENTER_EIP, MSR_SYSENTER_EIP, FIELD(sysenter_eip), CANONICAL, 0 },
	{ 0x179, 0x179, 0, FIXED, 0 },  /* MCG_CAP: no banks */
	{ 0x17a, 0x17b, 0, FIXED, 0 },  /* MCG_STATUS, MCG_CTL */
	{ 0x198, 0x198, 0, FIXED, 0 },  /* performance status */
	{ MSR_MISC_ENABLE, MSR_MISC_ENABLE, FIELD(misc_enable), ANY, 0 },
	{ 0x200, 0x20f, 0, PLAIN, 0 },  /* variable MTRRs */
	{ 0x250, 0x250, 16, PLAIN, 0 }, /* fixed MTRRs */
	{ 0x258, 0x259, 17, PLAIN, 0 },
	{ 0x268, 0x26f, 19, PLAIN, 0 },
	{ MSR_PAT, MSR_PAT, 0, SPECIAL, 0 },
	{ 0x2ff, 0x2ff, 27, PLAIN, 0xc06 }, /* MTRR default type: as firmware leaves it, write-back */
	{ 0x400, 0x47f, 0, FIXED, 0 },  /* machine-check banks */
	{ MSR_EFER, MSR_EFER, 0, SPECIAL, 0 },
	{ MSR_STAR, MSR_STAR, FIELD(star), ANY, 0 },
	{ MSR_LSTAR, MSR_LSTAR, FIELD(lstar), CANONICAL, 0 },
	{ MSR_CSTAR, MSR_CSTAR, FIELD(cstar), CANONICAL, 0 },
	{ MSR_SFMASK, MSR_SFMASK, FIELD(sfmask), ANY, 0 },
	{ MSR_FS_BASE, MSR_FS_BASE, FIELD(seg[SEG_FS].base), CANONICAL, 0 },
	{ MSR_GS_BASE, MSR_GS_BASE, FIELD(seg[SEG_GS].base), CANONICAL, 0 },
	{ MSR_KERNEL_GS_BASE, MSR_KERNEL_GS_BASE, FIELD(kernel_gs_base), CANONICAL, 0 },
	{ MSR_TSC_AUX, MSR_TSC_AUX, FIELD(tsc_aux), LOW32, 0 },
	{ 0xc0010010, 0xc0010010, 28, PLAIN, 0 },    /* SYSCFG */
	{ 0xc0010015, 0xc0010015, 29, PLAIN, 1u << 24 }, /* HWCR: the TSC runs at P0's rate */
	{ 0xc001001a, 0xc001001a, 0, FIXED, 0 },     /* TOP_MEM */
	{ 0xc001001d, 0xc001001d, 0, FIXED, 0 },     /* TOP_MEM2 */
	{ 0xc001001f, 0xc001001f, 30, PLAIN, 0 },    /* NB_CFG */
	{ 0xc0010020, 0xc0010020, 0, FIXED, 0 },     /* microcode loader */
	{ 0xc0010055, 0xc0010055, 0, FIXED, 0 },     /* interrupt pending message */
	{ 0xc0010058, 0xc0010058, 31, PLAIN, 0 },    /* MMIO configuration base */
	{ 0xc0010061, 0xc0010064, 0, FIXED, 0 },     /* P-states */
	{ 0xc0010112, 0xc0010113, 0, FIXED, 0 },     /* TSEG */
	{ 0xc0010114, 0xc0010114, 0, FIXED, 0x10 },  /* VM_CR: SVM disabled */
	{ 0xc0010117, 0xc0010117, 32, PLAIN, 0 },    /* VM_HSAVE_PA */
	{ 0xc0010131, 0xc0010131, 0, FIXED, 0 },     /* SEV status */
	{ 0xc0010140, 0xc0010141, 0, FIXED, 0 },     /* OS-visible workarounds: none */
	{ 0xc0011020, 0xc0011023, 33, PLAIN, 0 },    /* LS, IC, DC configuration */
	{ 0xc0011029, 0xc0011029, 37, SPECIAL, 0 },  /* DE_CFG */
	{ 0xc001102a, 0xc001102d, 38, PLAIN, 0 },    /* BU and further configuration */
	{ 0xc00110e3, 0xc00110e3, 42, PLAIN, 0 },
};

static const struct msr_row *msr_find(u32 msr)
{
	for (unsigned i = 0; i < ARRAY_SIZE(msr_rows); i++)
		if (msr >= msr_rows[i].first && msr <= msr_rows[i].last)
			return &msr_rows[i];
	return NULL;
}

static u64 *field_of(struct vcpu *v, const struct msr_row *row)
{
	return (u64 *)((u8 *)v + row->at);
}

static u64 *plain_of(struct vcpu *v, const struct msr_row *row, u32 msr)
{
	return &v->msr_plain[row->at + (msr - row->first)];
}

/* ---- the ones with rules of their own ---- */

#define EFER_AUTO_IBRS (1u << 21)
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_AUTO_IBRS)
#define DE_CFG 0xc0011029u
#define DE_CFG_LFENCE 2 /* LFENCE serializes: always so on the hosts that matter */
#define UCODE_REV 0x8bu

static bool efer_write(struct soft_vcpu *s, u64 val)
{
	struct vcpu *v = cpu_of(s);
	u64 old = v->efer;

	if (val & ~(u64)EFER_KNOWN)
		return false;
	if ((v->cr0 & CR0_PG) && ((old ^ val) & EFER_LME))
		return false;
	v->efer = (val & ~(u64)EFER_LMA) | (old & EFER_LMA);
	if ((old ^ val) & EFER_NXE)
		soft_tlb_flush(s, true);
	if (old != v->efer)
		soft_mode_changed(s);
	return true;
}

/* Memory types: 0, 1, 4 to 7. SDM 3A 11.12.2. */
static bool pat_write(struct vcpu *v, u64 val)
{
	for (unsigned i = 0; i < 64; i += 8) {
		u64 type = val >> i & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	v->pat = val;
	return true;
}

/* A written TSC moves TSC_ADJUST by as much, and the other way round. SDM 3B 17.17.3. */
static void tsc_move(struct vcpu *v, u64 by)
{
	v->tsc_offset += by;
	v->tsc_adjust += by;
}

static bool special_write(struct soft_vcpu *s, u32 msr, u64 val)
{
	struct vcpu *v = cpu_of(s);

	switch (msr) {
	case MSR_EFER:
		return efer_write(s, val);
	case MSR_PAT:
		return pat_write(v, val);
	case MSR_TSC:
		tsc_move(v, val - soft_tsc(s));
		soft_mode_changed(s);
		return true;
	case MSR_TSC_ADJUST:
		tsc_move(v, val - v->tsc_adjust);
		soft_mode_changed(s);
		return true;
	case DE_CFG:
		v->msr_plain[37] = val;
		return true;
	default:
		return true;
	}
}

static u64 special_read(struct soft_vcpu *s, u32 msr)
{
	struct vcpu *v = cpu_of(s);

	switch (msr) {
	case MSR_EFER:
		return v->efer;
	case MSR_PAT:
		return v->pat;
	case MSR_TSC:
		return soft_tsc(s);
	case MSR_TSC_ADJUST:
		return v->tsc_adjust;
	case DE_CFG:
		return v->msr_plain[37] | DE_CFG_LFENCE;
	case UCODE_REV:
		return v->vendor == VENDOR_AMD ? 0x01000065 : 1ull << 32;
	default:
		return 0;
	}
}

/* ---- rdmsr, wrmsr ---- */

static bool msr_get(struct soft_vcpu *s, u32 msr, u64 *ret)
{
	struct vcpu *v = cpu_of(s);
	const struct engine_host *h = host_of(v);
	const struct msr_row *row = msr_find(msr);

	if (!row) {
		soft_call_out(s);
		return h->msr_read && h->msr_read(h->ctx, v, msr, ret);
	}
	if (row->rule == SPECIAL)
		*ret = special_read(s, msr);
	else if (row->rule == FIXED)
		*ret = row->val;
	else if (row->rule == PLAIN)
		*ret = *plain_of(v, row, msr) ^ row->val;
	else
		*ret = *field_of(v, row);
	return true;
}

static bool msr_set(struct soft_vcpu *s, u32 msr, u64 val)
{
	struct vcpu *v = cpu_of(s);
	const struct engine_host *h = host_of(v);
	const struct msr_row *row = msr_find(msr);

	if (!row) {
		soft_call_out(s);
		return h->msr_write && h->msr_write(h->ctx, v, msr, val);
	}
	switch (row->rule) {
	case SPECIAL:
		return special_write(s, msr, val);
	case FIXED:
		return true;
	case PLAIN:
		*plain_of(v, row, msr) = val ^ row->val;
		return true;
	case LOW32:
		if (val >> 32)
			return false;
		break;
	case CANONICAL:
		if (!canonical(val))
			return false;
		break;
	default:
		break;
	}
	*field_of(v, row) = val;
	return true;
}

enum step op_rdmsr(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 val = 0;

	(void)in;
	if (v->cpl || !msr_get(s, (u32)v->gpr[RCX], &val))
		return fault_gp(s, 0);
	v->gpr[RAX] = (u32)val;
	v->gpr[RDX] = val >> 32;
	return STEP_NEXT;
}

enum step op_wrmsr(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 val = (u32)v->gpr[RAX] | v->gpr[RDX] << 32;

	(void)in;
	if (v->cpl || !msr_set(s, (u32)v->gpr[RCX], val))
		return fault_gp(s, 0);
	return STEP_NEXT;
}

/* ---- the bases of FS and GS without a number. SDM 2B RDFSBASE, SWAPGS ---- */

static enum step base_check(struct soft_vcpu *s)
{
	const struct vcpu *v = cpu_of(s);

	return in_64bit(v) && (v->cr4 & CR4_FSGSBASE) ? STEP_NEXT : fault_ud(s);
}

static enum step base_read(struct soft_vcpu *s, const struct insn *in, unsigned seg)
{
	struct vcpu *v = cpu_of(s);

	if (base_check(s))
		return STEP_FAULT;
	reg_write(v, in->rm, in->opsize, v->seg[seg].base);
	return STEP_NEXT;
}

static enum step base_write(struct soft_vcpu *s, const struct insn *in, unsigned seg)
{
	struct vcpu *v = cpu_of(s);
	u64 val = reg_read(v, in->rm, in->opsize);

	if (base_check(s))
		return STEP_FAULT;
	if (!canonical(val))
		return fault_gp(s, 0);
	v->seg[seg].base = val;
	return STEP_NEXT;
}

enum step op_rdfsbase(struct soft_vcpu *s, const struct insn *in) { return base_read(s, in, SEG_FS); }
enum step op_rdgsbase(struct soft_vcpu *s, const struct insn *in) { return base_read(s, in, SEG_GS); }
enum step op_wrfsbase(struct soft_vcpu *s, const struct insn *in) { return base_write(s, in, SEG_FS); }
enum step op_wrgsbase(struct soft_vcpu *s, const struct insn *in) { return base_write(s, in, SEG_GS); }

enum step op_swapgs(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u64 base = v->seg[SEG_GS].base;

	(void)in;
	if (!in_64bit(v))
		return fault_ud(s);
	if (v->cpl)
		return fault_gp(s, 0);
	v->seg[SEG_GS].base = v->kernel_gs_base;
	v->kernel_gs_base = base;
	return STEP_NEXT;
}
