/* view_machine.c - what the processor says: registers, page walks, instructions, bytes. */
#include <Zydis/Zydis.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "know/task.h"
#include "x86/x86.h"

static const char *const gpr_names[] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

static void seg_show(const struct view *v, const char *name, const struct seg *s)
{
	out_say(v->out, "%-3s %04x base %016" PRIx64 " limit %08x attr %04x\n", name, s->sel, s->base,
		s->limit, s->attr);
}

void view_regs(const struct view *v)
{
	static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs" };
	const struct vcpu *c = target_vcpu(v->t, v->cpu);
	char place[256];

	for (unsigned i = 0; i < 16; i++)
		out_say(v->out, "%-3s %016" PRIx64 "%s", gpr_names[i], c->gpr[i], i % 4 == 3 ? "\n" : "  ");
	out_say(v->out, "rip %016" PRIx64 "  %s\n", c->rip,
		kernel_place(v->k, GVA(c->rip), place, sizeof(place)));
	out_say(v->out, "rflags %08" PRIx64 "  cpl %u\n", c->rflags, c->cpl);
	out_say(v->out, "cr0 %016" PRIx64 "  cr2 %016" PRIx64 "\n", c->cr0, c->cr2);
	out_say(v->out, "cr3 %016" PRIx64 "  cr4 %016" PRIx64 "  efer %04" PRIx64 "\n", c->cr3, c->cr4,
		c->efer);
	for (unsigned i = 0; i < ARRAY_SIZE(segs); i++)
		seg_show(v, segs[i], &c->seg[i]);
	seg_show(v, "ldt", &c->ldt);
	seg_show(v, "tr", &c->tr);
	out_say(v->out, "gdt base %016" PRIx64 " limit %04x\n", c->gdt.base, c->gdt.limit);
	out_say(v->out, "idt base %016" PRIx64 " limit %04x\n", c->idt.base, c->idt.limit);
	out_say(v->out, "kernel gs base %016" PRIx64 "\n", c->kernel_gs_base);
}

void view_pcpu(const struct view *v)
{
	const struct vcpu *c = target_vcpu(v->t, v->cpu);
	const char *mode = !(c->cr0 & CR0_PE) ? "real mode" : c->cpl == 3 ? "user code" : "kernel code";
	char place[256];
	struct task t;

	target_look(v->t);
	out_say(v->out, "cpuid        = %u\n", v->cpu);
	out_say(v->out, "state        = %s%s, interrupts %s\n", mode,
		c->state == VCPU_HALTED ? ", halted" : c->state == VCPU_WAIT_SIPI ? ", not started" : "",
		c->rflags & FL_IF ? "on" : "off");
	if (task_current(v->k, v->cpu, &t))
		out_say(v->out, "curthread    = 0x%" PRIx64 ": pid %u \"%s\"\n", t.at, t.pid, t.comm);
	out_say(v->out, "rip          = 0x%" PRIx64 " %s\n", c->rip,
		kernel_place(v->k, GVA(c->rip), place, sizeof(place)));
	out_say(v->out, "rsp          = 0x%" PRIx64 "\n", c->gpr[RSP]);
	out_say(v->out, "cr3          = 0x%" PRIx64 "\n", c->cr3);
}

/* ---- page tables -------------------------------------------------------------------------- */

static void entry_show(const struct view *v, unsigned level, const struct trail *tr, unsigned i)
{
	static const char *const names[] = { "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };
	u64 x = tr->entry[i];

	out_say(v->out, "%-5s at %012" PRIx64 " is %016" PRIx64 "%s", names[level], tr->entry_at[i], x,
		x & PTE_P ? "" : "  not present\n");
	if (!(x & PTE_P))
		return;
	out_say(v->out, " %s%s%s%s%s%s%s\n", x & PTE_W ? " writable" : " read-only",
		x & PTE_U ? " user" : " kernel", x & PTE_NX ? " no-execute" : "",
		x & PTE_A ? " accessed" : "", x & PTE_D ? " dirty" : "", x & PTE_G ? " global" : "",
		level && x & PTE_PS ? " page" : "");
}

void view_vtop(const struct view *v, gva_t at)
{
	struct space s = target_space(v->t, v->cpu);
	unsigned levels = s.cr4 & CR4_LA57 && s.efer & EFER_LMA ? 5 : s.efer & EFER_LMA ? 4 :
			  s.cr4 & CR4_PAE ? 3 : 2;
	struct trail tr;
	bool there = space_walk(v->t, &s, at.at, &tr);

	target_look(v->t);
	out_say(v->out, "cr3   %016" PRIx64 "\n", s.cr3);
	for (unsigned i = 0; i < tr.n; i++)
		entry_show(v, levels - 1 - i, &tr, i);
	if (there)
		out_say(v->out, "%016" PRIx64 " is at physical %012" PRIx64 ", in a page of %" PRIu64
			" KiB\n", at.at, tr.pa, tr.page_len >> 10);
	else
		out_say(v->out, "%016" PRIx64 " is not mapped\n", at.at);
}

void view_ptov(const struct view *v, gpa_t at)
{
	u64 base = 0xffff888000000000ull, where = k_sym(v->k, "page_offset_base"), image;
	struct trail tr;

	target_look(v->t);
	if (where)
		k_u64(v->k, where, &base);
	if (!v->k->mapped || !space_walk(v->t, &v->k->space, base + at.at, &tr) || tr.pa != at.at)
		out_say(v->out, "%012" PRIx64 " is not in the kernel's direct map\n", at.at);
	else
		out_say(v->out, "%012" PRIx64 " is at %016" PRIx64 ", in the direct map\n", at.at,
			base + at.at);
	if (!v->k->end || !space_walk(v->t, &v->k->space, v->k->base, &tr))
		return;
	image = v->k->base + (at.at - tr.pa);
	if (image >= v->k->base && image < v->k->end && space_walk(v->t, &v->k->space, image, &tr) &&
	    tr.pa == at.at)
		out_say(v->out, "%012" PRIx64 " is at %016" PRIx64 ", in the image\n", at.at, image);
}

/* ---- instructions ------------------------------------------------------------------------- */

/* Zydis asks for the text of each address: symbols, where there are. */
static void decoder_of(const struct vcpu *c, ZydisDecoder *d)
{
	bool is64 = c->efer & EFER_LMA && c->seg[SEG_CS].attr & SEG_L;
	bool is32 = c->seg[SEG_CS].attr & SEG_DB;

	/* A core file may not say what code segment it is; the kernel's is 64 bits wide. */
	if (is64 || c->rip >> 32)
		ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	else if (is32)
		ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	else
		ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16);
}

