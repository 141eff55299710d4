/* engine.h - what runs guest code: the same ops for the translator and for KVM. */
#ifndef PANDOK_X86_ENGINE_H
#define PANDOK_X86_ENGINE_H

#include "base/err.h"
#include "base/types.h"
#include "x86/vcpu.h"

/*
 * A personality stands where the guest would have a kernel at CPL 0, as Xen does: it is handed
 * what would lead there.
 */
enum trap_kind {
	TRAP_EXCEPTION, TRAP_IRQ, TRAP_INT /* int n, int3, into */, TRAP_NMI, TRAP_SYSCALL, TRAP_CPUID,
};
struct engine_trap {
	u8 kind; /* enum trap_kind */
	u8 vec;  /* but for SYSCALL and CPUID */
	bool has_err;
	u32 err;
	u64 cr2; /* #PF */
	u64 rip; /* where a handler would return to */
};
enum trap_end {
	TRAP_GO,    /* go on at v->rip */
	TRAP_HALT,  /* as after hlt */
	TRAP_LEAVE, /* leave run() with RUN_EVENT */
};

/*
 * What an engine calls out to, filled in by vm before the engine is made. Every function may be
 * called by any vCPU thread at once; the callee locks. ctx is handed back unchanged.
 */
struct engine_host {
	void *ctx;
	u32 (*pio_read)(void *ctx, struct vcpu *v, u16 port, unsigned size);  /* size 1, 2, 4 */
	void (*pio_write)(void *ctx, struct vcpu *v, u16 port, unsigned size, u32 val);
	u64 (*mmio_read)(void *ctx, struct vcpu *v, gpa_t at, unsigned size); /* size 1, 2, 4, 8 */
	void (*mmio_write)(void *ctx, struct vcpu *v, gpa_t at, unsigned size, u64 val);
	/* The rest is for engines whose interrupt controllers are ours (engine_ops.irqchip false). */
	int (*irq_ack)(void *ctx, struct vcpu *v);      /* vector taken now, or -1 for none */
	bool (*irq_pending)(void *ctx, struct vcpu *v); /* would irq_ack give a vector? */
	/* MSRs that live on the board: APIC base, x2APIC, TSC deadline, kvmclock. false: #GP. */
	bool (*msr_read)(void *ctx, struct vcpu *v, u32 msr, u64 *ret);
	bool (*msr_write)(void *ctx, struct vcpu *v, u32 msr, u64 val);
	u8 (*cr8_read)(void *ctx, struct vcpu *v);
	void (*cr8_write)(void *ctx, struct vcpu *v, u8 val);
	u64 (*hypercall)(void *ctx, struct vcpu *v, u64 nr, const u64 arg[4]); /* KVM's ABI */
	/* Deterministic mode: called at every digest point with the count of retired instructions. */
	void (*digest)(void *ctx, struct vcpu *v, u64 icount);
	/* Deterministic mode: icount instructions are retired; fire due timers. Returns the count at
	 * which the next is due, UINT64_MAX for none. NULL: no timers. */
	u64 (*advance)(void *ctx, struct vcpu *v, u64 icount);
	/*
	 * soft: a personality. v is complete, v->rip at the instruction; it is changed as the answer
	 * demands (mappings by engine_ops.tlb). NULL: none.
	 */
	enum trap_end (*trap)(void *ctx, struct vcpu *v, const struct engine_trap *t);
};

struct engine_config {
	struct mem *mem;
	struct engine_host host;
	unsigned ncpus;
	bool single_step;   /* soft: one instruction a block, no optimization */
	bool deterministic; /* soft: time is retired instructions */
	u64 digest_every;   /* deterministic: instructions between digests, 0 none */
	bool precise;       /* soft: flags are exact in every exception frame, even dead ones */
	bool debug_exceptions; /* log each exception delivered */
};

/* Why run() came back. */
enum run_exit {
	RUN_EVENT,    /* EV_STOP, EV_INIT or EV_SIPI is set */
	RUN_HALT,     /* hlt; the run loop sleeps until an event, then calls run() again */
	RUN_SHUTDOWN, /* triple fault */
	RUN_ERROR,    /* the engine gives up; engine_error() says why */
	RUN_DEBUG,    /* what a debugger asked for; v->debug_hit says what */
};

/* What a debugger asks to stop at. The guest cannot see it. */
enum break_kind { BREAK_EXEC, BREAK_WRITE, BREAK_ACCESS };
#define ENGINE_BREAKS 64
struct engine_break {
	enum break_kind kind;
	u8 len; /* bytes watched: 1, 2, 4, 8, aligned; EXEC: ignored */
	gva_t at; /* linear, in any address space */
};

enum engine_tlb { ENGINE_TLB_ALL, ENGINE_TLB_PAGE, ENGINE_TLB_CR3, ENGINE_TLB_CR3_KEEP };

struct engine {
	const struct engine_ops *ops;
	struct engine_config config;
};

struct engine_ops {
	const char *name;
	bool irqchip; /* PIC, IOAPIC and local APICs are the engine's: use irq_line and msi */
	int (*new)(const struct engine_config *c, struct engine **ret, struct err *e);
	void (*free)(struct engine *en);
	int (*vcpu_new)(struct engine *en, unsigned index, struct vcpu **ret, struct err *e);
	void (*vcpu_free)(struct vcpu *v);
	/* Run guest code on the calling thread until one of enum run_exit. */
	enum run_exit (*run)(struct vcpu *v, struct err *e);
	/* Make run() look at v->events soon. Any thread; vcpu_post() calls it. */
	void (*kick)(struct vcpu *v);
	/* Make struct vcpu show the present state / take over what was changed in it.
	 * Only while the vCPU is outside run(), or on its own thread inside a call-out. */
	void (*get_state)(struct vcpu *v);
	void (*put_state)(struct vcpu *v);
	/* RESET of what struct vcpu does not hold, before put_state; vCPUs are outside run(). NULL: none. */
	void (*reset)(struct engine *en);
	/*
	 * From inside host.trap: forget cached translations of one page, or all; or v->cr3 was loaded
	 * (KEEP: what was cached for its PCID is still right).
	 */
	void (*tlb)(struct vcpu *v, enum engine_tlb what, gva_t at);
	void (*irq_line)(struct engine *en, unsigned gsi, bool level); /* irqchip only */
	void (*msi)(struct engine *en, u64 address, u32 data);         /* irqchip only */
	/*
	 * Stop at these from now on, and at no others: run() comes back with RUN_DEBUG before an
	 * EXEC one, after the instruction that did the access of the others. Going on from an EXEC
	 * one does not stop at it again. vCPUs are outside run(). -ENOSPC with a sentence.
	 * v->debug_step, set for a vCPU outside run(): come back after one instruction.
	 */
	int (*breaks)(struct engine *en, const struct engine_break *b, unsigned n, struct err *e);
	u64 (*icount)(struct vcpu *v); /* deterministic: instructions retired; else NULL or 0 */
};

#endif
