/* compare.c - compares what the processor and the engine made of a sequence. */
#include "compare.h"

#include <string.h>

#include "form.h"
#include "x86/bits.h"
#include "x86/vcpu.h"

#define TASK_SIZE_MAX 0x7ffffffff000ull

static bool has_error_code(u8 vec)
{
	return vec == EXC_DF || (vec >= EXC_TS && vec <= EXC_PF) || vec == EXC_AC;
}

static void normalize_fault(struct outcome *o)
{
	if (!has_error_code(o->vec))
		o->error = 0;
	if (o->vec != EXC_PF)
		o->cr2 = 0;
	/* Linux says "protection" for every kernel address, so that nobody learns which are mapped. */
	if (o->vec == EXC_PF && o->cr2 >= TASK_SIZE_MAX)
		o->error |= PF_P;
}

static void normalize_x87(u8 *x)
{
	/* Where the last x87 instruction was is known for translated code only at a cost that
	 * nobody wants to pay; processors differ in when they keep it, too. */
	memset(x + FX_FOP, 0, FX_MXCSR - FX_FOP);
	memset(x + FX_MXCSR + 4, 0, 4); /* MXCSR_MASK */
	for (unsigned i = 0; i < 8; i++)
		memset(x + FX_ST + 16 * i + 10, 0, 6);
	memset(x + XSAVE_HEADER, 0, 64);
}

void outcome_normalize(struct outcome *o, bool bits32)
{
	struct state *s = &o->state;

	if (o->status != OUT_FAULT)
		return;
	normalize_fault(o);
	normalize_x87(s->xsave);
	/* The IRET to the signal handler makes null selectors with an RPL zero. SDM 2A IRET. */
	for (unsigned i = 0; i < SEG_N; i++)
		if (s->sel[i] < 4)
			s->sel[i] = 0;
	/* Upper halves and R8..R15 are undefined after 32-bit code; SDM 1 3.4.1.1. Of the selectors
	 * that sequences know, 33h alone is 64-bit code. */
	bits32 |= s->sel[SEG_CS] != 0x33;
	for (unsigned i = 0; bits32 && i < 16; i++)
		s->gpr[i] = i < 8 ? (u32)s->gpr[i] : 0;
}

bool outcome_skipped(const struct outcome *native)
{
	return native->status != OUT_FAULT;
}

bool seq_ended(const struct seq *q, const struct outcome *o)
{
	u64 end = slides[q->slide] + CODE_VA + q->code_at + q->at[q->n] + 1 - seq_cs_base(q);

	return o->status == OUT_FAULT && o->vec == EXC_BP && o->state.rip == end;
}

static const char *const gpr_names[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};
static const char *const seg_names[6] = { "es", "cs", "ss", "ds", "fs", "gs" };

static bool differ_u64(FILE *f, const char *name, u64 a, u64 b)
{
	if (a == b)
		return false;
	if (f)
		fprintf(f, "  %-10s native %016llx  soft %016llx\n", name, (unsigned long long)a,
			(unsigned long long)b);
	return true;
}

static void print_bytes(FILE *f, const u8 *b, unsigned n)
{
	while (n--)
		fprintf(f, "%02x", b[n]);
}

static bool differ_bytes(FILE *f, const char *name, unsigned i, const u8 *a, const u8 *b, unsigned n)
{
	if (!memcmp(a, b, n))
		return false;
	if (f) {
		fprintf(f, "  %s%-6u native ", name, i);
		print_bytes(f, a, n);
		fprintf(f, "\n             soft ");
		print_bytes(f, b, n);
		fprintf(f, "\n");
	}
	return true;
}

