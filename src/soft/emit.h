/* emit.h - host instructions as bytes; knows encodings, nothing of guests. Source: SDM 2A 2. */
#ifndef PANDOK_SOFT_EMIT_H
#define PANDOK_SOFT_EMIT_H

#include "soft/state.h"

/* No bound is checked byte by byte: who emits leaves room for the most that one step can take. */
struct emit {
	u8 *at;   /* next byte, writable view */
	u8 *base; /* start of the cache, writable view */
};

/* A memory operand of a host instruction. */
struct mref {
	u8 base, index; /* host register or GPR_NONE */
	u8 scale;
	bool gs; /* gs:[disp] or gs:[index*scale+disp] */
	i32 disp;
};
#define M_GS(off) ((struct mref){ GPR_NONE, GPR_NONE, 1, true, (i32)(off) })
#define M_GSX(idx, sc, off) ((struct mref){ GPR_NONE, (idx), (sc), true, (i32)(off) })
#define M_BASE(b) ((struct mref){ (b), GPR_NONE, 1, false, 0 })
#define M_BD(b, d) ((struct mref){ (b), GPR_NONE, 1, false, (d) })
#define M_BXD(b, x, d) ((struct mref){ (b), (x), 1, false, (d) })

static inline u32 emit_off(const struct emit *e) { return (u32)(e->at - e->base); }

static inline void e8(struct emit *e, u8 b) { *e->at++ = b; }
static inline void e32(struct emit *e, u32 v)
{
	__builtin_memcpy(e->at, &v, sizeof(v));
	e->at += sizeof(v);
}
static inline void e64(struct emit *e, u64 v)
{
	__builtin_memcpy(e->at, &v, sizeof(v));
	e->at += sizeof(v);
}

/* modrm, sib and displacement for reg and a memory operand. */
void emit_modrm_mem(struct emit *e, unsigned reg, struct mref m);

/* [F0..] [REX] opcode(s) modrm: op is up to three bytes, last byte lowest; w: REX.W. */
void emit_op_mem(struct emit *e, u32 op, bool w, unsigned reg, struct mref m);
void emit_op_reg(struct emit *e, u32 op, bool w, unsigned reg, unsigned rm);

static inline void emit_mov_rr(struct emit *e, unsigned dst, unsigned src)
{
	emit_op_reg(e, 0x8b, true, dst, src);
}
static inline void emit_mov32_rr(struct emit *e, unsigned dst, unsigned src)
{
	emit_op_reg(e, 0x8b, false, dst, src);
}
static inline void emit_load(struct emit *e, unsigned dst, struct mref m)
{
	emit_op_mem(e, 0x8b, true, dst, m);
}
static inline void emit_load32(struct emit *e, unsigned dst, struct mref m)
{
	emit_op_mem(e, 0x8b, false, dst, m);
}
static inline void emit_store(struct emit *e, struct mref m, unsigned src)
{
	emit_op_mem(e, 0x89, true, src, m);
}
static inline void emit_lea(struct emit *e, unsigned dst, struct mref m)
{
	emit_op_mem(e, 0x8d, true, dst, m);
}
static inline void emit_lea32(struct emit *e, unsigned dst, struct mref m)
{
	emit_op_mem(e, 0x8d, false, dst, m);
}
void emit_mov_imm(struct emit *e, unsigned dst, u64 val);   /* shortest form; no flags */
void emit_mov_imm64(struct emit *e, unsigned dst, u64 val); /* always ten bytes */
void emit_store_imm8(struct emit *e, struct mref m, u8 val);
void emit_store_imm32(struct emit *e, struct mref m, u32 val, bool w);

/* jmp/call/jcc rel32 to an offset in the cache; return the offset of the rel32. */
u32 emit_jmp(struct emit *e, u32 to);
u32 emit_call(struct emit *e, u32 to);
u32 emit_jcc(struct emit *e, u8 cc, u32 to);
/* Fill in a rel32 (made with to = 0) now that the target is known. */
void emit_patch(struct emit *e, u32 rel_at, u32 to);
/* jrcxz over the next few bytes; emit_jrcxz_end closes it. */
u32 emit_jrcxz(struct emit *e);
void emit_jrcxz_end(struct emit *e, u32 at);
/* nops so that the byte `ahead` bytes from here is 4-byte aligned. */
void emit_align4(struct emit *e, unsigned ahead);

/* flags to AX (lahf; seto al) and back; clobber nothing else. */
void emit_flags_save(struct emit *e);
void emit_flags_load(struct emit *e);

#endif
