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
	bool kvm_leaves;  /* KVM's paravirtual leaves at 0x40000000 */
};

/*
 * cpuid_model - answer CPUID leaf/subleaf for vCPU v: the host's answer, masked. Leaf 1 and 7's
 * dynamic bits (OSXSAVE, OSPKE) and leaf 0xd's sizes follow v's CR4 and XCR0.
 * Source: SDM 2A CPUID; linux/Documentation/virt/kvm/x86/cpuid.rst for 0x40000000.
 */
struct cpuid_regs cpuid_model(const struct cpuid_config *c, const struct vcpu *v, u32 leaf,
			      u32 subleaf);

/* cpuid_xcr0 - the XCR0 bits the guest may set. */
u64 cpuid_xcr0(const struct cpuid_config *c);

/* tsc_hz - the host TSC's frequency: leaf 15h, 40000010h, perf's mmap page, or measured once
 * over at least 50 ms. Cached for the process; any thread. */
u64 tsc_hz(void);

#endif
