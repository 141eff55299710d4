/* translate.h - the translator's own data: decoded instructions, the plan of a block, its registers. */
#ifndef PANDOK_SOFT_TRANSLATE_H
#define PANDOK_SOFT_TRANSLATE_H

#include <Zydis/Zydis.h>

#include "soft/emit.h"

/* What the translator does with an instruction. Everything that has no row is copied. */
enum action {
	A_COPY,    /* same bytes, other registers and memory operand */
	A_CALL,    /* in C, in the middle of a block */
	A_END,     /* in C, ends the block */
	A_UD,      /* #UD */
	A_NOP, A_LEA, A_PUSH, A_POP, A_LEAVE,
	A_JMP, A_JCC, A_LOOP, A_CALL_NEAR, A_RET,
	A_CLI, A_STI, A_CLD, A_STD, A_CLAC, A_STAC, A_RDTSC, A_RDTSCP, A_BT, A_PUSHF, A_SWAPGS,
};

/* A decoded instruction, with what copying it needs. */
struct dinsn {
	struct insn in;
	u8 action;
	bool vex, p66, f2, f3, w, l256;
	u8 pp, vvvv;          /* VEX */
	u8 opcode, map;
	bool has_modrm;
	u8 mod_reg, mod_rm;   /* 0..15 */
	bool reg_gpr, rm_gpr, v_gpr, op_gpr; /* these fields name general registers */
	bool byte_low;        /* names spl, bpl, sil, dil or a low byte that may need a REX */
	bool xmm;             /* names one of these */
	bool high;            /* names ah, ch, dh or bh */
	bool wide_lane;       /* VEX.W on vpextrd or vpinsrd outside 64-bit mode: Intel ignores it, AMD not */
	bool rcx_in, rcx_out; /* uses rcx without naming it */
	bool waits;           /* a pending x87 exception comes before it */
	bool aligned;         /* its memory operand must be aligned to its size */
	bool vector;          /* needs the FPU, SSE or AVX to be enabled */
	u8 imm_len, imm[8];
	u8 mem_r, mem_w;      /* its memory operand is read, written */
	u64 target;           /* of a direct branch */
	u8 vsib;              /* vector register that indexes memory, or GPR_NONE */
	u8 cc;                /* condition of a jcc */
	bool again;           /* a jcc to the block's start behind which the loop's body stands once more */
	u16 gpr_in, gpr_out;  /* guest registers: bit masks */
	u16 flags_use, flags_kill; /* FL_ARITH bits */
	const struct insn_row *row;
};

/* A memory access of an instruction: its operand, or its use of the stack. */
struct access {
	u8 base, index, scale; /* guest registers or GPR_NONE */
	u8 seg;                /* SEG_FS or SEG_GS with a base to add, else SEG_DS */
	i64 disp;
	u8 addrsize;
	u16 size;
	bool write;
	i8 group;              /* -1: checked by itself */
	i64 sym_off;           /* in a group: symbolic offset, see plan.c */
};

#define GROUPS 16
struct group {
	u8 at;           /* instruction before which it is checked: its first or, flags being dead, earlier */
	u8 first, last;  /* instruction indices */
	u8 acc;          /* which access of the first */
	i64 adj;         /* what the first's address is off the range's start, at `at` */
	u8 n;            /* accesses */
	bool write;
	i64 lo, hi;      /* bytes off the symbolic address */
	u32 base_id, index_id;
	u8 scale, seg;
	u8 host;         /* register that holds the addend while active, else LOC_MEM */
};

#define HOLD_FREE 0xff
#define HOLD_FIXED 0xfe
#define HOLD_GROUP 0x20

/* A register as an unknown start, known by number, plus a known offset. */
struct sym {
	u32 id;
	i64 off;
};

struct regs {
	u8 loc[16];    /* guest register: host register or LOC_MEM */
	u8 holder[16]; /* host register: guest register, HOLD_GROUP | group, HOLD_ */
	u16 dirty;     /* guest registers whose gpr[] slot is stale */
	u64 map;       /* loc[] as a site keeps it: a nibble each */
	u8 active;     /* groups that hold a register */
};

