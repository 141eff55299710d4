/* seq.h - one test sequence: its instructions and the state they start from. */
#ifndef DIFF_SEQ_H
#define DIFF_SEQ_H

#include "base/types.h"
#include "layout.h"

#define LEGACY_SIZE 512
#define XSAVE_HEADER 512
#define YMMH_AT 576
#define STATE_XSAVE 832 /* x87, SSE and AVX in the standard format; SDM 1 13.4 */

/* The part of an fxsave image that can differ; SDM 1 table 10-2. */
enum { FX_FCW = 0, FX_FSW = 2, FX_FTW = 4, FX_FOP = 6, FX_FIP = 8, FX_FDP = 16, FX_MXCSR = 24,
       FX_ST = 32, FX_XMM = 160 };

struct state {
	u64 gpr[16];
	u64 rip, flags;
	u64 fsbase, gsbase;
	u16 sel[6]; /* in the order of enum SEG_ */
	_Alignas(64) u8 xsave[STATE_XSAVE];
};

/* How a sequence ended, and all that it left behind. */
struct outcome {
	u8 status;  /* enum out_status */
	u8 vec;     /* exception vector */
	u32 error;
	u64 cr2;    /* #PF only */
	struct state state;
	u8 image[IMAGE_SIZE];
};
enum out_status {
	OUT_FAULT,   /* by an exception: always so, since int3 stands behind the code */
	OUT_SYSCALL, /* it made a system call, which one side only has */
	OUT_TIMEOUT,
	OUT_CRASH,   /* the side that ran it died */
	OUT_ERROR,   /* the engine gave up, or left in a way it should not */
};

/* What the layout fills into an instruction. */
enum fix {
	FIX_NONE,
	FIX_REL8, FIX_REL32, /* branch to item `target` */
	FIX_RIP_ITEM,        /* 32-bit displacement to item `target` plus `va` */
	FIX_RIP_VA,          /* 32-bit displacement to address `va` (slid) */
	FIX_ABS32, FIX_ABS64, /* address of item `target` (32 bits: plus `va`) */
};

#define ITEM_RAW 0xffff

struct item {
	u16 spec;   /* index into specs, or ITEM_RAW: an instruction that prepares for one */
	u16 group;  /* items that belong together have the same number; it never goes down */
	u16 target; /* group that fix goes to */
	u8 fix, fix_at;
	u8 len;
	u8 bytes[15];
	u64 va;
};

#define SEQ_ITEMS 512
#define SEQ_CODE 4096

struct seq {
	u64 seed;
	bool bits32;  /* not 64-bit code: 32-bit, or ... */
	bool bits16;
	u8 slide;     /* enum SLIDE_ */
	u32 salt;     /* which part of the pool memory starts with */
	u32 place;    /* random number that says where on its pages the code lies */
	u32 n;
	u32 groups;   /* one past the last group's number */
	struct state init;
	/* Made by seq_lay_out(): */
	u32 code_at;  /* offset in the image */
	u32 code_len;
	u16 at[SEQ_ITEMS + 1]; /* offset of each item in the code */
	u8 code[SEQ_CODE];
	struct item item[SEQ_ITEMS];
};

/*
 * seq_lay_out - place the items one behind the other and fill in what depends on their places;
 * sets init.rip. A short branch that does not reach becomes no-ops.
 */
void seq_lay_out(struct seq *q);

/* seq_cs_base - linear address of the code segment's offset 0. */
u64 seq_cs_base(const struct seq *q);

/* seq_drop_group - take all items of a group out; branches to it go to what comes after it. */
bool seq_drop_group(struct seq *q, u32 group);

/* seq_drop_item - take one item out. */
void seq_drop_item(struct seq *q, u32 at);

/* seq_item_at - item at this guest address, or -1. */
int seq_item_at(const struct seq *q, u64 rip);

/* seq_machine_mode - the decoder's name for the kind of code it is (ZydisMachineMode). */
int seq_machine_mode(const struct seq *q);

/* seq_generate - the sequence that belongs to a seed. */
struct gen_options {
	u32 min, max;  /* how many instructions */
	u32 bits32;    /* how many of a thousand sequences are 32-bit code */
	u32 bits16;    /* and of a thousand of those, in 16-bit code */
	bool no_ldt;   /* no selectors of the local descriptor table */
};
void seq_generate(struct seq *q, u64 seed, const struct gen_options *o);

#endif
