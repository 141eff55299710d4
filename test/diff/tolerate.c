/* tolerate.c - what a faulting instruction may leave behind one way or another. */
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "x86/bits.h"
#include "x86/vcpu.h"

enum {
	T_CR2_PAGE = 1, /* the address is that of the page only */
	T_MEMORY = 2,   /* bytes before the faulting page may have been written */
	T_TAGS = 4,     /* x87 tags and top of stack */
	T_VECTORS = 8,  /* destination and mask */
	T_ORDER = 16,   /* which of two faults, when it has two */
	T_STACK = 32,   /* bytes just below the stack pointer */
	T_FETCH = 64,   /* #UD, or the fault of fetching bytes behind the opcode */
};

static const struct tolerated {
	const char *prefix; /* of the mnemonic */
	u8 what;
	const char *why;
} rows[] = {
	{ "fnsave", T_CR2_PAGE | T_MEMORY | T_ORDER, "several stores in an order of the processor's own" },
	{ "fnstenv", T_CR2_PAGE | T_MEMORY | T_ORDER, "several stores in an order of the processor's own" },
	{ "fxsave", T_CR2_PAGE | T_MEMORY | T_ORDER, "several stores in an order of the processor's own" },
	{ "frstor", T_CR2_PAGE | T_ORDER, "several loads in an order of the processor's own" },
	{ "fldenv", T_CR2_PAGE | T_ORDER, "several loads in an order of the processor's own" },
	{ "fxrstor", T_CR2_PAGE | T_ORDER, "several loads in an order of the processor's own" },
	{ "maskmovq", T_TAGS, "the change to MMX state may come before the fault" },
	{ "int1", 0, "(not a fault) some hypervisors leave the instruction pointer at it" },
	{ "sldt", T_ORDER, "Linux emulates it for programs, and its faults (UMIP)" },
	{ "str", T_ORDER, "Linux emulates it for programs, and its faults (UMIP)" },
	{ "sgdt", T_ORDER, "Linux emulates it for programs, and its faults (UMIP)" },
	{ "sidt", T_ORDER, "Linux emulates it for programs, and its faults (UMIP)" },
	{ "smsw", T_ORDER, "Linux emulates it for programs, and its faults (UMIP)" },
	{ "ud", T_FETCH, "the opcode is undefined whatever the bytes behind it are" },
	{ "sha", T_ORDER, "a page fault comes before misalignment on some processors" },
	{ "movsb", T_ORDER, "either operand may be looked at first" },
	{ "movsw", T_ORDER, "either operand may be looked at first" },
	{ "movsd", T_ORDER, "either operand may be looked at first" },
	{ "movsq", T_ORDER, "either operand may be looked at first" },
	{ "cmps", T_ORDER, "either operand may be read first" },
	{ "call", T_ORDER | T_STACK, "far: the new code segment's limit may be checked after pushing" },
	{ "jmp", T_ORDER, "far: target and selector may be checked in either order" },
	{ "ret", T_ORDER, "far: target and selector may be read and checked in either order" },
	{ "les", T_ORDER, "offset and selector may be read in either order" },
	{ "lds", T_ORDER, "offset and selector may be read in either order" },
	{ "lss", T_ORDER, "offset and selector may be read in either order" },
	{ "lfs", T_ORDER, "offset and selector may be read in either order" },
	{ "lgs", T_ORDER, "offset and selector may be read in either order" },
	{ "iret", T_ORDER, "the frame may be read and checked in any order" },
	{ "vpgather", T_VECTORS, "elements behind the faulting one may be done or not (SDM 2C VPGATHERDD)" },
	{ "vgather", T_VECTORS, "elements behind the faulting one may be done or not (SDM 2C VGATHERDPS)" },
};

void print_tolerated(void)
{
	printf("\nnot compared when the instruction faults:\n");
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		printf("  %s*:%s%s%s%s%s%s%s: %s\n", rows[i].prefix,
		       rows[i].what & T_CR2_PAGE ? " address within the page" : "",
		       rows[i].what & T_MEMORY ? ", memory before the page" : "",
		       rows[i].what & T_TAGS ? " x87 tags" : "",
		       rows[i].what & T_VECTORS ? " destination and mask" : "",
		       rows[i].what & T_ORDER ? " which of two faults" : "",
		       rows[i].what & T_STACK ? ", memory below rsp" : "",
		       rows[i].what & T_FETCH ? " #UD or a fault of the fetch" : "", rows[i].why);
}