static bool differ_xsave(FILE *f, const u8 *a, const u8 *b)
{
	bool d = false;
	u32 ma, mb;

	memcpy(&ma, a + FX_MXCSR, 4);
	memcpy(&mb, b + FX_MXCSR, 4);
	d |= differ_u64(f, "mxcsr", ma, mb);
	d |= differ_u64(f, "fcw", *(const u16 *)(a + FX_FCW), *(const u16 *)(b + FX_FCW));
	d |= differ_u64(f, "fsw", *(const u16 *)(a + FX_FSW), *(const u16 *)(b + FX_FSW));
	d |= differ_u64(f, "ftw", a[FX_FTW], b[FX_FTW]);
	for (unsigned i = 0; i < 8; i++)
		d |= differ_bytes(f, "st", i, a + FX_ST + 16 * i, b + FX_ST + 16 * i, 10);
	for (unsigned i = 0; i < 16; i++)
		d |= differ_bytes(f, "xmm", i, a + FX_XMM + 16 * i, b + FX_XMM + 16 * i, 16);
	for (unsigned i = 0; i < 16; i++)
		d |= differ_bytes(f, "ymmh", i, a + YMMH_AT + 16 * i, b + YMMH_AT + 16 * i, 16);
	return d;
}

static bool differ_image(FILE *f, const struct seq *q, const u8 *a, const u8 *b)
{
	unsigned shown = 0;

	if (!memcmp(a, b, IMAGE_SIZE))
		return false;
	for (u32 i = 0; f && i < IMAGE_SIZE && shown < 8; i += 8) {
		u64 va = frames[i / GUEST_PAGE_SIZE].va + i % GUEST_PAGE_SIZE + slides[q->slide], x, y;

		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x == y)
			continue;
		fprintf(f, "  [%llx] native %016llx  soft %016llx\n", (unsigned long long)va,
			(unsigned long long)x, (unsigned long long)y);
		shown++;
	}
	return true;
}

static bool differ_fault(FILE *f, const struct outcome *a, const struct outcome *b)
{
	bool d = false;

	d |= differ_u64(f, "vector", a->vec, b->vec);
	d |= differ_u64(f, "rip", a->state.rip, b->state.rip);
	if (a->vec == b->vec) {
		d |= differ_u64(f, "error", a->error, b->error);
		d |= differ_u64(f, "cr2", a->cr2, b->cr2);
	}
	return d;
}

/* Did it fault between an instruction that leaves flags undefined and what wipes them? */
static bool flags_undefined(const struct seq *q, const struct outcome *o)
{
	int at = seq_item_at(q, o->state.rip);

	for (u32 i = 0; at >= 0 && at < (int)q->n && i < (u32)at; i++)
		if (q->item[i].group == q->item[at].group && q->item[i].spec != ITEM_RAW &&
		    specs[q->item[i].spec].form->flags & FM_WIPED)
			return true;
	return false;
}

/* Flags that a later instruction overwrites unread may be stale in the frame of a fault. */
static u64 flags_mask(const struct seq *q, const struct outcome *o, const struct compare_options *c)
{
	return seq_ended(q, o) || (c->precise && !flags_undefined(q, o)) ? ~0ull : ~(u64)FL_ARITH;
}

static bool differ_regs(FILE *f, const struct state *a, const struct state *b, u64 mask)
{
	bool d = false;

	for (unsigned i = 0; i < 16; i++)
		d |= differ_u64(f, gpr_names[i], a->gpr[i], b->gpr[i]);
	d |= differ_u64(f, "flags", a->flags & mask, b->flags & mask);
	d |= differ_u64(f, "fs base", a->fsbase, b->fsbase);
	d |= differ_u64(f, "gs base", a->gsbase, b->gsbase);
	for (unsigned i = 0; i < 6; i++)
		d |= differ_u64(f, seg_names[i], a->sel[i], b->sel[i]);
	return d | differ_xsave(f, a->xsave, b->xsave);
}

bool outcomes_differ(const struct seq *q, struct outcome *native, struct outcome *guest,
		     const struct compare_options *c, FILE *f)
{
	bool d = false;

	tolerate(q, native, guest);
	if (guest->status != OUT_FAULT) {
		static const char *const what[] = {
			[OUT_SYSCALL] = "made a system call", [OUT_TIMEOUT] = "did not come to an end",
			[OUT_CRASH] = "crashed", [OUT_ERROR] = "gave up",
		};

		if (f)
			fprintf(f, "  the engine %s\n", what[guest->status]);
		return true;
	}
	d |= differ_fault(f, native, guest);
	d |= differ_regs(f, &native->state, &guest->state, flags_mask(q, native, c));
	d |= differ_image(f, q, native->image, guest->image);
	return d;
}
