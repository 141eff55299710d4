/* int.h - the engine's inside: the soft vCPU, faults, and accesses done in C. */
#ifndef PANDOK_SOFT_INT_H
#define PANDOK_SOFT_INT_H

#include "mem/mem.h"
#include "soft/insn.h"
#include "x86/x86.h"

struct soft_vcpu; /* starts with struct vcpu; see soft/state.h */

/*
 * How an instruction done in C ended. While such a function runs, struct vcpu holds the whole
 * architectural state (all flags in v->rflags, v->rip at the instruction itself).
 */
enum step {
	STEP_NEXT,  /* done; the caller advances rip by in->len */
	STEP_JUMP,  /* done; rip (and perhaps the mode) was set */
	STEP_FAULT, /* nothing was changed but by completed iterations; soft_fault() has the exception */
	STEP_EXIT,  /* done; the caller advances rip by in->len and leaves run(): soft_exit() was called */
	STEP_AGAIN, /* an iteration was done, rip stays (long string instruction); look at events */
};

struct fault {
	u8 vec;
	bool has_err;
	bool trap;    /* rip is already past the instruction (#DB traps, int3, into) */
	u32 err;
	u64 cr2;      /* #PF only */
};

static inline struct vcpu *cpu_of(struct soft_vcpu *s) { return (struct vcpu *)s; }

/* Note an exception and return STEP_FAULT, so that a function can `return fault_gp(s, 0)`. */
enum step soft_fault(struct soft_vcpu *s, u8 vec, bool has_err, u32 err);
static inline enum step fault_ud(struct soft_vcpu *s) { return soft_fault(s, EXC_UD, false, 0); }
static inline enum step fault_gp(struct soft_vcpu *s, u32 err)
{
	return soft_fault(s, EXC_GP, true, err);
}

/* The exception that soft_fault() noted last. */
struct fault *soft_fault_noted(struct soft_vcpu *s);

/* Leave run() with this exit after the present instruction; returns STEP_EXIT. */
enum step soft_exit(struct soft_vcpu *s, enum run_exit why);

/*
 * lin_read/lin_write - access guest memory at a linear address as the vCPU would: TLB, page
 * tables, devices, code pages; a fault notes #PF. The whole range is checked before any byte
 * is written. acc: ACC_USER as CPL demands (acc_data()), ACC_IMPLICIT for tables.
 *   len   1..512
 * Returns 0 or STEP_FAULT.
 */
MUST_CHECK enum step lin_read(struct soft_vcpu *s, u64 lin, void *buf, unsigned len, unsigned acc);
MUST_CHECK enum step lin_write(struct soft_vcpu *s, u64 lin, const void *buf, unsigned len,
			       unsigned acc);
/* lin_probe_w - would a write of this range fault? Sets accessed and dirty bits as one would. */
MUST_CHECK enum step lin_probe_w(struct soft_vcpu *s, u64 lin, unsigned len, unsigned acc);

/* With acc: the access is never checked for alignment (#AC). */
#define ACC_ANY_ALIGNMENT (1u << 16)
/* lin_align - #AC when alignment is checked and this would be an access to one datum of len bytes. */
MUST_CHECK enum step lin_align(struct soft_vcpu *s, u64 lin, unsigned len);

/*
 * lin_host - host address of the guest byte at lin, good to the end of its 4 KiB page, for a
 * string run. acc as for lin_read, with ACC_W for a write (dirty bits are set then).
 * NULL when lin_read or lin_write must do it: device, ROM, code page, or a fault (not noted).
 */
u8 *lin_host(struct soft_vcpu *s, u64 lin, unsigned acc);

/*
 * soft_call_out - called by a ROW_LIGHT function before it calls what is not light (the board, the
 * log): saves the guest's vector state to v->xsave until translated code goes on. May be repeated.
 */
void soft_call_out(struct soft_vcpu *s);

/* What the engine calls out to. */
const struct engine_host *soft_host(struct soft_vcpu *s);

/* soft_trapped - a personality has answered; returns STEP_JUMP, and run() is left when it said so. */
enum step soft_trapped(struct soft_vcpu *s, enum trap_end end);

/* What CPUID is made from. */
const struct cpuid_config *soft_cpuid(struct soft_vcpu *s);

/* The guest's TSC now, v->tsc_offset included. */
u64 soft_tsc(struct soft_vcpu *s);

