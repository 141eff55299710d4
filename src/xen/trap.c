/* trap.c - the guest's exceptions, system calls and upcalls: frames in, iret out. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>

/*H:100 The guest's kernel is a program
 * Guest kernel and guest programs both run in ring 3; which of them runs is a bit of Xen's. Whatever
 * leads out of ring 3 comes to xen_trap(): a hypercall if the kernel did syscall, a system call if a
 * program did, an exception for the guest's own trap table, an instruction that only ring 0 may do.
 * Back into the guest's kernel leads one way, bounce(): a frame on its stack that looks like the
 * processor's with rcx and r11 in front, for these are what Xen's own entry destroyed.
 * @test xen-example
 */

#define FL_KEPT_OUT (FL_AC | FL_VM | FL_RF | FL_NT | FL_TF)

/* Two address spaces, two PCIDs: what is cached for the other one waits. */
void base_load(struct xen *x, bool keep)
{
	u64 mfn = x->kernel ? x->kernel_base : x->user_base;

	x->v->cr3 = mfn << GUEST_PAGE_SHIFT | (x->kernel ? PCID_KERNEL : PCID_USER);
	x->v->engine->ops->tlb(x->v, keep ? ENGINE_TLB_CR3_KEEP : ENGINE_TLB_CR3, GVA(0));
}

void mode_toggle(struct xen *x)
{
	struct vcpu *v = x->v;
	u64 gs = v->seg[SEG_GS].base;

	x->kernel = !x->kernel;
	v->seg[SEG_GS].base = v->kernel_gs_base;
	v->kernel_gs_base = gs;
	base_load(x, x->kernel || !x->user_stale);
	x->user_stale &= x->kernel;
}

void bounce(struct xen *x, u64 rip, bool mask, const u32 *err, u64 ret_rip)
{
	struct vcpu_info *info = vcpu_info(x);
	struct vcpu *v = x->v;
	u8 was_masked = info->evtchn_upcall_mask;
	bool from_kernel = x->kernel;
	u64 frame[8], n = 0, sp = from_kernel ? v->gpr[RSP] : x->kernel_sp;

	if (!rip) {
		domain_crash(x, "no handler for an upcall");
		return;
	}
	frame[n++] = v->gpr[RCX];
	frame[n++] = v->gpr[R11];
	if (err)
		frame[n++] = *err;
	frame[n++] = ret_rip;
	frame[n++] = (from_kernel ? v->seg[SEG_CS].sel & ~3u : v->seg[SEG_CS].sel) |
		     (u64)was_masked << 32;
	frame[n++] = (v->rflags & ~(u64)(FL_IF | FL_IOPL)) | (was_masked ? 0 : FL_IF) |
		     (u64)x->iopl << 12;
	frame[n++] = v->gpr[RSP];
	frame[n++] = from_kernel ? v->seg[SEG_SS].sel & ~3u : v->seg[SEG_SS].sel;
	if (!from_kernel)
		mode_toggle(x);
	sp = (sp & ~15ull) - n * 8;
	if (guest_write(x, sp, frame, n * 8)) {
		domain_crash(x, "fault while creating the frame of an exception at 0x%llx", (ull)sp);
		return;
	}
	if (mask)
		info->evtchn_upcall_mask = 1;
	v->gpr[RSP] = sp;
	v->rflags = (v->rflags & ~(u64)FL_KEPT_OUT) | FL_IF | FL_1;
	v->rip = rip;
	segment_cs(v, FLAT_RING3_CS64);
}

static const char *const names[] = {
	"divide error", "debug", "nmi", "bkpt", "overflow", "bounds", "invalid opcode",
	"device not available", "double fault", "coprocessor segment", "invalid tss",
	"segment not found", "stack error", "general protection fault", "page fault",
	"spurious interrupt", "coprocessor error", "alignment check", "machine check", "simd error",
};

void bounce_trap(struct xen *x, const struct engine_trap *t)
{
	const trap_info_t *ti = &x->trap[t->vec];
	u32 err = t->err;

	if (!ti->address) {
		x->v->rip = t->rip;
		if (t->vec == EXC_PF)
			domain_crash(x, "Unhandled page fault fault/trap [#14] on VCPU 0 [ec=%04x] at 0x%llx",
			      err, (ull)t->cr2);
		else
			domain_crash(x, "Unhandled %s fault/trap [#%d] on VCPU 0 [ec=%04x]",
			      t->vec < ARRAY_SIZE(names) ? names[t->vec] : "interrupt", t->vec, err);
		return;
	}
	if (t->vec == EXC_PF) {
		/* Both of the guest's modes are ring 3; it is told which of them it was. */
		err = (err & ~(u32)PF_U) | (x->kernel ? 0 : PF_U);
		vcpu_info(x)->arch.cr2 = x->cr2 = t->cr2;
	}
	bounce(x, ti->address, ti->flags & 4, t->has_err ? &err : NULL, t->rip);
}