static const struct tolerated *row_of(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strncmp(name, rows[i].prefix, strlen(rows[i].prefix)))
			return &rows[i];
	return NULL;
}

static void forget_vectors(const ZydisDisassembledInstruction *in, struct outcome *o)
{
	for (unsigned i = 0; i < in->info.operand_count_visible; i++) {
		int r = in->operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER ?
			ZydisRegisterGetId(in->operands[i].reg.value) : -1;

		if (r < 0)
			continue;
		memset(o->state.xsave + FX_XMM + 16 * r, 0, 16);
		memset(o->state.xsave + YMMH_AT + 16 * r, 0, 16);
	}
}

static void forget_memory(struct outcome *o, u64 cr2)
{
	i64 at = image_offset((cr2 & ~(GUEST_PAGE_SIZE - 1)) - 1);

	if (at >= 511)
		memset(o->image + at - 511, 0, 512);
}

static void forget_below(struct outcome *o, u64 rsp)
{
	for (u64 va = rsp - 16; va != rsp; va++)
		if (image_offset(va) >= 0)
			o->image[image_offset(va)] = 0;
}

static void forget(const ZydisDisassembledInstruction *in, u8 what, struct outcome *o, u64 cr2)
{
	if (what & T_CR2_PAGE)
		o->cr2 &= ~(GUEST_PAGE_SIZE - 1);
	if ((what & T_MEMORY) && o->vec == EXC_PF)
		forget_memory(o, cr2);
	if (what & T_STACK)
		forget_below(o, o->state.gpr[RSP]);
	if (what & T_TAGS) {
		memset(o->state.xsave + FX_FSW, 0, 3);
		memset(o->state.xsave + FX_ST, 0, FX_XMM - FX_ST);
	}
	if (what & T_VECTORS)
		forget_vectors(in, o);
}

static bool is_access(u8 vec)
{
	return vec == EXC_PF || vec == EXC_GP || vec == EXC_SS || vec == EXC_NP || vec == EXC_AC;
}

/* Near transfers have nothing left open. */
static bool is_far(const ZydisDisassembledInstruction *in)
{
	bool transfer = in->info.mnemonic == ZYDIS_MNEMONIC_CALL || in->info.mnemonic == ZYDIS_MNEMONIC_JMP ||
			in->info.mnemonic == ZYDIS_MNEMONIC_RET;

	return !transfer || in->info.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

/* Decodes what it faulted at, out of memory: it may have come there by a strange way. */
static bool instruction_at(const struct seq *q, const struct outcome *o, ZydisDisassembledInstruction *in)
{
	i64 at = image_offset(o->state.rip + seq_cs_base(q));
	ZydisMachineMode mode = seq_machine_mode(q);

	if (o->state.sel[SEG_CS] == 0x23)
		mode = ZYDIS_MACHINE_MODE_LEGACY_32;
	return at >= 0 && ZYAN_SUCCESS(ZydisDisassembleIntel(mode, 0, o->image + at, IMAGE_SIZE - (u64)at, in));
}

void tolerate(const struct seq *q, struct outcome *native, struct outcome *guest)
{
	ZydisDisassembledInstruction in;
	const struct tolerated *t;
	u64 cr2 = native->cr2;

	if (seq_ended(q, native) || !instruction_at(q, native, &in))
		return;
	if (in.info.mnemonic == ZYDIS_MNEMONIC_INT1 && native->vec == EXC_DB && guest->vec == EXC_DB)
		guest->state.rip = native->state.rip;
	if (native->state.rip != guest->state.rip)
		return;
	t = row_of(ZydisMnemonicGetString(in.info.mnemonic));
	if (!t)
		return;
	if (((t->what & T_ORDER) && is_far(&in) && is_access(native->vec) && is_access(guest->vec)) ||
	    ((t->what & T_FETCH) && native->vec == EXC_UD && is_access(guest->vec))) {
		guest->vec = native->vec;
		guest->error = native->error;
		guest->cr2 = native->cr2;
	}
	forget(&in, t->what, native, cr2);
	forget(&in, t->what, guest, cr2);
}
