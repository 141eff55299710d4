/* form.h - one row per instruction form: how it is encoded and what its operands are. */
#ifndef DIFF_FORM_H
#define DIFF_FORM_H

#include "base/types.h"

/* Rows leave out the fields they have no use for. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/*
 * enc   the manual's notation, hex digits and words apart by blanks:
 *       [v128|v256|vx|vl] [66|f2|f3] [0f [38|3a]] opcode [+r] [/r|/0../7|modrm] [rex.w|w0|w1]
 *       v...: VEX with L 0, 1, either, ignored. A second hex byte after the opcode is a fixed
 *       ModRM byte; "+i" adds the x87 register to it.
 * ops   operands apart by commas; "=" before one that is written, "+" read and written:
 *       G general register in modrm.reg   E register or memory in modrm.rm   R register only
 *       M memory only   Z register in the opcode   B register in VEX.vvvv
 *       K as E, but the register is 32 bits wide whatever the memory size is
 *       V vector register in modrm.reg    W register or memory   U register only
 *       H in VEX.vvvv   L in an immediate's upper half   X memory addressed by a vector
 *       P MMX register in modrm.reg   Q MMX register or memory   N MMX register only
 *       T x87 register   S segment register   I immediate   J branch target   O absolute address
 *       then a size: b w d q bytes 1 2 4 8; v 2/4/8 and y 4/8 by operand size, z 2/4; x the
 *       vector's length, a two of v, p a far pointer of 6, n an interrupt vector, h r e a half, quarter, eighth of it; or a number of bytes.
 *       "$text" names an operand that is not encoded.
 */
struct form {
	const char *name; /* mnemonic as Zydis prints it */
	const char *enc;
	const char *ops;
	u64 flags;
	u16 clob; /* general registers it writes without naming them, bit per register */
	u8 feat;  /* enum feat: what the processor must have */
};

enum {
	FM_LOCK = 1 << 0,    /* takes LOCK when its destination is memory */
	FM_ALIGN = 1 << 1,   /* memory operand must be aligned to its size */
	FM_UNAL = 1 << 2,    /* 16-byte legacy operand that need not be aligned */
	FM_D64 = 1 << 3,     /* operand size is 64 in 64-bit mode, no 32 */
	FM_64 = 1 << 4,      /* 64-bit mode only */
	FM_32 = 1 << 5,      /* 32-bit mode only */
	FM_REP = 1 << 6,     /* F3 may stand before it */
	FM_REPZ = 1 << 7,    /* F2 or F3 may stand before it */
	FM_SI = 1 << 8,      /* rSI must point to data */
	FM_DI = 1 << 9,      /* rDI must point to data */
	FM_BX = 1 << 10,     /* rBX must point to data */
	FM_DIV = 1 << 11,    /* the dividend must be small for the quotient to fit */
	FM_TARGET = 1 << 12, /* operand is the address of an instruction */
	FM_RET = 1 << 13,    /* the address of an instruction must be on the stack */
	FM_ENV = 1 << 14,    /* stores x87 instruction pointers: wiped after */
	FM_ENDS = 1 << 15,   /* faults (nearly) always, so it is drawn rarely */
	FM_FXSAVE = 1 << 16, /* stores an FXSAVE image: instruction pointers wiped after */
	FM_MXCSR = 1 << 17,  /* loads MXCSR: the operand is made valid before */
	FM_FLAGS = 1 << 18,  /* pops flags: a valid image is pushed before */
	FM_BITS = 1 << 19,   /* the memory address depends on the register operand */
	FM_FRAME = 1 << 20,  /* rBP takes part as frame pointer */
	FM_MASKED = 1 << 21, /* masked access: faults are suppressed per element */
	FM_FCW = 1 << 22,    /* loads the x87 control word */
	FM_POP = 1 << 23,    /* pops into its operand: base rSP means the new rSP */
	FM_BASE = 1 << 24,   /* writes a segment base: a canonical value is put in the operand before */
	FM_ADDR = 1 << 25,   /* computes an address but reads and writes nothing there */
	FM_NOFAULT = 1 << 26, /* never faults whatever its address */
	FM_NO66 = 1u << 31,   /* no 16-bit operand size */
	FM_SEL = 1 << 28,    /* operand is a selector both sides know */
	FM_ALL = 1 << 10 | 1 << 11, /* pops all registers: they are pushed before */
	FM_FAR = 1 << 27,    /* far transfer: a pointer with a selector is put where it reads it */
	FM_AX = 1 << 30,     /* rAX must point to data */
	FM_SEED = 1 << 29,   /* frstor, fldenv, fxrstor: the image is stored there first */
};

