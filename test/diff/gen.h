/* gen.h - the inside of the generator, shared by its files. */
#ifndef DIFF_GEN_H
#define DIFF_GEN_H

#include "form.h"
#include "rng.h"
#include "seq.h"
#include "x86/vcpu.h"

#define NO_REG 0xff

enum addr_kind { ADDR_MODRM, ADDR_RIP, ADDR_ABS };

/* A memory operand. */
struct memref {
	u8 kind;         /* enum addr_kind */
	u8 base, index;  /* NO_REG: none; index may be a vector register */
	u8 scale;        /* 0..3 */
	u8 seg;          /* segment prefix byte, or 0 */
	bool addr32;     /* 32-bit address in 64-bit mode */
	bool addr16;     /* 16-bit address outside it */
	bool disp32;     /* use a long displacement although a short one would do */
	i32 disp;
	u64 va;          /* where it is meant to point, slid */
};

/* Everything that fills in one form. */
struct args {
	u8 size;          /* operand size 2, 4, 8 */
	u8 reg, vvvv, l4, rm, z, st;
	bool mem;
	bool no_rex;      /* high byte registers in use */
	bool force_rex;   /* SPL.. in use, or noise */
	u8 vex_l;
	u8 rep;           /* prefix byte, or 0 */
	bool lock;
	u8 noise;         /* a prefix that does nothing here, or 0 */
	u8 imm_len;
	u64 imm;
	u8 imm_fix;       /* FIX_ABS32/64 when the immediate is an address */
	struct memref m;
};

struct gen {
	struct rng rng;
	struct seq *q;
	u64 slide;
	u16 ptr, idx;  /* registers that hold addresses, and small numbers */
	u16 keep;      /* registers that must not be written: these, rSP, loop counters */
	unsigned loops; /* how deep inside loops */
	bool balanced; /* the stack pointer must not move: between call and return */
	bool no_ldt;
	bool trap;     /* the next instruction is the last one: TF was set */
	u64 base[6];   /* of the segments */
	u32 group;
};

/* encode.c: put the bytes of a form together; false when they do not go together. */
bool encode(const struct gen *g, const struct spec *s, const struct args *a, struct item *it);

/* operand.c: choose operands; false when this form cannot be used here and now. */
bool operands_choose(struct gen *g, const struct spec *s, struct args *a);
u8 reg_pick(struct rng *r, u16 mask); /* NO_REG when mask is empty */
u16 regs_of_mode(const struct gen *g, bool no_rex);
u8 vreg(struct gen *g);
u8 reg_read(struct gen *g, bool no_rex);
u8 reg_write(struct gen *g, bool no_rex);

/* operand_mem.c: the same for memory operands. */
bool mem_choose(struct gen *g, const struct spec *s, const struct operand *o, struct args *a);
bool mem_choose_abs(struct gen *g, const struct operand *o, struct args *a, const struct spec *s);
bool mem_choose_vsib(struct gen *g, struct args *a);
u64 spot_choose(struct gen *g, u32 size, bool write, bool aligned, bool masked);
bool mem_to(struct gen *g, u64 va, bool no_rex, struct memref *m);

/* gen_prep.c: what must be done before and after some forms. */
bool prep_before(struct gen *g, const struct spec *s, struct args *a);
void prep_after(struct gen *g, const struct spec *s, const struct args *a);

bool often(struct gen *g);
void push_imm(struct gen *g, u32 v);
void store_imm(struct gen *g, const struct memref *m, i32 off, u8 size, u32 imm);

/* gen_far.c: the same for segments. */
void prep_base(struct gen *g, const struct args *a);
bool prep_far(struct gen *g, const struct spec *s, struct args *a);
void prep_sel(struct gen *g, const struct spec *s, const struct args *a);
void prep_sel_mem(struct gen *g, const struct spec *s, const struct args *a);

/* gen.c */
struct item *item_add(struct gen *g);
void gen_raw(struct gen *g, const u8 *bytes, unsigned len);
struct item *gen_raw32(struct gen *g, const u8 *bytes, unsigned len, u8 fix, u8 fix_at, u32 target);
void gen_args(struct gen *g, const struct spec *s, const struct args *a);
void gen_mov_imm(struct gen *g, u8 reg, u64 v);
void gen_mov_target(struct gen *g, u8 reg, u32 group);
u32 target_choose(struct gen *g);

/* init.c: the registers a sequence starts with. */
void init_choose(struct gen *g);

#endif
