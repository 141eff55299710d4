/* sys.h - what the C functions of system instructions share: registers, segments, the stack. */
#ifndef PANDOK_SOFT_SYS_H
#define PANDOK_SOFT_SYS_H

#include "soft/int.h"

/* ---- modes ---- */

static inline bool in_real(const struct vcpu *v) { return !(v->cr0 & CR0_PE); }
static inline bool in_v86(const struct vcpu *v) { return v->rflags & FL_VM; }
/* Protected or long mode: selectors are looked up in tables. */
static inline bool in_protected(const struct vcpu *v) { return !in_real(v) && !in_v86(v); }
static inline bool in_lma(const struct vcpu *v) { return v->efer & EFER_LMA; }
static inline unsigned iopl(const struct vcpu *v) { return v->rflags >> 12 & 3; }

static inline const struct engine_host *host_of(const struct vcpu *v)
{
	return &v->engine->config.host;
}

/* ---- general registers ---- */

static inline u64 size_mask(unsigned size)
{
	return size >= 8 ? ~0ull : (1ull << size * 8) - 1;
}

/* Sign-extend the low size bytes. */
static inline u64 size_sext(u64 val, unsigned size)
{
	unsigned shift = 64 - size * 8;

	return size >= 8 ? val : (u64)((i64)(val << shift) >> shift);
}

static inline u64 reg_read(const struct vcpu *v, unsigned r, unsigned size)
{
	return v->gpr[r] & size_mask(size);
}

/* As the processor writes a register: 32 bits clear the upper half, 8 and 16 leave the rest. */
static inline void reg_write(struct vcpu *v, unsigned r, unsigned size, u64 val)
{
	if (size == 4)
		v->gpr[r] = (u32)val;
	else
		v->gpr[r] = (v->gpr[r] & ~size_mask(size)) | (val & size_mask(size));
}

/* A byte register by its number in the encoding: 4 to 7 without REX are AH, CH, DH, BH. */
static inline u8 reg8_read(const struct vcpu *v, const struct insn *in, unsigned r)
{
	return !in->rex && r >= 4 && r < 8 ? (u8)(v->gpr[r - 4] >> 8) : (u8)v->gpr[r];
}

/* The r/m operand, from a register or from memory. */
MUST_CHECK enum step rm_read(struct soft_vcpu *s, const struct insn *in, unsigned size, u64 *ret);
MUST_CHECK enum step rm_write(struct soft_vcpu *s, const struct insn *in, unsigned size, u64 val);

/* Bytes of the offset in a far pointer in memory: AMD's processors know none of eight. APM 3 CALL. */
static inline unsigned far_offset_size(const struct vcpu *v, const struct insn *in)
{
	return in->opsize == 8 && v->vendor == VENDOR_AMD ? 4 : in->opsize;
}

/* ---- flags ---- */

/* flags_write - new value for rflags under a mask; tells the translator when AC, TF or VM moves. */
void flags_write(struct soft_vcpu *s, u64 val, u64 mask);
/* Bits that popf and iret may change for an operand size, at the present CPL and IOPL. */
u64 flags_poppable(const struct vcpu *v, unsigned size);

/* ---- segments and descriptors (seg.c) ---- */

static inline unsigned seg_type(const struct seg *g) { return g->attr & SEG_TYPE; }
static inline unsigned seg_dpl(const struct seg *g) { return g->attr >> SEG_DPL_SHIFT & 3; }
static inline bool seg_is_code(const struct seg *g)
{
	return (g->attr & (SEG_S | 8)) == (SEG_S | 8);
}
static inline bool seg_is_conforming(const struct seg *g)
{
	return (g->attr & (SEG_S | 8 | 4)) == (SEG_S | 8 | 4);
}
static inline bool seg_is_writable(const struct seg *g)
{
	return (g->attr & (SEG_S | 8 | 2)) == (SEG_S | 2);
}
static inline bool seg_is_readable(const struct seg *g)
{
	return (g->attr & SEG_S) && (!(g->attr & 8) || (g->attr & 2));
}
static inline u32 sel_index(u16 sel) { return sel & 0xfffcu; }
static inline bool sel_is_null(u16 sel) { return !sel_index(sel); }

/* System descriptor types. SDM 3A table 3-2. */
enum {
	SYS_TSS16 = 1, SYS_LDT = 2, SYS_TSS16_BUSY = 3, SYS_CALL16 = 4, SYS_TASK = 5, SYS_INT16 = 6,
	SYS_TRAP16 = 7, SYS_TSS = 9, SYS_TSS_BUSY = 11, SYS_CALL = 12, SYS_INT = 14, SYS_TRAP = 15,
};

struct desc {
	struct seg seg; /* sel as asked for; base, limit and attr as the descriptor has them */
	u64 at;         /* linear address of the descriptor */
	u32 lo, hi;
};

/*
 * desc_read - read the 8-byte descriptor of a selector that is not null.
 *   vec, ext   exception when it lies outside its table: vec with error sel + ext
 */