#define FM_WIPED (1ull << 32) /* leaves flags undefined that the engine cannot know: wiped after */

enum feat {
	FT_BASE, FT_SSE3, FT_SSSE3, FT_SSE41, FT_SSE42, FT_SSE4A, FT_AES, FT_PCLMUL, FT_SHA,
	FT_AVX, FT_AVX2, FT_FMA, FT_F16C, FT_BMI1, FT_BMI2, FT_ADX, FT_POPCNT, FT_LZCNT, FT_MOVBE,
	FT_CLFLUSHOPT, FT_CLWB, FT_GFNI, FT_VAES, FT_VPCLMUL, FT_FSGSBASE, FT_CX16, FT_PREFETCHW,
	FT_LAHF, FT_RDPID, FT_CLZERO, FT_N,
};

enum form_class { CLASS_INT, CLASS_FLOW, CLASS_STRING, CLASS_SSE, CLASS_AVX, CLASS_X87, CLASS_SYS, CLASS_N };

struct form_table {
	const char *name;
	const struct form *row;
	unsigned n;
	u32 share; /* of a sequence's instructions, per mille */
};
extern const struct form_table form_tables[CLASS_N];

extern const struct form forms_int[], forms_flow[], forms_string[], forms_sse[], forms_avx[],
	forms_x87[], forms_sys[];
extern const unsigned forms_int_n, forms_flow_n, forms_string_n, forms_sse_n, forms_avx_n,
	forms_x87_n, forms_sys_n;

/* What is left out, and why; printed with the table. */
struct form_excluded {
	const char *names; /* mnemonics, blanks between */
	const char *why;
};
extern const struct form_excluded forms_excluded[];
extern const unsigned forms_excluded_n;

/* The same for parts of instructions and of what they leave behind. */
extern const struct form_excluded forms_limits[];
extern const unsigned forms_limits_n;

/* forms whose result is wiped by what follows them: they must not be separated from it */
#define FM_WIPES (FM_ENV | FM_SEED | FM_FXSAVE | FM_WIPED)

/* One operand of a row, taken apart. */
struct operand {
	char kind; /* 0: none, or '$' */
	char size; /* letter, or 0 when bytes holds the number */
	u16 bytes;
	bool read, write;
};

enum { ENC_LEGACY, ENC_VEX };
enum { VL_128, VL_256, VL_ANY, VL_IGNORED };

#define OPERANDS 5

/* A row taken apart, and how often it was run. */
struct spec {
	const struct form *form;
	u8 class;
	u8 enc;       /* ENC_ */
	u8 vl;        /* VL_ */
	u8 prefix;    /* 0, 0x66, 0xf2, 0xf3 */
	u8 map;       /* 0..3 */
	u8 opcode;
	i8 digit;     /* modrm.reg, -1: an operand */
	i8 w;         /* REX.W or VEX.W: 0, 1, -1: by operand size or ignored */
	bool has_modrm, fixed_modrm, plus_i, plus_r;
	u8 modrm;
	struct operand op[OPERANDS];
	unsigned nops;
	u8 opsizes;   /* operand sizes it takes: bit 1 16, bit 2 32, bit 3 64 */
	i8 mem;       /* which operand may be memory, -1 none */
	const char *missing; /* why it cannot run here, or NULL */
	u64 count[2]; /* executed in 64-bit and in 32-bit sequences */
	u64 faults;   /* ended its sequence by a fault */
};

extern struct spec *specs;
extern unsigned specs_n;

/*
 * specs_init - take all rows apart; a row that cannot be read is our bug and ends the program.
 *   only, without   POSIX extended expressions over "name ops", or NULL
 */
void specs_init(const char *only, const char *without);

/* spec_draw - a random row that runs in this mode. */
struct rng;
struct spec *spec_draw(struct rng *r, bool bits32);

/* spec_find - the first row with this name and operands. */
struct spec *spec_find(const char *name, const char *ops);

/* feat_missing - why this feature cannot be tested here; NULL if it can. */
const char *feat_missing(enum feat f);

#endif
