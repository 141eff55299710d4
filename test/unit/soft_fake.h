/* soft_fake.h - a soft vCPU without a translator: flat memory and notes of what was called. */
#ifndef PANDOK_TEST_SOFT_FAKE_H
#define PANDOK_TEST_SOFT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "soft/xstate.h"

#define MEM_SIZE (256 * 1024)

/* Linear memory [0, MEM_SIZE), seen again at HIGH; pages can be absent or read-only. */
#define HIGH 0xffff800000000000ull

struct soft_vcpu {
	struct vcpu v;
	struct fault fault;
	enum run_exit exit;
	struct engine engine;
	struct mem ram; /* no blocks: walks find nothing */
	struct cpuid_config cpuid;
	unsigned mode_changes, flushes, page_flushes, call_outs, inhibits, keeps;
	bool absent[MEM_SIZE / 4096], readonly[MEM_SIZE / 4096], slow[MEM_SIZE / 4096];
	unsigned user_faults; /* accesses with ACC_USER below USER_START fault */
	u64 tsc;
	u32 port_val;
	u16 port;
	u8 mem[MEM_SIZE];
};

enum step soft_fault(struct soft_vcpu *s, u8 vec, bool has_err, u32 err)
{
	s->fault = (struct fault){ .vec = vec, .has_err = has_err, .err = err };
	return STEP_FAULT;
}

struct fault *soft_fault_noted(struct soft_vcpu *s) { return &s->fault; }

enum step soft_exit(struct soft_vcpu *s, enum run_exit why)
{
	s->exit = why;
	return STEP_EXIT;
}

static inline u8 *fake_at(struct soft_vcpu *s, u64 lin, bool w)
{
	u64 at = lin >= HIGH ? lin - HIGH : lin;

	if (at >= MEM_SIZE || s->absent[at / 4096] || (w && s->readonly[at / 4096]))
		return NULL;
	return &s->mem[at];
}

static inline enum step fake_check(struct soft_vcpu *s, u64 lin, unsigned len, bool w, unsigned acc)
{
	for (unsigned i = 0; i < len; i++) {
		if (fake_at(s, lin + i, w))
			continue;
		soft_fault(s, EXC_PF, true, (w ? PF_W : 0) | (acc & ACC_USER ? PF_U : 0));
		s->fault.cr2 = lin + i;
		return STEP_FAULT;
	}
	return STEP_NEXT;
}

enum step lin_read(struct soft_vcpu *s, u64 lin, void *buf, unsigned len, unsigned acc)
{
	assert_in_range(len, 1, 512);
	if (fake_check(s, lin, len, false, acc))
		return STEP_FAULT;
	for (unsigned i = 0; i < len; i++)
		((u8 *)buf)[i] = *fake_at(s, lin + i, false);
	return STEP_NEXT;
}

enum step lin_probe_w(struct soft_vcpu *s, u64 lin, unsigned len, unsigned acc)
{
	assert_in_range(len, 1, 512);
	return fake_check(s, lin, len, true, acc);
}

enum step lin_write(struct soft_vcpu *s, u64 lin, const void *buf, unsigned len, unsigned acc)
{
	if (lin_probe_w(s, lin, len, acc))
		return STEP_FAULT;
	for (unsigned i = 0; i < len; i++)
		*fake_at(s, lin + i, true) = ((const u8 *)buf)[i];
	return STEP_NEXT;
}

enum step lin_align(struct soft_vcpu *s, u64 lin, unsigned len)
{
	(void)s;
	(void)lin;
	(void)len;
	return STEP_NEXT;
}

u8 *lin_host(struct soft_vcpu *s, u64 lin, unsigned acc)
{
	u64 at = lin >= HIGH ? lin - HIGH : lin;

	if (at < MEM_SIZE && s->slow[at / 4096])
		return NULL;
	return fake_at(s, lin, acc & ACC_W);
}

void soft_call_out(struct soft_vcpu *s) { s->call_outs++; }
/* No personality: the processor does everything itself. */
const struct engine_host *soft_host(struct soft_vcpu *s)
{
	static const struct engine_host none;

	(void)s;
	return &none;
}

enum step soft_trapped(struct soft_vcpu *s, enum trap_end end)
{
	(void)s;
	(void)end;
	return STEP_JUMP;
}

