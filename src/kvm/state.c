/* state.c - moves a processor's state between struct vcpu and KVM. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "kvm/int.h"
#include "base/log.h"

/* struct kvm_regs begins with the registers in another order than an instruction numbers them. */
static void regs_get(struct vcpu *v, const struct kvm_regs *r)
{
	const u64 g[16] = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
			    r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 };

	memcpy(v->gpr, g, sizeof(g));
	v->rip = r->rip;
	v->rflags = r->rflags;
}

static void regs_put(const struct vcpu *v, struct kvm_regs *r)
{
	const u64 *g = v->gpr;

	*r = (struct kvm_regs){
		.rax = g[RAX], .rbx = g[RBX], .rcx = g[RCX], .rdx = g[RDX],
		.rsi = g[RSI], .rdi = g[RDI], .rsp = g[RSP], .rbp = g[RBP],
		.r8 = g[R8],   .r9 = g[R9],   .r10 = g[R10], .r11 = g[R11],
		.r12 = g[R12], .r13 = g[R13], .r14 = g[R14], .r15 = g[R15],
		.rip = v->rip, .rflags = v->rflags,
	};
}

static struct seg seg_get(const struct kvm_segment *k)
{
	u16 attr = k->type | k->s << 4 | k->dpl << SEG_DPL_SHIFT | k->present << 7 |
		   k->avl << 12 | k->l << 13 | k->db << 14 | k->g << 15;

	return (struct seg){
		.sel = k->selector, .attr = k->unusable ? 0 : attr, .limit = k->limit, .base = k->base,
	};
}

static struct kvm_segment seg_put(const struct seg *s)
{
	return (struct kvm_segment){
		.base = s->base, .limit = s->limit, .selector = s->sel,
		.type = s->attr & SEG_TYPE, .present = !!(s->attr & SEG_P),
		.dpl = (s->attr & SEG_DPL) >> SEG_DPL_SHIFT, .db = !!(s->attr & SEG_DB),
		.s = !!(s->attr & SEG_S), .l = !!(s->attr & SEG_L), .g = !!(s->attr & SEG_G),
		.avl = !!(s->attr & SEG_AVL), .unusable = !(s->attr & SEG_P),
	};
}

static void sregs_get(struct vcpu *v, const struct kvm_sregs *s)
{
	v->seg[SEG_ES] = seg_get(&s->es);
	v->seg[SEG_CS] = seg_get(&s->cs);
	v->seg[SEG_SS] = seg_get(&s->ss);
	v->seg[SEG_DS] = seg_get(&s->ds);
	v->seg[SEG_FS] = seg_get(&s->fs);
	v->seg[SEG_GS] = seg_get(&s->gs);
	v->ldt = seg_get(&s->ldt);
	v->tr = seg_get(&s->tr);
	v->gdt = (struct dtr){ s->gdt.base, s->gdt.limit };
	v->idt = (struct dtr){ s->idt.base, s->idt.limit };
	v->cr0 = s->cr0;
	v->cr2 = s->cr2;
	v->cr3 = s->cr3;
	v->cr4 = s->cr4;
	v->efer = s->efer;
	v->cpl = s->ss.dpl;
}

/* The rest of struct kvm_sregs (APIC base, task priority, an interrupt on its way) is KVM's. */
static void sregs_put(const struct vcpu *v, struct kvm_sregs *s)
{
	s->es = seg_put(&v->seg[SEG_ES]);
	s->cs = seg_put(&v->seg[SEG_CS]);
	s->ss = seg_put(&v->seg[SEG_SS]);
	s->ds = seg_put(&v->seg[SEG_DS]);
	s->fs = seg_put(&v->seg[SEG_FS]);
	s->gs = seg_put(&v->seg[SEG_GS]);
	s->ldt = seg_put(&v->ldt);
	s->tr = seg_put(&v->tr);
	s->gdt = (struct kvm_dtable){ .base = v->gdt.base, .limit = v->gdt.limit };
	s->idt = (struct kvm_dtable){ .base = v->idt.base, .limit = v->idt.limit };
	s->ss.dpl = v->cpl; /* KVM takes the privilege level from here */
	s->cr0 = v->cr0;
	s->cr2 = v->cr2;
	s->cr3 = v->cr3;
	s->cr4 = v->cr4;
	s->efer = v->efer;
}

/* One row an MSR that struct vcpu keeps. */
static const struct {
	u32 msr;
	u16 offset, size;
} msr_rows[] = {
#define ROW(msr, field) { msr, offsetof(struct vcpu, field), sizeof(((struct vcpu *)0)->field) }
	ROW(MSR_STAR, star),
	ROW(MSR_LSTAR, lstar),
	ROW(MSR_CSTAR, cstar),
	ROW(MSR_SFMASK, sfmask),
	ROW(MSR_KERNEL_GS_BASE, kernel_gs_base),
	ROW(MSR_SYSENTER_CS, sysenter_cs),
	ROW(MSR_SYSENTER_ESP, sysenter_esp),
	ROW(MSR_SYSENTER_EIP, sysenter_eip),
	ROW(MSR_PAT, pat),
	ROW(MSR_TSC_AUX, tsc_aux),
	ROW(MSR_MISC_ENABLE, misc_enable),
#undef ROW
};