enum body_kind {
	BODY_COPY,
	BODY_PUSH_REG,
	BODY_PUSH_IMM,
	BODY_PUSH_OPERAND,
	BODY_POP_REG,
	BODY_LOAD_T0
};
struct body {
	enum body_kind kind;
	u8 reg;     /* guest register */
	u8 size;    /* bytes */
	i8 bump;    /* what is added to the guest's rsp after */
	u64 imm;
};

enum stub_kind { STUB_SLOW, STUB_GROUP, STUB_SIDE };
struct stub {
	enum stub_kind kind;
	u8 insn;
	bool flags_saved, noleave;
	u32 from, cont, after;
	u32 desc;
	struct body body;
	struct regs regs;
};

#define STUBS (BLOCK_INSNS * 3)
#define SITES (BLOCK_INSNS * 8)
#define EXITS (BLOCK_INSNS + 4)

struct tr {
	struct emit e;
	struct soft_vcpu *s;
	struct soft *so;
	struct block *b;
	struct region *region;
	u32 mode;
	enum tlb_view view;
	unsigned n;
	struct dinsn in[BLOCK_INSNS];
	u16 live[BLOCK_INSNS]; /* flags that must be right before insn i */
	struct access acc[BLOCK_INSNS][2];
	u8 nacc[BLOCK_INSNS];
	struct sym sym[BLOCK_INSNS][16]; /* before each instruction */
	struct group group[GROUPS];
	unsigned ngroups;
	struct regs regs;
	u16 pinned;            /* host registers the present instruction uses */
	unsigned now;          /* present instruction */
	struct stub stub[STUBS];
	unsigned nstubs;
	struct site site[SITES];
	unsigned nsites;
	u64 map[256];
	unsigned nmaps;
	struct exit exit[EXITS];
	unsigned nexits;
};

/* Linear address of code at pc in the block's mode. */
static inline u64 linear_of(const struct tr *t, u64 pc)
{
	return t->mode & M_CODE64 ? pc : (u32)(t->b->cs_base + pc);
}

/* decode.c */
void decode_init(void);
/* Decode one instruction; false: room bytes are not all of it. What is none raises its fault. */
bool decode(struct dinsn *d, const u8 *bytes, unsigned room, u64 pc, u32 mode);
/* What is no instruction raises #UD; #GP when it is longer than 15 bytes or its segment. SDM 2A 2.3.11. */
void decode_none(struct dinsn *d, u64 pc, bool too_long);
void decode_in_c(struct dinsn *d); /* a direct branch */
bool decode_ends_block(const struct dinsn *d);

/* plan.c */
void plan(struct tr *t);

/* regs.c */
void regs_init(struct regs *r);
void regs_need(struct tr *t, u16 in, u16 out); /* pin and load what the instruction names */
u8 regs_temp(struct tr *t, bool evict);        /* a host register to hold something; LOC_MEM when none */
void regs_canonical(struct tr *t);             /* every guest register to its home */
void regs_expire(struct tr *t);                /* after an instruction: free groups that ended */
void regs_set(struct regs *r, unsigned g, u8 h); /* guest register g is in h now */

/* gen.c */
void gen_entry(struct tr *t);
void gen_insn(struct tr *t);         /* instruction t->now */
void gen_next(struct tr *t, u64 pc); /* the block ends without a branch: go on at pc */
void gen_side(struct tr *t);         /* the way out of the block's middle at its present jcc */
void gen_give_back(struct tr *t, unsigned n); /* deterministic: n counted instructions are not run */
void gen_exit_stubs(struct tr *t);

/* copy.c: a guest instruction with host registers; mr NULL: its operands are registers */
void copy_insn(struct tr *t, const struct dinsn *d, const struct mref *mr);

/* memory.c */
void mem_access(struct tr *t, unsigned k, struct body body); /* access k of the present instruction */
void mem_hoisted(struct tr *t); /* the checks that are due before the present instruction */
void mem_side(struct tr *t, u32 from);
void mem_stubs(struct tr *t);

/* block.c */
void site_add(struct tr *t, unsigned insn_off, u8 flags); /* from here on: the present instruction */
void site_add_regs(struct tr *t, const struct regs *r, unsigned insn, unsigned insn_off, u8 flags);
unsigned exit_add(struct tr *t, u64 pc, u32 mode);
struct insn *insn_keep(struct tr *t, const struct dinsn *d); /* a copy that lives as long as the block */

#endif