const struct cpuid_config *soft_cpuid(struct soft_vcpu *s) { return &s->cpuid; }
u64 soft_tsc(struct soft_vcpu *s) { return s->tsc + s->v.tsc_offset; }
void soft_inhibit(struct soft_vcpu *s) { s->inhibits++; }
void soft_inhibit_ss(struct soft_vcpu *s) { s->inhibits++; }
bool soft_steps(struct soft_vcpu *s) { return s->v.rflags & FL_TF; }
u64 soft_rf(struct soft_vcpu *s) { return s->v.dr[7] & 0xff ? FL_RF : 0; }
void soft_no_step(struct soft_vcpu *s) { (void)s; }
void soft_io_watch(struct soft_vcpu *s, u16 port, unsigned size)
{
	(void)s;
	(void)port;
	(void)size;
}
void soft_mode_changed(struct soft_vcpu *s) { s->mode_changes++; }
void soft_tlb_flush_page(struct soft_vcpu *s, u64 lin) { s->page_flushes += lin != 0; }
void soft_tlb_flush(struct soft_vcpu *s, bool global) { s->flushes += global ? 100 : 1; }
void soft_tlb_cr3(struct soft_vcpu *s, bool keep)
{
	s->flushes++;
	s->keeps += keep;
}

static inline u32 fake_pio_read(void *ctx, struct vcpu *v, u16 port, unsigned size)
{
	(void)ctx;
	(void)v;
	return 0x11223344 + port * 0 + size * 0;
}

static inline void fake_pio_write(void *ctx, struct vcpu *v, u16 port, unsigned size, u32 val)
{
	struct soft_vcpu *s = (struct soft_vcpu *)v;

	(void)ctx;
	s->port = port;
	s->port_val = s->port_val << 8 * (size & 3) | val;
}

/* ---- descriptors ---- */

#define GDT 0x1000ull
#define IDT 0x2000ull
#define TSS 0x3000ull
enum {
	K_CODE = 0x08, K_DATA = 0x10, U_CODE32 = 0x18, U_DATA = 0x20, U_CODE = 0x28, K_CODE32 = 0x30,
	SEL_TSS = 0x38, SEL_LDT = 0x48, SEL_GATE = 0x58, SEL_SMALL = 0x68, GDT_LEN = 0x70,
};

static inline void put_bytes(struct soft_vcpu *s, u64 at, u64 val, unsigned n)
{
	memcpy(s->mem + at, &val, n);
}

static inline u64 get_bytes(struct soft_vcpu *s, u64 at, unsigned n)
{
	u64 val = 0;

	memcpy(&val, s->mem + at, n);
	return val;
}

static inline void desc_put(struct soft_vcpu *s, u16 sel, u32 base, u32 limit, u16 attr)
{
	u64 d = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(attr & 0xf0ff) << 40 |
		(u64)(limit >> 16 & 15) << 48 | (u64)(base >> 24) << 56;

	put_bytes(s, GDT + (sel & ~7u), d, 8);
}

static inline void gate64_put(struct soft_vcpu *s, unsigned vec, u16 sel, u64 to, unsigned type,
		       unsigned dpl, unsigned ist)
{
	u64 at = IDT + vec * 16;

	put_bytes(s, at, (to & 0xffff) | (u64)sel << 16 | (u64)ist << 32 | (u64)type << 40 |
			 (u64)dpl << 45 | 1ull << 47 | (to >> 16 & 0xffff) << 48, 8);
	put_bytes(s, at + 8, to >> 32, 8);
}

static inline void gate32_put(struct soft_vcpu *s, unsigned vec, u16 sel, u32 to, unsigned type, unsigned dpl)
{
	put_bytes(s, IDT + vec * 8, (to & 0xffff) | (u64)sel << 16 | (u64)type << 40 |
				    (u64)dpl << 45 | 1ull << 47 | (u64)(to >> 16) << 48, 8);
}