/* No interrupt is taken before the end of the next instruction (sti). */
void soft_inhibit(struct soft_vcpu *s);
/* And no debug exception either (mov ss, pop ss). */
void soft_inhibit_ss(struct soft_vcpu *s);

/* Is the guest stepped or watched, so that a repeated instruction pauses after each iteration? */
bool soft_steps(struct soft_vcpu *s);
/* FL_RF when returns set it. It lets one instruction pass its breakpoints: where there are none, it has
 * done so at once. */
u64 soft_rf(struct soft_vcpu *s);
/* The present instruction is followed by a single-step trap only if TF is set when it has ended. */
void soft_no_step(struct soft_vcpu *s);
/* Ports were accessed: a breakpoint may be on them. */
void soft_io_watch(struct soft_vcpu *s, u16 port, unsigned size);

/* ACC_USER when cpl is 3, else 0. */
static inline unsigned acc_data(const struct vcpu *v) { return v->cpl == 3 ? ACC_USER : 0; }

/*
 * seg_linear - linear address of offset off in segment seg for an access of size bytes: limits,
 * types and null selectors checked outside 64-bit mode, canonical form inside it.
 * acc: ACC_R or ACC_W. Returns 0 or STEP_FAULT (#GP or #SS).
 */
MUST_CHECK enum step seg_linear(struct soft_vcpu *s, unsigned seg, u64 off, unsigned size,
				unsigned acc, u64 *ret);

/* insn_ea - offset of in's memory operand, cut to its address size (before the segment base). */
u64 insn_ea(const struct vcpu *v, const struct insn *in);

/* Memory operand of in: insn_ea, seg_linear and the access in one. */
MUST_CHECK enum step op_read(struct soft_vcpu *s, const struct insn *in, void *buf, unsigned len);
MUST_CHECK enum step op_write(struct soft_vcpu *s, const struct insn *in, const void *buf,
			      unsigned len);

/* Is the vCPU in 64-bit mode (EFER.LMA and CS.L)? */
static inline bool in_64bit(const struct vcpu *v)
{
	return (v->efer & EFER_LMA) && (v->seg[SEG_CS].attr & SEG_L);
}
static inline bool canonical(u64 a) { return (u64)((i64)(a << 16) >> 16) == a; }

/*
 * To be called after a change of state that the translator's caches depend on.
 */
void soft_mode_changed(struct soft_vcpu *s);         /* CPL, CS/SS attributes, CR0, CR4, EFER, XCR0, AC, TF */
void soft_tlb_flush(struct soft_vcpu *s, bool global); /* CR3 (false), CR0/CR4/EFER paging bits (true) */
void soft_tlb_flush_page(struct soft_vcpu *s, u64 lin);
/* v->cr3 was loaded, with a new PCID perhaps; keep: what is cached for that PCID stays valid. */
void soft_tlb_cr3(struct soft_vcpu *s, bool keep);

/* One row a mnemonic that is done in C: the instruction's function. */
typedef enum step (*insn_fn)(struct soft_vcpu *s, const struct insn *in);
struct insn_row {
	u16 mnemonic; /* ZydisMnemonic */
	u8 flags;     /* ROW_ */
	insn_fn fn;
	const char *manual;
};
enum {
	ROW_LIGHT = 1, /* fn and all it calls use general registers only and leave the guest's
			  vector registers alone; otherwise they are saved to v->xsave around it */
	ROW_ENDS = 2,  /* ends a block: may change control flow, mode or mappings */
	ROW_GPR = 4,   /* neither reads nor writes memory or system state: cannot fault */
	ROW_MAP0 = 8,  /* only the one-byte opcode; others of the name are copied (movsd, cmpsd) */
};
extern const struct insn_row insn_rows[];
extern const unsigned insn_rows_n;

/* What the exception delivery does with an event. SDM 3A 6. */
enum intr_kind { INTR_EXCEPTION, INTR_EXTERNAL, INTR_SOFT /* int n, int3, into, icebp */, INTR_NMI };

/*
 * intr_deliver - push the frame and enter the handler: real mode, 32-bit protected and long mode,
 * with IST, TSS stacks and error codes. Faults on the way become #DF and then a shutdown.
 *   f    vec, has_err, err, cr2 used; v->rip is what is pushed
 * Returns STEP_JUMP, or STEP_EXIT after soft_exit(RUN_SHUTDOWN).
 */
enum step intr_deliver(struct soft_vcpu *s, enum intr_kind kind, const struct fault *f);

#endif
