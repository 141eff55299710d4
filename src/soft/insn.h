/* insn.h - one decoded guest instruction, as the C functions that do it see it. */
#ifndef PANDOK_SOFT_INSN_H
#define PANDOK_SOFT_INSN_H

#include "base/types.h"

#define GPR_NONE 16
#define GPR_RIP 17

struct insn_row;

struct insn {
	const struct insn_row *row; /* what does it in C; NULL: #UD */
	u64 pc;       /* its own linear offset (RIP of its first byte) */
	u64 imm;      /* first immediate, sign-extended as the instruction does; relative target offset */
	u64 imm2;     /* second immediate (enter, far pointer selector) */
	i64 disp;
	u16 mnemonic; /* ZydisMnemonic */
	u8 len;       /* bytes, 1..15 */
	u8 opsize;    /* effective operand size in bytes: 1, 2, 4, 8 */
	u8 addrsize;  /* effective address size in bytes: 2, 4, 8 */
	u8 map;       /* opcode map: 0 one byte, 1 0F, 2 0F38, 3 0F3A */
	u8 opcode;    /* last opcode byte */
	u8 rep;       /* 0, 0xf2 or 0xf3 */
	u8 modrm;     /* raw byte, valid when has_modrm */
	u8 reg, rm;   /* modrm.reg and modrm.rm with REX bits: 0..15 */
	u8 seg;       /* segment of the memory operand (or of the string source): enum SEG_ */
	u8 base, index; /* 0..15, GPR_NONE or GPR_RIP */
	u8 scale;     /* 1, 2, 4, 8 */
	u8 left;      /* instructions of its block from this one on */
	u8 msize;     /* bytes of the memory operand, 0 when it has none or none of fixed size */
	u8 vvvv;      /* VEX.vvvv as a register number 0..15 */
	u8 vlen;      /* bytes of a vector: 16 or 32 (VEX.L); 0 without VEX */
	bool has_modrm, is_mem, lock, rex;
	bool asks_fpu; /* its block was made while CR0 or CR4 might forbid it */
	bool x87, mmx; /* subject to CR0.TS and the like */
	bool wide;    /* REX.W or VEX.W */
};

#endif
