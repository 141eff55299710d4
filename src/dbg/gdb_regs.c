/* gdb_regs.c - a processor's registers in gdb's order, and the document that tells it that order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbg/gdb.h"

/* Where the parts of the FXSAVE image are. SDM 1 table 10-2. */
enum { FX_FCW = 0, FX_FSW = 2, FX_FTW = 4, FX_FOP = 6, FX_FIP = 8, FX_FDP = 16, FX_MXCSR = 24,
       FX_ST = 32, FX_XMM = 160 };

enum feature { CORE, SSE, SEGMENTS, SYSTEM, FEATURES };
static const char *const feature_name[FEATURES] = {
	"org.gnu.gdb.i386.core", "org.gnu.gdb.i386.sse", "org.gnu.gdb.i386.segments",
	"org.pandok.system",
};

enum where { AT_VCPU, AT_XSAVE, AT_PC, AT_ZERO, AT_TAGS };

struct row {
	const char *name, *type;
	u8 len;    /* bytes gdb is given */
	u8 has;    /* of these, in struct vcpu */
	u8 feature, where;
	u16 at;    /* offset in struct vcpu or its xsave */
};

#define V(field) offsetof(struct vcpu, field)
#define GPR(name, i) { name, "int64", 8, 8, CORE, AT_VCPU, V(gpr) + 8 * (i) }
#define SEG(name, i) { name, "int32", 4, 2, CORE, AT_VCPU, V(seg) + (i) * sizeof(struct seg) }
#define BASE(name, i) { name, "int64", 8, 8, SEGMENTS, AT_VCPU, \
			V(seg) + (i) * sizeof(struct seg) + offsetof(struct seg, base) }
#define ST(name, i) { name, "i387_ext", 10, 10, CORE, AT_XSAVE, FX_ST + 16 * (i) }
#define FPU(name, has, at) { name, "int", 4, has, CORE, AT_XSAVE, at }
#define XMM(name, i) { name, "vec128", 16, 16, SSE, AT_XSAVE, FX_XMM + 16 * (i) }
#define SYS(name, field) { name, "int64", 8, 8, SYSTEM, AT_VCPU, V(field) }

static const struct row rows[] = {
	GPR("rax", RAX), GPR("rbx", RBX), GPR("rcx", RCX), GPR("rdx", RDX),
	GPR("rsi", RSI), GPR("rdi", RDI), GPR("rbp", RBP), GPR("rsp", RSP),
	GPR("r8", R8), GPR("r9", R9), GPR("r10", R10), GPR("r11", R11),
	GPR("r12", R12), GPR("r13", R13), GPR("r14", R14), GPR("r15", R15),
	{ "rip", "code_ptr", 8, 8, CORE, AT_PC, V(rip) },
	{ "eflags", "flags", 4, 4, CORE, AT_VCPU, V(rflags) },
	SEG("cs", SEG_CS), SEG("ss", SEG_SS), SEG("ds", SEG_DS), SEG("es", SEG_ES),
	SEG("fs", SEG_FS), SEG("gs", SEG_GS),
	ST("st0", 0), ST("st1", 1), ST("st2", 2), ST("st3", 3),
	ST("st4", 4), ST("st5", 5), ST("st6", 6), ST("st7", 7),
	FPU("fctrl", 2, FX_FCW), FPU("fstat", 2, FX_FSW),
	{ "ftag", "int", 4, 2, CORE, AT_TAGS, FX_FTW },
	{ "fiseg", "int", 4, 0, CORE, AT_ZERO, 0 }, FPU("fioff", 4, FX_FIP),
	{ "foseg", "int", 4, 0, CORE, AT_ZERO, 0 }, FPU("fooff", 4, FX_FDP), FPU("fop", 2, FX_FOP),
	XMM("xmm0", 0), XMM("xmm1", 1), XMM("xmm2", 2), XMM("xmm3", 3),
	XMM("xmm4", 4), XMM("xmm5", 5), XMM("xmm6", 6), XMM("xmm7", 7),
	XMM("xmm8", 8), XMM("xmm9", 9), XMM("xmm10", 10), XMM("xmm11", 11),
	XMM("xmm12", 12), XMM("xmm13", 13), XMM("xmm14", 14), XMM("xmm15", 15),
	{ "mxcsr", "mxcsr", 4, 4, SSE, AT_XSAVE, FX_MXCSR },
	BASE("fs_base", SEG_FS), BASE("gs_base", SEG_GS),
	SYS("k_gs_base", kernel_gs_base), SYS("cr0", cr0), SYS("cr2", cr2), SYS("cr3", cr3),
	SYS("cr4", cr4), SYS("efer", efer),
};