static void soft_int(struct xen *x, const struct engine_trap *t)
{
	struct engine_trap gp = { TRAP_EXCEPTION, EXC_GP, true, t->vec * 8u + 2, 0, x->v->rip };
	unsigned dpl = x->trap[t->vec].flags & 3;

	/* int3 and into without a handler are the guest's bug; others are a call that nobody serves. */
	if (dpl < (x->kernel ? 1u : 3u) && t->vec != EXC_BP && t->vec != EXC_OF)
		bounce_trap(x, &gp);
	else
		bounce_trap(x, t);
}

static void exception(struct xen *x, const struct engine_trap *t)
{
	if (t->vec == EXC_PF && (t->err & PF_P) && (t->err & PF_W) && x->kernel &&
	    pagetable_write(x, t->cr2))
		return;
	if ((t->vec == EXC_GP || t->vec == EXC_UD) && emulate_insn(x))
		return;
	if (t->vec == EXC_NM && x->kernel)
		x->v->cr0 &= ~(u64)CR0_TS; /* Xen gives the FPU before it tells */
	bounce_trap(x, t);
}

static void program_syscall(struct xen *x, u64 next)
{
	struct vcpu *v = x->v;

	v->gpr[RCX] = next;
	v->gpr[R11] = v->rflags;
	bounce(x, x->syscall_entry, x->syscall_masks, NULL, next);
}

static enum trap_end after(struct xen *x)
{
	struct vcpu *v = x->v;

	if (x->flush) {
		x->flush = false;
		v->engine->ops->tlb(v, ENGINE_TLB_ALL, GVA(0));
	}
	if (x->ended || x->stepping)
		return TRAP_LEAVE;
	if (x->blocked)
		return TRAP_HALT;
	event_deliver(x);
	return x->ended ? TRAP_LEAVE : TRAP_GO;
}

static void hypercall(struct xen *x, u64 next)
{
	struct vcpu *v = x->v;
	const u64 a[6] = { v->gpr[RDI], v->gpr[RSI], v->gpr[RDX], v->gpr[R10], v->gpr[R8],
			   v->gpr[R9] };
	u64 nr = v->gpr[RAX];

	x->hypercalls++;
	v->rip = next;
	v->gpr[RCX] = next;
	v->gpr[R11] = v->rflags;
	if (nr == __HYPERVISOR_iret)
		hc_iret(x);
	else
		v->gpr[RAX] = (u64)hypercall_do(x, nr, a);
}

static enum trap_end trapped(struct xen *x, const struct engine_trap *t)
{
	xen_stepped(x, x->v); /* the instruction that was let run did not come to its end */
	switch (t->kind) {
	case TRAP_SYSCALL:
		if (x->kernel)
			hypercall(x, t->rip);
		else
			program_syscall(x, t->rip);
		break;
	case TRAP_EXCEPTION:
		exception(x, t);
		break;
	case TRAP_INT:
		soft_int(x, t);
		break;
	case TRAP_IRQ:
		x->blocked = false;
		break; /* after() sees to it */
	}
	return after(x);
}

enum trap_end xen_trap(void *ctx, struct vcpu *v, const struct engine_trap *t)
{
	struct xen *x = ctx;
	enum trap_end end;

	(void)v;
	if (t->kind == TRAP_CPUID) {
		xen_cpuid(x);
		return TRAP_GO;
	}
	pthread_mutex_lock(&x->lock);
	end = trapped(x, t);
	pthread_mutex_unlock(&x->lock);
	return end;
}

/* ---- back ---- */

i64 hc_iret(struct xen *x)
{
	struct vcpu *v = x->v;
	struct { u64 rax, r11, rcx, flags, rip, cs, rflags, rsp, ss; } f;

	if (guest_read(x, v->gpr[RSP], &f, sizeof(f))) {
		domain_crash(x, "fault while reading the frame of iret at 0x%llx", (ull)v->gpr[RSP]);
		return 0;
	}
	if ((f.cs & 3) == 3) {
		if (x->user_base == MFN_NONE) {
			domain_crash(x, "iret to user mode without a user page table");
			return 0;
		}
		mode_toggle(x);
	}
	v->rip = f.rip;
	v->gpr[RSP] = f.rsp;
	v->rflags = (f.rflags & ~(u64)(FL_IOPL | FL_NT | FL_VM)) | FL_IF | FL_1;
	v->gpr[RAX] = f.rax;
	if (!(f.flags & VGCF_in_syscall)) {
		v->gpr[R11] = f.r11;
		v->gpr[RCX] = f.rcx;
	} else {
		v->gpr[R11] = v->rflags;
		v->gpr[RCX] = f.rip;
	}
	segment_cs(v, (u16)(f.cs | 3) == FLAT_RING3_CS32 || (u16)(f.cs | 3) == 0x23 ?
		      FLAT_RING3_CS32 : FLAT_RING3_CS64);
	v->seg[SEG_CS].sel = (u16)(f.cs | 3);
	v->seg[SEG_SS].sel = (u16)(f.ss | 3);
	if ((u64)((i64)(v->rip << 16) >> 16) != v->rip)
		domain_crash(x, "iret to the non-canonical address 0x%llx", (ull)v->rip);
	vcpu_info(x)->evtchn_upcall_mask = !(f.rflags & FL_IF);
	return 0;
}

