/* crash.c - a domain dies: Xen's words, its registers and its stack, on the console. */
#include "xen/int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STACK_WORDS 24

/*H:700 The last words
 * A guest that cannot go on is not left to spin. Xen prints what led to it, the registers, and the top
 * of the guest's stack, word by word, and so do we: "RIP: e033:[<0000000000002271>]" is selector and
 * address of the guest's own code. Then the run ends with one sentence.
 * @test xen-example
 */
static void registers(struct xen *x)
{
	static const struct { const char *name; u8 i; } row[] = {
		{ "rax", RAX }, { "rbx", RBX }, { "rcx", RCX }, { "rdx", RDX }, { "rsi", RSI },
		{ "rdi", RDI }, { "rbp", RBP }, { "rsp", RSP }, { "r8 ", R8 }, { "r9 ", R9 },
		{ "r10", R10 }, { "r11", R11 }, { "r12", R12 }, { "r13", R13 }, { "r14", R14 },
		{ "r15", R15 },
	};
	const struct vcpu *v = x->v;

	con_say(x, "(XEN) RIP:    %04x:[<%016llx>]", v->seg[SEG_CS].sel, (ull)v->rip);
	con_say(x, "(XEN) RFLAGS: %016llx   EM: %d   CONTEXT: pv guest (d%dv0)", (ull)v->rflags,
		    vcpu_info(x)->evtchn_upcall_mask & 1, DOMID);
	for (unsigned i = 0; i < ARRAY_SIZE(row); i += 2)
		con_say(x, "(XEN) %s: %016llx   %s: %016llx", row[i].name,
			    (ull)v->gpr[row[i].i], row[i + 1].name, (ull)v->gpr[row[i + 1].i]);
	con_say(x, "(XEN) cr0: %016llx   cr3: %016llx   cr2: %016llx", (ull)v->cr0,
		    (ull)(v->cr3 & ~(GUEST_PAGE_SIZE - 1)),
		    (ull)x->cr2);
	con_say(x, "(XEN) fsb: %016llx   gsb: %016llx   gss: %016llx", (ull)v->seg[SEG_FS].base,
		    (ull)v->seg[SEG_GS].base, (ull)v->kernel_gs_base);
}

static void stack(struct xen *x)
{
	u64 sp = x->v->gpr[RSP], word;

	con_say(x, "(XEN) Guest stack trace from rsp=%016llx:", (ull)sp);
	for (unsigned i = 0; i < STACK_WORDS; i++, sp += 8) {
		if (guest_read(x, sp, &word, 8)) {
			con_say(x, "(XEN)   %016llx: not mapped", (ull)sp);
			return;
		}
		con_say(x, "(XEN)   %016llx: %016llx", (ull)sp, (ull)word);
	}
}

void domain_crash(struct xen *x, const char *fmt, ...)
{
	char why[200];
	va_list ap;

	if (x->ended)
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	con_finish(x);
	con_say(x, "(XEN) %s", why);
	con_say(x, "(XEN) Domain %d (vcpu#0) crashed on cpu#0:", DOMID);
	registers(x);
	stack(x);
	xen_end(x, XEN_KILLED, "the guest was killed by Xen at %04x:%016llx: %s", x->v->seg[SEG_CS].sel,
		(ull)x->v->rip, why);
}

void xen_end(struct xen *x, enum xen_end why, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (x->ended)
		return;
	x->ended = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->c.end(x->c.ctx, why, text);
}
