/* orc.h - ORC tables: how to undo one function call at any instruction. Knows no stack. */
#ifndef PANDOK_KNOW_ORC_H
#define PANDOK_KNOW_ORC_H

#include "base/types.h"

/* Numbers of registers in an entry. Source: Linux arch/x86/include/asm/orc_types.h. */
enum { ORC_UNDEFINED, ORC_PREV_SP, ORC_DX, ORC_DI, ORC_BP, ORC_SP, ORC_R10, ORC_R13, ORC_BP_INDIRECT,
       ORC_SP_INDIRECT };

enum orc_type { ORC_CALL, ORC_REGS, ORC_REGS_PARTIAL, ORC_END, ORC_NONE };

/* Where an entry's bit fields are, which differs between versions. */
struct orc_form {
	u8 type_bit, type_bits, end_bit, signal_bit; /* 0: has none (6.4 puts the end into type) */
	bool types_from_2; /* 0 undefined, 1 end, 2 call, 3 regs, 4 partial */
};

struct orc {
	u8 *ip, *entry; /* copies of both tables: n numbers of 4 bytes, n entries of 6 */
	u64 ip_va;
	u32 n;
	struct orc_form form;
};

struct orc_entry_view {
	i16 sp_offset, bp_offset;
	u8 sp_reg, bp_reg;
	enum orc_type type;
	bool signal; /* the next address is where it stands, not behind a call */
};

void orc_fini(struct orc *o);

/* orc_find - the entry for an instruction; false: the tables do not cover it. */
bool orc_find(const struct orc *o, u64 ip, struct orc_entry_view *ret);

#endif