/* ---- tables that the guest registers ---- */

i64 hc_set_traps(struct xen *x, const u64 a[6])
{
	trap_info_t ti;

	if (!a[0]) {
		memset(x->trap, 0, sizeof(x->trap));
		return 0;
	}
	for (unsigned i = 0; i < 512; i++) {
		if (guest_read(x, a[0] + i * sizeof(ti), &ti, sizeof(ti)))
			return -EFAULT;
		if (!ti.address)
			return 0;
		if ((u64)((i64)(ti.address << 16) >> 16) != ti.address)
			return -EINVAL;
		x->trap[ti.vector] = ti;
	}
	return -EINVAL;
}

i64 hc_callbacks(struct xen *x, const u64 a[6])
{
	x->event_entry = a[0];
	x->failsafe_entry = a[1];
	x->syscall_entry = a[2];
	return 0;
}

i64 hc_callback_op(struct xen *x, const u64 a[6])
{
	struct { u16 type, flags; u32 pad; u64 address; } reg;

	if (guest_read(x, a[1], &reg, a[0] == 0 ? sizeof(reg) : 2))
		return -EFAULT;
	if (a[0] != 0) /* CALLBACKOP_unregister: none of them may be */
		return a[0] == 1 ? 0 : -ENOSYS;
	switch (reg.type) {
	case 0: x->event_entry = reg.address; return 0;
	case 1: x->failsafe_entry = reg.address; x->failsafe_masks = reg.flags & 1; return 0;
	case 2: x->syscall_entry = reg.address; x->syscall_masks = reg.flags & 1; return 0;
	case 4: return 0; /* NMI: none comes */
	case 7: return 0; /* 32-bit syscall */
	case 5: return 0; /* sysenter */
	}
	return -ENOSYS;
}

i64 hc_stack_switch(struct xen *x, const u64 a[6])
{
	x->kernel_sp = a[1];
	return 0;
}

i64 hc_fpu(struct xen *x, const u64 a[6])
{
	if (a[0])
		x->v->cr0 |= CR0_TS;
	else
		x->v->cr0 &= ~(u64)CR0_TS;
	return 0;
}

/* ---- what CPUID says in Xen's house ---- */

#define XEN_LEAF 0x40000000u

/* Features that a paravirtual kernel cannot use, or that are not worth their price here. */
static void mask_features(u32 leaf, u32 sub, struct cpuid_regs *r)
{
	if (leaf == 1) {
		/* MONITOR, VMX, PCID, x2APIC, TSC deadline; hypervisor bit set */
		r->ecx &= ~(u32)(1 << 3 | 1 << 5 | 1 << 17 | 1 << 21 | 1 << 24);
		r->ecx |= 1u << 31;
		/* VME, PSE, PGE, MTRR, MCE, MCA, PSE36, SEP */
		r->edx &= ~(u32)(1 << 1 | 1 << 3 | 1 << 13 | 1 << 12 | 1 << 7 | 1 << 14 | 1 << 17 | 1 << 11);
	} else if (leaf == 7 && !sub) {
		/* FSGSBASE, SMEP, INVPCID, SMAP */
		r->ebx &= ~(u32)(1 << 0 | 1 << 7 | 1 << 10 | 1 << 20);
		r->ecx &= ~(u32)(1 << 2 | 1 << 3 | 1 << 4); /* UMIP, PKU, OSPKE */
	} else if (leaf == 0x80000001) {
		r->ecx &= ~(u32)(1 << 2); /* SVM */
		r->edx &= ~(u32)(1 << 26 | 1 << 27 | 1 << 17 | 1 << 3 | 1 << 12 | 1 << 13);
	}
}

static struct cpuid_regs xen_leaf(u32 leaf)
{
	switch (leaf - XEN_LEAF) {
	case 0: return (struct cpuid_regs){ XEN_LEAF + 3, 0x566e6558, 0x65584d4d, 0x4d4d566e };
	case 1: return (struct cpuid_regs){ 4 << 16 | 17, 0, 0, 0 };
	case 2: return (struct cpuid_regs){ 0, 0, 0, 0 };
	default: return (struct cpuid_regs){ 0, 0, 0, 0 };
	}
}

void xen_cpuid(struct xen *x)
{
	struct cpuid_config c = { .ncpus = 1, .tsc_hz = x->c.tsc_hz, .soft = true };
	struct vcpu *v = x->v;
	u32 leaf = (u32)v->gpr[RAX], sub = (u32)v->gpr[RCX];
	struct cpuid_regs r;

	if (leaf >= XEN_LEAF && leaf < XEN_LEAF + 0x100) {
		r = xen_leaf(leaf);
	} else {
		r = cpuid_model(&c, v, leaf, sub);
		mask_features(leaf, sub, &r);
	}
	v->gpr[RAX] = r.eax;
	v->gpr[RBX] = r.ebx;
	v->gpr[RCX] = r.ecx;
	v->gpr[RDX] = r.edx;
}