MUST_CHECK enum step desc_read(struct soft_vcpu *s, u16 sel, u8 vec, u32 ext, struct desc *d);
/* Second half of a 16-byte system descriptor; base gets bits 63:32. #GP(sel) when malformed. */
MUST_CHECK enum step desc_read_high(struct soft_vcpu *s, struct desc *d, u32 *hi);
/* Set the accessed bit of a code or data descriptor that was loaded. */
MUST_CHECK enum step desc_mark(struct soft_vcpu *s, struct desc *d);

/* seg_load - load ES, SS, DS, FS or GS as mov and pop do. SDM 2B MOV. */
MUST_CHECK enum step seg_load(struct soft_vcpu *s, unsigned seg, u16 sel);
/* seg_set_real - real mode and virtual-8086 mode: base from the selector. */
void seg_set_real(struct vcpu *v, unsigned seg, u16 sel);

/*
 * seg_check - the checks of seg_linear for a segment register's content that need not be loaded.
 * Outside 64-bit mode only. false: an access would fault.
 */
bool seg_check(const struct vcpu *v, const struct seg *g, u64 off, unsigned size, unsigned acc);

/* Is rip allowed with this code segment: canonical in 64-bit code, within the limit else? */
bool rip_ok(const struct vcpu *v, const struct seg *cs, u64 rip);

/* Give seg the flat contents that syscall and its kin load without reading a descriptor. */
void seg_set_flat(struct seg *g, u16 sel, u16 attr);
enum {
	FLAT_CODE64 = SEG_G | SEG_L | SEG_P | SEG_S | 0xb,
	FLAT_CODE32 = SEG_G | SEG_DB | SEG_P | SEG_S | 0xb,
	FLAT_DATA = SEG_G | SEG_DB | SEG_P | SEG_S | 0x3,
	FLAT_USER = 3 << SEG_DPL_SHIFT,
};

/* cpl_set - a far transfer arrived: CS, CPL and rip; tells the translator. */
void cs_set(struct soft_vcpu *s, const struct seg *cs, unsigned cpl, u64 rip);

/* ---- the stack (stack.c) ---- */

/* A stack that is worked on; the vCPU's own rsp changes only when stack_commit() is called. */
struct stack {
	struct seg ss;
	u64 sp, mask;  /* mask: the bits of sp that pushes and pops change */
	unsigned acc;  /* ACC_USER or 0 */
	bool flat;     /* 64-bit mode: no base, no limit */
	u32 err;       /* error code of #SS */
};

void stack_open(const struct vcpu *v, struct stack *st);
/* A stack of another privilege: ss as loaded, flat for 64-bit mode. */
void stack_open_at(struct stack *st, const struct seg *ss, u64 sp, unsigned cpl, bool flat, u32 err);
/* stack_room - would a push of size bytes succeed? */
MUST_CHECK enum step stack_room(struct soft_vcpu *s, const struct stack *st, unsigned size);
MUST_CHECK enum step stack_push(struct soft_vcpu *s, struct stack *st, unsigned size, u64 val);
MUST_CHECK enum step stack_pop(struct soft_vcpu *s, struct stack *st, unsigned size, u64 *ret);
MUST_CHECK enum step stack_push_n(struct soft_vcpu *s, struct stack *st, unsigned size,
				  const u64 *val, unsigned n);
MUST_CHECK enum step stack_pop_n(struct soft_vcpu *s, struct stack *st, unsigned size, u64 *ret,
				 unsigned n);
/* stack_probe - would a byte be written where the stack pointer is? */
MUST_CHECK enum step stack_probe(struct soft_vcpu *s, const struct stack *st);
void stack_commit(struct vcpu *v, const struct stack *st);

/* ---- TSS and interrupts ---- */

enum { DR7_GD = 1 << 13 };

/*
 * tss_stack - stack pointer for a privilege level (or ist 1..7 in long mode, 0 none) from the TSS.
 * ss stays untouched in long mode. #TS(TR + ext) when the TSS is too short.
 */
MUST_CHECK enum step tss_stack(struct soft_vcpu *s, unsigned cpl, unsigned ist, u32 ext, u64 *sp,
			       u16 *ss);
/* tss_load_ss - check and read the stack segment of a more privileged level: #TS or #SS. */
MUST_CHECK enum step tss_load_ss(struct soft_vcpu *s, u16 sel, unsigned cpl, u32 ext,
				 struct seg *ret);

/*
 * intr_try - one attempt of intr_deliver: a fault on the way is noted, nothing has changed and
 * STEP_FAULT comes back.
 *   rip   what is pushed
 */
MUST_CHECK enum step intr_try(struct soft_vcpu *s, enum intr_kind kind, const struct fault *f,
			      u64 rip);

/* no_task_switch - #GP(err) for a system descriptor that leads to a task switch, with a log line. */
enum step no_task_switch(struct soft_vcpu *s, unsigned type, u32 err);

/* io_check - do IOPL and the TSS's bitmap allow an access to size ports from port? */
MUST_CHECK enum step io_check(struct soft_vcpu *s, u16 port, unsigned size);

/* One line of checks that many instructions begin with. */
static inline enum step need_cpl0(struct soft_vcpu *s)
{
	return cpu_of(s)->cpl ? fault_gp(s, 0) : STEP_NEXT;
}

#endif
