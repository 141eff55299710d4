/* cpuid.h - what the guest's CPUID says: the host's safe features, and ours. */
#ifndef PANDOK_X86_CPUID_H
#define PANDOK_X86_CPUID_H

#include "base/types.h"

struct vcpu;

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

/* What the model is made from; the same for every vCPU of a machine. */
struct cpuid_config {
	unsigned ncpus;
	u64 tsc_hz;       /* frequency of the guest's TSC */
	bool soft;        /* the translator: hide what it does not run (AVX-512 and more) */
	bool deterministic; /* hide RDRAND and RDSEED */
	bool kvm_leaves;  /* KVM's paravirtual leaves at 0x40000000 */
};

#define CPUID_PHYS_BITS 46         /* MAXPHYADDR of the translator's guest */
#define CPUID_APIC_HZ 1000000000ull /* local APIC timer's input clock, as in KVM */

/* Features of leaf 0x40000001. Source: linux/Documentation/virt/kvm/x86/cpuid.rst. */
enum {
	KVM_PV_CLOCKSOURCE = 1 << 0, KVM_PV_NOP_IO_DELAY = 1 << 1, KVM_PV_CLOCKSOURCE2 = 1 << 3,
	KVM_PV_EOI = 1 << 6, KVM_PV_UNHALT = 1 << 7, KVM_PV_CLOCKSOURCE_STABLE = 1 << 24,
};
#define KVM_PV_FEATURES                                                        \
	(KVM_PV_CLOCKSOURCE | KVM_PV_NOP_IO_DELAY | KVM_PV_CLOCKSOURCE2 |      \
	 KVM_PV_EOI | KVM_PV_UNHALT | KVM_PV_CLOCKSOURCE_STABLE)

/*
 * cpuid_model - answer CPUID leaf/subleaf for vCPU v: the host's answer, masked. Leaf 1 and 7's
 * dynamic bits (OSXSAVE, OSPKE) and leaf 0xd's sizes follow v's CR4 and XCR0.
 * Source: SDM 2A CPUID; linux/Documentation/virt/kvm/x86/cpuid.rst for 0x40000000.
 */
struct cpuid_regs cpuid_model(const struct cpuid_config *c, const struct vcpu *v, u32 leaf,
			      u32 subleaf);

/* cpuid_host - the host's own answer, unmasked. */
struct cpuid_regs cpuid_host(u32 leaf, u32 subleaf);

/*
 * cpuid_fit - make a leaf fit the machine: APIC ids, core counts, shared caches, the paravirtual
 * leaves. r is the answer so far; the KVM engine starts from what KVM supports. One socket of
 * ncpus cores with one thread each.
 */
struct cpuid_regs cpuid_fit(const struct cpuid_config *c, unsigned apic_id, u32 leaf, u32 subleaf,
			    struct cpuid_regs r);

/* cpuid_xcr0 - the XCR0 bits the guest may set. */
u64 cpuid_xcr0(const struct cpuid_config *c);

/* cpuid_host_amd - is the host's vendor AMD or Hygon (SYSCALL, near branches with 66h …)? */
bool cpuid_host_amd(void);

/* tsc_hz - the host TSC's frequency: leaf 15h, 40000010h, perf's mmap page, or measured once
 * over at least 50 ms. Cached for the process; any thread. */
u64 tsc_hz(void);

/* tsc_invariant - does the host's TSC run at one rate in all power states? CPUID 80000007h. */
bool tsc_invariant(void);

#endif
