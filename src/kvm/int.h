/* int.h - the KVM engine's inside: file descriptors behind an engine and a vCPU. */
#ifndef PANDOK_KVM_INT_H
#define PANDOK_KVM_INT_H

#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#include "mem/mem.h"
#include "x86/x86.h"

#define KVM_GSIS 24 /* pins of the in-kernel IOAPIC */

#define KVM_CHIPS 3 /* two PICs and the IOAPIC */

/* Interrupts KVM_RUN; blocked everywhere else. */
#define KVM_KICK_SIGNAL (SIGRTMIN + 1)

/* A debugger's breakpoint: in a debug register, or an int3 in guest memory. */
struct kvm_break {
	struct engine_break b;
	int slot; /* of the debug registers; -1: none */
	u8 *byte, old; /* without slot: where the int3 is, and what it replaced; NULL: nowhere */
};

struct kvm_engine {
	struct engine base;
	int dev_fd, vm_fd;
	size_t run_size;      /* bytes of struct kvm_run's mapping */
	pthread_mutex_t lock; /* guards slots */
	unsigned slots;       /* memory blocks KVM knows */
	struct kvm_irqchip chip[KVM_CHIPS]; /* as after power-on */
	struct kvm_vcpu **vcpu; /* config.ncpus of them; NULL: not made */
	struct kvm_break breaks[ENGINE_BREAKS]; /* changed while every vCPU is outside run() */
	unsigned nbreaks, planted;
	u32 block_irq; /* KVM_GUESTDBG_BLOCKIRQ where KVM knows it */
};

struct kvm_vcpu {
	struct vcpu base;
	int fd;
	struct kvm_run *run;
	_Atomic pid_t tid;  /* of the thread in run(), 0 when none */
	bool masked;        /* KVM_SET_SIGNAL_MASK was done */
	u64 known_offset;   /* tsc_offset as last read */
	struct kvm_lapic_state lapic; /* as after power-on, with its base */
	u64 apic_base;
	u32 debug_told;    /* what KVM_SET_GUEST_DEBUG was told last */
	bool break_passed; /* stopped at break_pc: do not stop there again */
	bool passing;      /* the step past it is being made */
	u64 break_pc;
};

static inline struct kvm_engine *kvm_engine_of(struct engine *en)
{
	return container_of(en, struct kvm_engine, base);
}

static inline struct kvm_vcpu *kvm_vcpu_of(struct vcpu *v)
{
	return container_of(v, struct kvm_vcpu, base);
}

/* kvm_map - tell KVM about memory blocks it does not know yet. Any thread. */
int kvm_map(struct kvm_engine *k, struct err *e);

/* kvm_cpuid_set - give the vCPU what KVM supports, cut to size. Before its first run. */
int kvm_cpuid_set(struct kvm_engine *k, struct kvm_vcpu *kv, struct err *e);

/* The ops that move state between struct vcpu and KVM. */
void kvm_state_get(struct vcpu *v);
void kvm_state_put(struct vcpu *v);

/* kvm_state_init - MSRs that firmware would have set. Once, after kvm_cpuid_set(). */
void kvm_state_init(struct kvm_vcpu *kv);

/* kvm_on_tcg - is the processor under KVM QEMU's emulation, with gaps of its own? */
bool kvm_on_tcg(void);

/* kvm_msr_get/kvm_msr_set - one MSR; false: KVM refuses. */
bool kvm_msr_get(struct kvm_vcpu *kv, u32 msr, u64 *ret);
bool kvm_msr_set(struct kvm_vcpu *kv, u32 msr, u64 val);

/* Keep what a RESET brings back; after KVM_CREATE_IRQCHIP, after kvm_state_init(). */
int kvm_reset_keep_chips(struct kvm_engine *k, struct err *e);
int kvm_reset_keep_vcpu(struct kvm_vcpu *kv, struct err *e);
void kvm_reset(struct engine *en);

/* debug.c: run() begins; KVM_EXIT_DEBUG, true: run() is over with RUN_DEBUG; run() ends. */
int kvm_breaks(struct engine *en, const struct engine_break *b, unsigned n, struct err *e);
void kvm_debug_begin(struct kvm_vcpu *kv);
bool kvm_debug_exit(struct kvm_vcpu *kv);
void kvm_debug_end(struct kvm_vcpu *kv);

/* The ops of the run loop. */
enum run_exit kvm_vcpu_run(struct vcpu *v, struct err *e);
void kvm_vcpu_kick(struct vcpu *v);

#endif
