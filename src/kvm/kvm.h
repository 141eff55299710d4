/* kvm.h - front of this folder: the hardware engine, and whether it can be trusted here. */
#ifndef PANDOK_KVM_KVM_H
#define PANDOK_KVM_KVM_H

#include "x86/x86.h"

extern const struct engine_ops kvm_ops;

#define KVM_DEVICE "/dev/kvm"
#define KVM_PROBE_MS 2000 /* time limit of kvm_probe() */

/* What the probe found. */
struct kvm_verdict {
	bool present; /* the device exists */
	bool opens;   /* this user may open it */
	bool usable;  /* the probe's guest ran to its end: a stock kernel will run */
	unsigned ms;  /* how long the probe's guest ran */
	char step[64]; /* the step that failed; empty when none did */
	char why[320]; /* one sentence, no full stop; also when usable */
	char fix[160]; /* what the user can do about it; empty when nothing */
};

/*
 * kvm_probe - run a tiny guest that does what a stock kernel does early (long mode, high-half
 * mappings, CPUID, faults, interrupts, timers, system calls), in a child process, for at
 * most KVM_PROBE_MS. Answers in v; never fails.
 * Threads: one at a time; forks.
 */
void kvm_probe(struct kvm_verdict *v);

#endif
