/* vcpu.h - one virtual processor as devices, boot, debugger and engines see it. */
#ifndef PANDOK_X86_VCPU_H
#define PANDOK_X86_VCPU_H

#include "base/stat.h"
#include "base/types.h"

struct engine;
struct mem;

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_N };

/* attr is a descriptor's second dword shifted right by 8, limit bits cleared. SDM 3A 3.4.5. */
enum {
	SEG_TYPE = 0xf, SEG_S = 1 << 4, SEG_DPL = 3 << 5, SEG_P = 1 << 7, SEG_AVL = 1 << 12,
	SEG_L = 1 << 13, SEG_DB = 1 << 14, SEG_G = 1 << 15,
};
#define SEG_DPL_SHIFT 5

struct seg {
	u16 sel;
	u16 attr;  /* 0 (P clear): unusable, a null selector was loaded */
	u32 limit; /* last valid offset, bytes (granularity already applied) */
	u64 base;
};

struct dtr {
	u64 base;
	u16 limit;
};

/* Whose rules hold where AMD's and Intel's processors differ. */
enum vendor { VENDOR_AMD, VENDOR_INTEL };

/* MSRs that only hold what was written (MTRRs and the like); soft/sys_msr.c numbers them. */
#define MSR_PLAIN_N 48

enum vcpu_state { VCPU_RUNNING, VCPU_HALTED, VCPU_WAIT_SIPI };

/* Reasons to look up from guest code, set by any thread with vcpu_post(). */
enum {
	EV_IRQ = 1 << 0,  /* the interrupt controller may have a vector for this vCPU */
	EV_NMI = 1 << 1,
	EV_STOP = 1 << 2, /* leave run(): the run loop has something to look at */
	EV_INIT = 1 << 3,
	EV_SIPI = 1 << 4, /* vector in sipi_vector */
	EV_SYNC = 1 << 5, /* another vCPU waits for this one at a block boundary */
};

enum { DEBUG_STEPPED, DEBUG_BREAK }; /* vcpu.debug_hit */

#define XSAVE_SIZE 4096 /* room for every component we expose */

struct vcpu {
	/* What the program sees. The soft engine keeps its hot fields first, reachable by disp32. */
	u64 gpr[16];
	u64 rip;
	u64 rflags; /* bit 1 always set */
	struct seg seg[SEG_N];
	struct seg ldt, tr;
	struct dtr gdt, idt;
	u64 cr0, cr2, cr3, cr4, efer, xcr0;
	u64 dr[8]; /* 0..3, 6, 7 used */
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat, tsc_aux, misc_enable;
	u64 tsc_offset; /* guest TSC = host TSC + this */
	u32 pkru;
	u8 cpl;
	u8 vendor;       /* enum vendor: the host's */
	bool nmi_masked; /* an NMI is being handled, until the next iret */
	_Alignas(64) u8 xsave[XSAVE_SIZE]; /* standard (not compacted) format; SDM 1 13.4 */

	u64 tsc_adjust;
	u64 msr_plain[MSR_PLAIN_N];

	bool debug_step;   /* a debugger's: run() comes back after one instruction */
	u8 debug_hit;      /* why RUN_DEBUG: DEBUG_STEPPED, or DEBUG_BREAK + number of the break */
	unsigned index; /* also the local APIC id */
	_Atomic u32 events;  /* EV_ bits; also the word a halted vCPU sleeps on */
	_Atomic u8 state;    /* enum vcpu_state */
	_Atomic u8 sipi_vector;
	struct engine *engine;
	struct stats stats;
};

/*
 * vcpu_reset - the state after RESET (bsp) or INIT. SDM 3A table 9-1.
 * Threads: the vCPU's own, or any while it does not run.
 */
void vcpu_reset(struct vcpu *v);

/*
 * vcpu_post - tell a vCPU that something waits for it: set event bits, make it leave guest
 * code at its next block boundary (or its host sleep) soon.
 * Threads: any.
 */
void vcpu_post(struct vcpu *v, u32 events);

/*
 * vcpu_sleep - block the calling vCPU thread until vcpu_post() sets a bit, or until
 * CLOCK_MONOTONIC deadline_ns (UINT64_MAX: none). Returns at once when a bit is set already.
 * Threads: the vCPU's own.
 */
void vcpu_sleep(struct vcpu *v, u64 deadline_ns);

#endif