struct msr_list {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

bool kvm_msr_get(struct kvm_vcpu *kv, u32 msr, u64 *ret)
{
	struct msr_list l = { .head.nmsrs = 1, .entry = { .index = msr } };

	if (ioctl(kv->fd, KVM_GET_MSRS, &l) != 1)
		return false;
	*ret = l.entry.data;
	return true;
}

bool kvm_msr_set(struct kvm_vcpu *kv, u32 msr, u64 val)
{
	struct msr_list l = { .head.nmsrs = 1, .entry = { .index = msr, .data = val } };

	return ioctl(kv->fd, KVM_SET_MSRS, &l) == 1;
}

/* One by one: KVM stops a list at the first MSR it refuses, and a CPU may lack one. */
static void msrs_get(struct kvm_vcpu *kv)
{
	u64 val = 0;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(msr_rows); i++)
		if (kvm_msr_get(kv, msr_rows[i].msr, &val))
			memcpy((u8 *)&kv->base + msr_rows[i].offset, &val, msr_rows[i].size);
	if (kvm_msr_get(kv, MSR_TSC, &val))
		kv->known_offset = kv->base.tsc_offset = val - __rdtsc();
}

static void msrs_put(struct kvm_vcpu *kv)
{
	unsigned i;
	u64 val;

	for (i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		val = 0;
		memcpy(&val, (const u8 *)&kv->base + msr_rows[i].offset, msr_rows[i].size);
		if (!kvm_msr_set(kv, msr_rows[i].msr, val))
			LOG(kvm, DEBUG, "MSR 0x%x cannot be set", msr_rows[i].msr);
	}
	/* Writing the TSC of one vCPU apart from the others would take them out of step. */
	if (kv->base.tsc_offset == kv->known_offset)
		return;
	if (kvm_msr_set(kv, MSR_TSC, __rdtsc() + kv->base.tsc_offset))
		kv->known_offset = kv->base.tsc_offset;
}

#define MSR_MTRR_DEF_TYPE 0x2ff

void kvm_state_init(struct kvm_vcpu *kv)
{
	u64 mtrr = 1 << 11 | 1 << 10 | 6; /* enabled, all memory write-back: SDM 3A 11.11.2.1 */
	u64 tsc = 0;

	kvm_msr_set(kv, MSR_MTRR_DEF_TYPE, mtrr);
	if (kvm_msr_get(kv, MSR_TSC, &tsc))
		kv->known_offset = kv->base.tsc_offset = tsc - __rdtsc();
}

static void xcrs_get(struct kvm_vcpu *kv)
{
	struct kvm_xcrs x = { 0 };

	if (ioctl(kv->fd, KVM_GET_XCRS, &x) == 0 && x.nr_xcrs)
		kv->base.xcr0 = x.xcrs[0].value;
}

bool kvm_on_tcg(void)
{
	struct cpuid_regs r;

	if (!(cpuid_host(1, 0).ecx >> 31))
		return false;
	r = cpuid_host(0x40000000, 0);
	return !memcmp(&r.ebx, "TCGT", 4) && !memcmp(&r.ecx, "CGTC", 4);
}

/*
 * QEMU's TCG, as a processor for KVM, lets the guest's XSETBV pass unseen: KVM would put XCR0's reset
 * value back at each entry, and the guest lose its vector registers. There XCR0 starts as
 * the guest will set it. Tried with QEMU 7.2.
 */
static void xcrs_put(struct kvm_vcpu *kv)
{
	const struct cpuid_config guest = { .soft = true };
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = kv->base.xcr0 };

	if (kv->base.xcr0 == 1 && kvm_on_tcg())
		x.xcrs[0].value = cpuid_xcr0(&guest);
	BUG_ON(ioctl(kv->fd, KVM_SET_XCRS, &x) < 0);
}

static void debug_get(struct kvm_vcpu *kv)
{
	struct kvm_debugregs d;

	BUG_ON(ioctl(kv->fd, KVM_GET_DEBUGREGS, &d) < 0);
	memcpy(kv->base.dr, d.db, sizeof(d.db));
	kv->base.dr[6] = d.dr6;
	kv->base.dr[7] = d.dr7;
}

static void debug_put(struct kvm_vcpu *kv)
{
	struct kvm_debugregs d = { .dr6 = kv->base.dr[6], .dr7 = kv->base.dr[7] };

	memcpy(d.db, kv->base.dr, sizeof(d.db));
	BUG_ON(ioctl(kv->fd, KVM_SET_DEBUGREGS, &d) < 0);
}

_Static_assert(sizeof(struct kvm_xsave) == XSAVE_SIZE, "KVM's XSAVE area is ours");

void kvm_state_get(struct vcpu *v)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(v);
	struct kvm_sregs s;
	struct kvm_regs r;

	BUG_ON(ioctl(kv->fd, KVM_GET_REGS, &r) < 0);
	BUG_ON(ioctl(kv->fd, KVM_GET_SREGS, &s) < 0);
	BUG_ON(ioctl(kv->fd, KVM_GET_XSAVE, v->xsave) < 0);
	regs_get(v, &r);
	sregs_get(v, &s);
	xcrs_get(kv);
	msrs_get(kv);
	debug_get(kv);
}

void kvm_state_put(struct vcpu *v)
{
	struct kvm_vcpu *kv = kvm_vcpu_of(v);
	struct kvm_sregs s;
	struct kvm_regs r;

	BUG_ON(ioctl(kv->fd, KVM_GET_SREGS, &s) < 0);
	sregs_put(v, &s);
	regs_put(v, &r);
	/* Only a debugger's or loader's state can be refused: a guest never gets here with one. */
	if (ioctl(kv->fd, KVM_SET_SREGS, &s) < 0)
		LOG(kvm, WARN, "KVM refuses these control and segment registers: %s", strerror(errno));
	BUG_ON(ioctl(kv->fd, KVM_SET_REGS, &r) < 0);
	xcrs_put(kv);
	BUG_ON(ioctl(kv->fd, KVM_SET_XSAVE, v->xsave) < 0);
	msrs_put(kv);
	debug_put(kv);
}
