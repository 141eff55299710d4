/* report.c - prints a sequence and how it ended. */
#include <Zydis/Zydis.h>
#include <string.h>

#include "tester.h"

int seq_machine_mode(const struct seq *q)
{
	return q->bits16 ? ZYDIS_MACHINE_MODE_LEGACY_16 :
	       q->bits32 ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LONG_64;
}

static void print_insn(const struct seq *q, const u8 *code, u32 len, u64 va, FILE *f)
{
	ZydisMachineMode mode = seq_machine_mode(q);
	ZydisDisassembledInstruction in;

	while (len) {
		unsigned n = 1;

		if (ZYAN_SUCCESS(ZydisDisassembleIntel(mode, va, code, len, &in)))
			n = in.info.length;
		else
			strcpy(in.text, "(bad)");
		fprintf(f, "  %llx  ", (unsigned long long)va);
		for (unsigned i = 0; i < 15; i++)
			fprintf(f, i < n ? "%02x" : "  ", i < n ? code[i] : 0);
		fprintf(f, "  %s\n", in.text);
		code += n;
		va += n;
		len -= n;
	}
}

static void print_vectors(const struct state *s, FILE *f)
{
	u32 mxcsr;

	memcpy(&mxcsr, s->xsave + FX_MXCSR, 4);
	fprintf(f, "  mxcsr %04x fcw %04x fsw %04x ftw %02x\n", mxcsr, *(const u16 *)(s->xsave + FX_FCW),
		*(const u16 *)(s->xsave + FX_FSW), s->xsave[FX_FTW]);
}

void print_sequence(const struct seq *q, FILE *f)
{
	static const char *const names[16] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	u64 va = q->init.rip;

	fprintf(f, "seed %llu, %s-bit code\n", (unsigned long long)q->seed, q->bits16 ? "16" : q->bits32 ? "32" : "64");
	for (unsigned i = 0; i < 16; i++)
		fprintf(f, "%s%-3s %016llx%s", i % 4 ? "  " : "  ", names[i],
			(unsigned long long)q->init.gpr[i], i % 4 == 3 ? "\n" : "");
	fprintf(f, "  flags %llx fs %llx gs %llx\n", (unsigned long long)q->init.flags,
		(unsigned long long)q->init.fsbase, (unsigned long long)q->init.gsbase);
	fprintf(f, "  es %x cs %x ss %x ds %x fs %x gs %x\n", q->init.sel[0], q->init.sel[1], q->init.sel[2],
		q->init.sel[3], q->init.sel[4], q->init.sel[5]);
	print_vectors(&q->init, f);
	for (u32 i = 0; i < q->n; i++)
		print_insn(q, q->code + q->at[i], q->at[i + 1] - q->at[i], va + q->at[i], f);
	fprintf(f, "  %llx  (end)\n", (unsigned long long)(va + q->at[q->n]));
}

void print_outcome(const struct seq *q, const char *who, const struct outcome *out, FILE *f)
{
	if (out->status != OUT_FAULT)
		fprintf(f, "%s: status %u\n", who, out->status);
	else if (seq_ended(q, out))
		fprintf(f, "%s: ran to the end\n", who);
	else
		fprintf(f, "%s: vector %u error %x at %llx, address %llx\n", who, out->vec, out->error,
			(unsigned long long)out->state.rip, (unsigned long long)out->cr2);
}