static inline void tables_put(struct soft_vcpu *s)
{
	u16 user = FLAT_USER;

	desc_put(s, K_CODE, 0, 0xfffff, FLAT_CODE64);
	desc_put(s, K_DATA, 0, 0xfffff, FLAT_DATA);
	desc_put(s, U_CODE32, 0, 0xfffff, FLAT_CODE32 | user);
	desc_put(s, U_DATA, 0, 0xfffff, FLAT_DATA | user);
	desc_put(s, U_CODE, 0, 0xfffff, FLAT_CODE64 | user);
	desc_put(s, K_CODE32, 0, 0xfffff, FLAT_CODE32);
	desc_put(s, SEL_TSS, TSS, 0x67, SEG_P | SYS_TSS);
	desc_put(s, SEL_SMALL, 0x4000, 0xfff, SEG_P | SEG_S | SEG_DB | 2);
	s->v.gdt = (struct dtr){ .base = GDT, .limit = GDT_LEN - 1 };
	s->v.idt = (struct dtr){ .base = IDT, .limit = 0xfff };
	s->v.tr = (struct seg){ .sel = SEL_TSS, .attr = SEG_P | SYS_TSS_BUSY, .limit = 0x67, .base = TSS };
	put_bytes(s, TSS + 102, 0x68, 2);
}

static inline struct soft_vcpu *fake_new(void)
{
	struct soft_vcpu *s = aligned_alloc(64, (sizeof(*s) + 63) & ~63ull);

	memset(s, 0, sizeof(*s));
	vcpu_reset(&s->v);
	s->engine.config.host.pio_read = fake_pio_read;
	s->engine.config.host.pio_write = fake_pio_write;
	s->engine.config.mem = &s->ram;
	s->v.engine = &s->engine;
	s->cpuid = (struct cpuid_config){ .ncpus = 1, .tsc_hz = 1000000000, .soft = true, .kvm_leaves = true };
	tables_put(s);
	return s;
}

static inline void fake_segs(struct soft_vcpu *s, u16 cs, u16 cs_attr, u16 ss, unsigned cpl)
{
	for (unsigned i = 0; i < SEG_N; i++)
		seg_set_flat(&s->v.seg[i], ss | (u16)cpl, FLAT_DATA | (u16)(cpl << SEG_DPL_SHIFT));
	seg_set_flat(&s->v.seg[SEG_CS], cs | (u16)cpl, cs_attr | (u16)(cpl << SEG_DPL_SHIFT));
	s->v.cpl = (u8)cpl;
	s->v.gpr[RSP] = 0x8000;
	s->v.rip = 0x5000;
}

/* In 64-bit mode at a privilege level. */
static inline struct soft_vcpu *fake_long(unsigned cpl)
{
	struct soft_vcpu *s = fake_new();

	s->v.cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_ET;
	s->v.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE;
	s->v.efer = EFER_LME | EFER_LMA | EFER_SCE;
	s->v.xcr0 = 7;
	fake_segs(s, cpl ? U_CODE : K_CODE, FLAT_CODE64, cpl ? U_DATA : K_DATA, cpl);
	return s;
}

/* In 32-bit protected mode. */
static inline struct soft_vcpu *fake_protected(unsigned cpl)
{
	struct soft_vcpu *s = fake_new();

	s->v.cr0 = CR0_PE | CR0_NE | CR0_ET;
	fake_segs(s, cpl ? U_CODE32 : K_CODE32, FLAT_CODE32, cpl ? U_DATA : K_DATA, cpl);
	return s;
}

/* In real mode with everything at segment 0. */
static inline struct soft_vcpu *fake_real(void)
{
	struct soft_vcpu *s = fake_new();

	s->v.idt = (struct dtr){ .base = 0x6000, .limit = 0x3ff };
	for (unsigned i = 0; i < SEG_N; i++)
		seg_set_real(&s->v, i, 0);
	s->v.gpr[RSP] = 0x8000;
	s->v.rip = 0x5000;
	return s;
}

static inline struct insn insn(unsigned len, unsigned opsize)
{
	return (struct insn){ .len = (u8)len, .opsize = (u8)opsize, .addrsize = 8, .base = GPR_NONE,
			      .index = GPR_NONE, .scale = 1, .seg = SEG_DS };
}

static inline struct insn insn_mem(unsigned opsize, u64 at)
{
	struct insn in = insn(3, opsize);

	in.is_mem = true;
	in.disp = (i64)at;
	return in;
}

static inline void assert_fault(struct soft_vcpu *s, enum step r, u8 vec, u32 err)
{
	assert_int_equal(r, STEP_FAULT);
	assert_int_equal(s->fault.vec, vec);
	assert_int_equal(s->fault.err, err);
}

#endif
