/* eval.c - addresses as people write them: numbers, registers, symbols, sums of those. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "know/kernel.h"
#include "x86/x86.h"

struct reg {
	const char *name;
	size_t offset; /* in struct vcpu */
};

static const struct reg regs[] = {
	{ "rax", offsetof(struct vcpu, gpr[RAX]) }, { "rbx", offsetof(struct vcpu, gpr[RBX]) },
	{ "rcx", offsetof(struct vcpu, gpr[RCX]) }, { "rdx", offsetof(struct vcpu, gpr[RDX]) },
	{ "rsi", offsetof(struct vcpu, gpr[RSI]) }, { "rdi", offsetof(struct vcpu, gpr[RDI]) },
	{ "rsp", offsetof(struct vcpu, gpr[RSP]) }, { "rbp", offsetof(struct vcpu, gpr[RBP]) },
	{ "r8", offsetof(struct vcpu, gpr[R8]) }, { "r9", offsetof(struct vcpu, gpr[R9]) },
	{ "r10", offsetof(struct vcpu, gpr[R10]) }, { "r11", offsetof(struct vcpu, gpr[R11]) },
	{ "r12", offsetof(struct vcpu, gpr[R12]) }, { "r13", offsetof(struct vcpu, gpr[R13]) },
	{ "r14", offsetof(struct vcpu, gpr[R14]) }, { "r15", offsetof(struct vcpu, gpr[R15]) },
	{ "rip", offsetof(struct vcpu, rip) }, { "pc", offsetof(struct vcpu, rip) },
	{ "sp", offsetof(struct vcpu, gpr[RSP]) }, { "fp", offsetof(struct vcpu, gpr[RBP]) },
	{ "rflags", offsetof(struct vcpu, rflags) }, { "cr0", offsetof(struct vcpu, cr0) },
	{ "cr2", offsetof(struct vcpu, cr2) }, { "cr3", offsetof(struct vcpu, cr3) },
	{ "cr4", offsetof(struct vcpu, cr4) }, { "efer", offsetof(struct vcpu, efer) },
	{ "fs_base", offsetof(struct vcpu, seg[SEG_FS].base) },
	{ "gs_base", offsetof(struct vcpu, seg[SEG_GS].base) },
};

static int reg_value(const struct view *v, const char *name, u64 *ret, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (!strcasecmp(regs[i].name, name)) {
			memcpy(ret, (const u8 *)target_vcpu(v->t, v->cpu) + regs[i].offset, 8);
			return 0;
		}
	return err_set(e, -EINVAL, "no register is called '%s'", name);
}

static int term_value(const struct view *v, const char *word, u64 *ret, struct err *e)
{
	struct symbol y;
	char *end;

	if (*word == '$' || *word == '%')
		return reg_value(v, word + 1, ret, e);
	if (isdigit((u8)*word)) {
		errno = 0;
		*ret = strtoull(word, &end, 0);
		return *end || errno ? err_set(e, -EINVAL, "'%s' is no number", word) : 0;
	}
	if (!*word)
		return err_set(e, -EINVAL, "a number, a $register or a symbol is missing");
	if (!kernel_symbol(v->k, word, &y))
		return err_set(e, -EINVAL, "no symbol is called '%s'", word);
	*ret = y.at.at;
	return 0;
}

int view_eval(const struct view *v, const char *text, u64 *ret, struct err *e)
{
	u64 sum = 0, term = 0;
	char word[192];
	char sign = '+';

	target_look(v->t);
	for (;;) {
		size_t n;
		int rc;

		text += strspn(text, " \t");
		n = strcspn(text, "+- \t");
		if (n >= sizeof(word))
			return err_set(e, -EINVAL, "'%.40s…' is too long for a name", text);
		memcpy(word, text, n);
		word[n] = 0;
		rc = term_value(v, word, &term, e);
		if (rc)
			return rc;
		sum = sign == '+' ? sum + term : sum - term;
		text += n + strspn(text + n, " \t");
		if (!*text)
			break;
		if (*text != '+' && *text != '-')
			return err_set(e, -EINVAL, "'%s' is not understood here", text);
		sign = *text++;
	}
	*ret = sum;
	return 0;
}
