/* sys_call.c - syscall, sysret, sysenter, sysexit. SDM 2B, APM 3; they differ by vendor. */
#include "soft/ops.h"

/*E:660 A system call
 * syscall reads no descriptor and no stack: CS and SS get fixed contents, rip comes from an MSR,
 * and the old rip and flags go to rcx and r11. AMD knows it in compatibility mode too, where Intel
 * raises #UD and has sysenter in long mode instead; guests choose by the vendor that CPUID names.
 * @test syscall_and_sysret
 */

static void flat_cs(struct soft_vcpu *s, u16 sel, u16 attr, unsigned cpl, u64 rip)
{
	struct seg cs;

	seg_set_flat(&cs, sel, attr | (u16)(cpl << SEG_DPL_SHIFT));
	cs_set(s, &cs, cpl, rip);
}

static void flat_ss(struct vcpu *v, u16 sel, unsigned cpl)
{
	seg_set_flat(&v->seg[SEG_SS], sel, FLAT_DATA | (u16)(cpl << SEG_DPL_SHIFT));
}

enum step op_syscall(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u16 sel = v->star >> 32 & 0xfffc;
	u64 next = v->rip + in->len, rip;

	if (unlikely(soft_host(s)->trap)) {
		struct engine_trap t = { .kind = TRAP_SYSCALL, .rip = next };

		soft_call_out(s);
		return soft_trapped(s, soft_host(s)->trap(soft_host(s)->ctx, v, &t));
	}
	if (!(v->efer & EFER_SCE) || !in_protected(v))
		return fault_ud(s);
	if (!in_64bit(v) && v->vendor != VENDOR_AMD)
		return fault_ud(s);
	soft_no_step(s);
	if (!in_lma(v)) {
		v->gpr[RCX] = (u32)next;
		v->rflags &= ~(u64)(FL_IF | FL_RF | FL_VM);
		flat_ss(v, sel + 8, 0);
		flat_cs(s, sel, FLAT_CODE32, 0, (u32)v->star);
		return STEP_JUMP;
	}
	rip = in_64bit(v) ? v->lstar : v->cstar;
	v->gpr[RCX] = in_64bit(v) ? next : (u32)next;
	v->gpr[R11] = v->rflags & ~(u64)FL_RF;
	v->rflags = (v->rflags & ~v->sfmask & ~(u64)FL_RF) | FL_1;
	flat_ss(v, sel + 8, 0);
	flat_cs(s, sel, FLAT_CODE64, 0, rip);
	return STEP_JUMP;
}

enum step op_sysret(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u16 sel = (u16)(v->star >> 48);
	bool wide = in->opsize == 8;
	u64 rip = wide ? v->gpr[RCX] : (u32)v->gpr[RCX];

	if (!(v->efer & EFER_SCE) || (!in_64bit(v) && v->vendor != VENDOR_AMD))
		return fault_ud(s);
	if (v->cpl || !in_protected(v))
		return fault_gp(s, 0);
	/* AMD faults only when the code at rip is fetched, at CPL 3. */
	if (wide && v->vendor != VENDOR_AMD && !canonical(rip))
		return fault_gp(s, 0);
	if (in_lma(v))
		v->rflags = (v->gpr[R11] & 0x3c7fd7) | FL_1;
	else
		v->rflags |= FL_IF;
	flat_ss(v, (u16)((sel + 8) | 3), 3);
	if (wide)
		flat_cs(s, (u16)((sel + 16) | 3), FLAT_CODE64, 3, rip);
	else
		flat_cs(s, sel | 3, FLAT_CODE32, 3, rip);
	return STEP_JUMP;
}

enum step op_sysenter(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u16 sel = v->sysenter_cs & 0xfffc;
	bool wide = in_lma(v);

	(void)in;
	if (wide && v->vendor == VENDOR_AMD)
		return fault_ud(s);
	if (in_real(v) || !sel)
		return fault_gp(s, 0);
	v->rflags &= ~(u64)(FL_VM | FL_IF | FL_RF);
	v->gpr[RSP] = wide ? v->sysenter_esp : (u32)v->sysenter_esp;
	flat_ss(v, sel + 8, 0);
	flat_cs(s, sel, wide ? FLAT_CODE64 : FLAT_CODE32, 0,
		wide ? v->sysenter_eip : (u32)v->sysenter_eip);
	return STEP_JUMP;
}

enum step op_sysexit(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	u16 sel = v->sysenter_cs & 0xfffc;
	bool wide = in->opsize == 8;
	u64 rip = v->gpr[RDX], rsp = v->gpr[RCX];

	if (in_lma(v) && v->vendor == VENDOR_AMD)
		return fault_ud(s);
	if (!in_protected(v) || !sel || v->cpl)
		return fault_gp(s, 0);
	if (wide && (!canonical(rip) || !canonical(rsp)))
		return fault_gp(s, 0);
	sel += wide ? 32 : 16;
	v->gpr[RSP] = wide ? rsp : (u32)rsp;
	flat_ss(v, (u16)((sel + 8) | 3), 3);
	flat_cs(s, sel | 3, wide ? FLAT_CODE64 : FLAT_CODE32, 3, wide ? rip : (u32)rip);
	return STEP_JUMP;
}