/* As many of len bytes as are there. */
static size_t read_some(const struct view *v, gva_t at, u8 *buf, size_t len)
{
	while (len && target_read(v->t, v->cpu, at, len, buf))
		len--;
	return len;
}

/* The target of a near branch gets its name. */
static void branch_show(const struct view *v, const ZydisDecodedInstruction *insn,
			const ZydisDecodedOperand *op, u64 at)
{
	char place[256];
	ZyanU64 to;

	if (!insn->operand_count_visible || op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	    !op[0].imm.is_relative || !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(insn, &op[0], at, &to)))
		return;
	out_say(v->out, "  <%s>", kernel_place(v->k, GVA(to), place, sizeof(place)));
}

static u64 insn_show(const struct view *v, const ZydisDecoder *d, const ZydisFormatter *f, u64 at)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	char text[160], place[256];
	u8 code[15];
	size_t len = read_some(v, GVA(at), code, sizeof(code));

	out_say(v->out, "%016" PRIx64 " %-32s ", at, kernel_place(v->k, GVA(at), place, sizeof(place)));
	if (!len) {
		out_say(v->out, "?? not there\n");
		return 0;
	}
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(d, code, len, &insn, op))) {
		out_say(v->out, "?? %02x\n", code[0]);
		return 1;
	}
	ZydisFormatterFormatInstruction(f, &insn, op, insn.operand_count_visible, text, sizeof(text),
					at, NULL);
	out_say(v->out, "%s", text);
	branch_show(v, &insn, op, at);
	out_say(v->out, "\n");
	return insn.length;
}

static u64 disassemble(const struct view *v, u64 at, unsigned n)
{
	ZydisFormatter f;
	ZydisDecoder d;
	u64 len = 1;

	decoder_of(target_vcpu(v->t, v->cpu), &d);
	ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_ATT);
	while (n-- && len) {
		len = insn_show(v, &d, &f, at);
		at += len;
	}
	return at;
}

void view_dis(const struct view *v, gva_t at, unsigned n)
{
	target_look(v->t);
	disassemble(v, at.at, n);
}

/* ---- bytes -------------------------------------------------------------------------------- */

static void unit_show(const struct view *v, u64 x, unsigned size, char format)
{
	i64 sx = (i64)(x << (64 - 8 * size)) >> (64 - 8 * size);
	char place[256];

	switch (format) {
	case 'd':
		out_say(v->out, " %*" PRId64, (int)size * 2 + 2, sx);
		break;
	case 'u':
		out_say(v->out, " %*" PRIu64, (int)size * 2 + 2, x);
		break;
	case 'o':
		out_say(v->out, " 0%" PRIo64, x);
		break;
	case 'c':
		out_say(v->out, " '%c'", x >= ' ' && x <= '~' ? (char)x : '?');
		break;
	case 'a':
		out_say(v->out, " 0x%" PRIx64 " <%s>", x, kernel_place(v->k, GVA(x), place, sizeof(place)));
		break;
	default:
		out_say(v->out, " %0*" PRIx64, (int)size * 2, x);
	}
}

/* One NUL-ended string of at most this many bytes. */
static u64 string_show(const struct view *v, u64 at)
{
	enum { LONGEST = 1024 };
	u64 n;
	char c;

	out_say(v->out, "%016" PRIx64 " \"", at);
	for (n = 0; n < LONGEST; n++) {
		if (target_read(v->t, v->cpu, GVA(at + n), 1, &c) || !c)
			break;
		out_say(v->out, "%c", c >= ' ' && c <= '~' ? c : '?');
	}
	out_say(v->out, "\"\n");
	return at + n + 1;
}

static u64 row_show(const struct view *v, u64 at, unsigned n, unsigned size, char format)
{
	out_say(v->out, "%016" PRIx64, at);
	for (unsigned i = 0; i < n; i++, at += size) {
		u64 x = 0;

		if (target_read(v->t, v->cpu, GVA(at), size, &x))
			out_say(v->out, " ??");
		else
			unit_show(v, x, size, format);
	}
	out_say(v->out, "\n");
	return at;
}

gva_t view_examine(const struct view *v, gva_t at, unsigned n, unsigned size, char format)
{
	unsigned row = format == 'a' ? 1 : 16 / size;

	target_look(v->t);
	if (format == 'i')
		return GVA(disassemble(v, at.at, n));
	while (n) {
		unsigned here = n < row ? n : row;

		if (format == 's') {
			here = 1;
			at.at = string_show(v, at.at);
		} else {
			at.at = row_show(v, at.at, here, size, format);
		}
		n -= here;
	}
	return at;
}
