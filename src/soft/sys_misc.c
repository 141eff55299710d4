/* sys_misc.c - the remaining system instructions: halt, TLB, counters, CPUID, hypercalls. */
#include "soft/ops.h"

enum step op_ud(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return fault_ud(s);
}

enum step op_too_long(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return fault_gp(s, 0);
}

enum step op_nop(struct soft_vcpu *s, const struct insn *in)
{
	(void)s;
	(void)in;
	return STEP_NEXT;
}

/* Caches are the host's, but clflush and its kin fault as a load of one byte would. */
enum step op_clflush(struct soft_vcpu *s, const struct insn *in)
{
	const struct vcpu *v = cpu_of(s);
	const struct paging p = { .cr0 = v->cr0, .cr3 = v->cr3, .cr4 = v->cr4, .efer = v->efer,
				  .ac = v->rflags & FL_AC, .pkru = v->pkru };
	struct walk w;
	u64 lin;

	if (seg_linear(s, in->seg, insn_ea(v, in), 1, ACC_R, &lin))
		return STEP_FAULT;
	/* Not by lin_read(): a device must not see it. */
	if (!mem_walk(v->engine->config.mem, &p, GVA(lin), acc_data(v), &w))
		return STEP_NEXT;
	soft_fault(s, EXC_PF, true, w.error);
	soft_fault_noted(s)->cr2 = lin;
	return STEP_FAULT;
}

/* Privileged and without effect here: caches are the host's. */
enum step op_nop_cpl0(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return need_cpl0(s);
}

enum step op_hlt(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	if (cpu_of(s)->cpl)
		return fault_gp(s, 0);
	return soft_exit(s, RUN_HALT);
}

/* ---- TLB. SDM 2A INVLPG, INVPCID ---- */

enum step op_invlpg(struct soft_vcpu *s, const struct insn *in)
{
	const struct vcpu *v = cpu_of(s);
	u64 lin;

	if (!in->is_mem)
		return fault_ud(s);
	if (v->cpl)
		return fault_gp(s, 0);
	lin = insn_ea(v, in);
	if (!in_64bit(v))
		lin = (u32)(lin + v->seg[in->seg].base);
	else if (in->seg == SEG_FS || in->seg == SEG_GS)
		lin += v->seg[in->seg].base;
	/* A non-canonical address does nothing. */
	if (canonical(lin))
		soft_tlb_flush_page(s, lin);
	return STEP_NEXT;
}

enum { INVPCID_PAGE, INVPCID_ONE, INVPCID_ALL_GLOBAL, INVPCID_ALL, INVPCID_N };

enum step op_invpcid(struct soft_vcpu *s, const struct insn *in)
{
	const struct vcpu *v = cpu_of(s);
	u64 type = reg_read(v, in->reg, in_64bit(v) ? 8 : 4), pcid, desc[2];
	bool present;

	if (!in->is_mem || in_v86(v))
		return fault_ud(s);
	if (v->cpl || type >= INVPCID_N)
		return fault_gp(s, 0);
	if (op_read(s, in, desc, sizeof(desc)))
		return STEP_FAULT;
	pcid = desc[0];
	if (pcid >> 12 || (type <= INVPCID_ONE && pcid && !(v->cr4 & CR4_PCIDE)))
		return fault_gp(s, 0);
	if (type == INVPCID_PAGE && !canonical(desc[1]))
		return fault_gp(s, 0);
	present = pcid == ((v->cr4 & CR4_PCIDE) ? v->cr3 & 0xfff : 0);
	if (type == INVPCID_PAGE && present)
		soft_tlb_flush_page(s, desc[1]);
	else if (type == INVPCID_ONE && present)
		soft_tlb_flush(s, false);
	else /* other address spaces are dropped with everything */
		soft_tlb_flush(s, true);
	return STEP_NEXT;
}

/* ---- counters and identity ---- */

static enum step tsc_read(struct soft_vcpu *s)
{
	struct vcpu *v = cpu_of(s);
	u64 tsc;

	if ((v->cr4 & CR4_TSD) && v->cpl)
		return fault_gp(s, 0);
	tsc = soft_tsc(s);
	v->gpr[RAX] = (u32)tsc;
	v->gpr[RDX] = tsc >> 32;
	return STEP_NEXT;
}

enum step op_rdtsc(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return tsc_read(s);
}

enum step op_rdtscp(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	if (tsc_read(s))
		return STEP_FAULT;
	cpu_of(s)->gpr[RCX] = (u32)cpu_of(s)->tsc_aux;
	return STEP_NEXT;
}

enum step op_rdpid(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);

	reg_write(v, in->rm, in_64bit(v) ? 8 : 4, (u32)v->tsc_aux);
	return STEP_NEXT;
}

/* CPUID announces no performance counters, so none can be read. */
enum step op_rdpmc(struct soft_vcpu *s, const struct insn *in)
{
	(void)in;
	return fault_gp(s, 0);
}

enum step op_cpuid(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	struct cpuid_regs r;

	soft_call_out(s);
	if (unlikely(soft_host(s)->trap)) {
		struct engine_trap t = { .kind = TRAP_CPUID, .rip = v->rip + in->len };

		soft_host(s)->trap(soft_host(s)->ctx, v, &t);
		return STEP_NEXT;
	}
	r = cpuid_model(soft_cpuid(s), v, (u32)v->gpr[RAX], (u32)v->gpr[RCX]);
	v->gpr[RAX] = r.eax;
	v->gpr[RBX] = r.ebx;
	v->gpr[RCX] = r.ecx;
	v->gpr[RDX] = r.edx;
	return STEP_NEXT;
}

/* ---- hypercalls. linux/Documentation/virt/kvm/x86/hypercalls.rst ---- */

#define KVM_EPERM 1

/* Both vendors' instructions are taken: kernels patch one into the other, or do not. */
enum step op_vmcall(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);
	const struct engine_host *h = host_of(v);
	unsigned size = in_64bit(v) ? 8 : 4;
	u64 arg[4] = { reg_read(v, RBX, size), reg_read(v, RCX, size), reg_read(v, RDX, size),
		       reg_read(v, RSI, size) };
	u64 ret = -(u64)KVM_EPERM;

	(void)in;
	if (!h->hypercall || !soft_cpuid(s)->kvm_leaves)
		return fault_ud(s);
	if (!v->cpl) {
		soft_call_out(s);
		ret = h->hypercall(h->ctx, v, reg_read(v, RAX, size), arg);
	}
	reg_write(v, RAX, size, ret);
	return STEP_NEXT;
}

/* ---- protection keys: CPUID does not announce them, so CR4.PKE is never set ---- */

enum step op_rdpkru(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);

	(void)in;
	if (!(v->cr4 & CR4_PKE))
		return fault_ud(s);
	if ((u32)v->gpr[RCX])
		return fault_gp(s, 0);
	v->gpr[RAX] = v->pkru;
	v->gpr[RDX] = 0;
	return STEP_NEXT;
}

enum step op_wrpkru(struct soft_vcpu *s, const struct insn *in)
{
	struct vcpu *v = cpu_of(s);

	(void)in;
	if (!(v->cr4 & CR4_PKE))
		return fault_ud(s);
	if ((u32)v->gpr[RCX] || (u32)v->gpr[RDX])
		return fault_gp(s, 0);
	v->pkru = (u32)v->gpr[RAX];
	soft_tlb_flush(s, true);
	return STEP_NEXT;
}