/* ---- the FPU's tags: one bit a register in the image, two for gdb, which counts from the bottom ---- */

static u16 tags_wide(u8 used)
{
	u16 ret = 0;

	for (unsigned i = 0; i < 8; i++)
		ret |= (u16)((used >> i & 1 ? 0 : 3) << 2 * i);
	return ret;
}

static u8 tags_narrow(u16 tags)
{
	u8 ret = 0;

	for (unsigned i = 0; i < 8; i++)
		ret |= (u8)(((tags >> 2 * i & 3) != 3) << i);
	return ret;
}

/* ---- get and set ---- */

static const struct row *row_of(unsigned n) { return n < ARRAY_SIZE(rows) ? &rows[n] : NULL; }

static u8 *place(const struct vcpu *v, const struct row *r)
{
	return (r->where == AT_VCPU ? (u8 *)v : (u8 *)v->xsave) + r->at;
}

size_t gdb_reg_get(const struct vcpu *v, unsigned n, u8 ret[16])
{
	const struct row *r = row_of(n);
	u64 pc = v->rip + v->seg[SEG_CS].base; /* gdb knows no segments */
	u16 tags;

	if (!r)
		return 0;
	memset(ret, 0, r->len);
	switch (r->where) {
	case AT_PC:
		memcpy(ret, &pc, 8);
		break;
	case AT_TAGS:
		tags = tags_wide(v->xsave[FX_FTW]);
		memcpy(ret, &tags, 2);
		break;
	case AT_VCPU:
	case AT_XSAVE:
		memcpy(ret, place(v, r), r->has);
		break;
	default:
		break;
	}
	return r->len;
}

bool gdb_reg_set(struct vcpu *v, unsigned n, const char *text, size_t *used)
{
	const struct row *r = row_of(n);
	u8 val[16];
	u64 pc;
	u16 tags;

	if (!r || !hex_bytes(text, r->len, val))
		return false;
	*used = 2 * r->len;
	switch (r->where) {
	case AT_PC:
		memcpy(&pc, val, 8);
		v->rip = pc - v->seg[SEG_CS].base;
		break;
	case AT_TAGS:
		memcpy(&tags, val, 2);
		v->xsave[FX_FTW] = tags_narrow(tags);
		break;
	case AT_VCPU:
	case AT_XSAVE:
		/* A segment needs its descriptor, a control register its checks: they stay. */
		if (r->feature != SYSTEM && !(r->has == 2 && r->where == AT_VCPU))
			memcpy(place(v, r), val, r->has);
		break;
	default:
		break;
	}
	return true;
}

/* ---- the description ---- */

static const char types_core[] =
	"<flags id=\"flags\" size=\"4\"><field name=\"CF\" start=\"0\" end=\"0\"/>"
	"<field name=\"PF\" start=\"2\" end=\"2\"/><field name=\"AF\" start=\"4\" end=\"4\"/>"
	"<field name=\"ZF\" start=\"6\" end=\"6\"/><field name=\"SF\" start=\"7\" end=\"7\"/>"
	"<field name=\"TF\" start=\"8\" end=\"8\"/><field name=\"IF\" start=\"9\" end=\"9\"/>"
	"<field name=\"DF\" start=\"10\" end=\"10\"/><field name=\"OF\" start=\"11\" end=\"11\"/>"
	"<field name=\"NT\" start=\"14\" end=\"14\"/><field name=\"RF\" start=\"16\" end=\"16\"/>"
	"<field name=\"VM\" start=\"17\" end=\"17\"/><field name=\"AC\" start=\"18\" end=\"18\"/>"
	"</flags>\n";

static const char types_sse[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
	"<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
	"<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
	"<field name=\"uint128\" type=\"uint128\"/></union>"
	"<flags id=\"mxcsr\" size=\"4\"><field name=\"IE\" start=\"0\" end=\"0\"/></flags>\n";

char *gdb_description(void)
{
	static const char *const types[FEATURES] = { types_core, types_sse, "", "" };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fputs("<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n"
	      "<architecture>i386:x86-64</architecture>\n", f);
	for (unsigned i = 0; i < FEATURES; i++) {
		fprintf(f, "<feature name=\"%s\">\n%s", feature_name[i], types[i]);
		for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
			if (rows[n].feature == i)
				fprintf(f, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>\n",
					rows[n].name, rows[n].len * 8, rows[n].type, n);
		fputs("</feature>\n", f);
	}
	fputs("</target>\n", f);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}
