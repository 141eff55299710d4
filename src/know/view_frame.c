/* view_frame.c - draws one stack frame: what is in each slot, and how sure that is. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "know/function.h"
#include "know/unwind.h"
#include "x86/x86.h"

#define SLOTS_MAX 128u

enum sure { MEASURED, INFERRED, UNKNOWN };

static const char *const sure_text[] = { "measured", "inferred", "unknown" };

struct slot {
	char what[160];
	enum sure sure;
};

struct drawing {
	const struct view *v;
	struct unwind *u;
	struct frame f;       /* its cfa is known */
	bool by_table;        /* the cfa comes from an unwind table */
	struct function fn;
	bool have_fn;
	u64 body_sp;          /* rsp in the function's body; 0: not known */
	u64 bottom;           /* lowest slot drawn */
	unsigned n;
	struct slot slot[SLOTS_MAX]; /* 0: the highest, at cfa - 8 */
};

static u64 slot_at(const struct drawing *d, unsigned i)
{
	return d->f.cfa - 8 * (i + 1);
}

static bool read_u64(const struct drawing *d, u64 at, u64 *ret)
{
	return space_read(d->v->t, &d->u->space, at, 8, ret);
}

static void label(struct drawing *d, u64 at, enum sure sure, const char *fmt, ...) PRINTF(4, 5);

static void label(struct drawing *d, u64 at, enum sure sure, const char *fmt, ...)
{
	u64 i = (d->f.cfa - 8 - at) / 8;
	va_list ap;

	if (at > d->f.cfa - 8 || i >= d->n)
		return;
	d->slot[i].sure = sure;
	va_start(ap, fmt);
	vsnprintf(d->slot[i].what, sizeof(d->slot[i].what), fmt, ap);
	va_end(ap);
}

/* Is there a call before a return address? e8 rel32, or ff /2 of 2 to 7 bytes. */
static bool behind_call(const struct drawing *d, u64 ret)
{
	u8 code[7];

	if (target_read(d->v->t, d->v->cpu, GVA(ret - sizeof(code)), sizeof(code), code))
		return false;
	if (code[2] == 0xe8)
		return true;
	for (unsigned len = 2; len <= 7; len++)
		if (code[7 - len] == 0xff && (code[8 - len] >> 3 & 7) == 2)
			return true;
	return false;
}

/* Eight bytes that somebody may have typed. */
static bool is_text(u64 x)
{
	for (unsigned i = 0; i < 8; i++, x >>= 8)
		if ((x & 0xff) < ' ' || (x & 0xff) > '~')
			return false;
	return true;
}

static void label_return(struct drawing *d)
{
	enum sure sure = d->by_table ? MEASURED : INFERRED;
	u64 at = d->f.cfa - 8, ret;
	char place[200];

	if (!read_u64(d, at, &ret))
		return;
	if (unwind_is_return(d->v->k, ret) && behind_call(d, ret))
		label(d, at, sure, "return address: %s", unwind_place(d->v->k, ret, false, place, 120));
	else
		label(d, at, sure, "return address, OVERWRITTEN: %s",
		      is_text(ret) ? "it is text" :
		      unwind_is_return(d->v->k, ret) ? "no call is before it" : "no code is there");
}

static void label_saved(struct drawing *d)
{
	static const char *const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};

	for (unsigned i = 0; i < d->fn.npushed; i++)
		if (d->f.ip >= d->fn.push_end[i])
			label(d, d->f.cfa - 16 - 8 * i, d->by_table ? MEASURED : INFERRED,
			      "saved %s", names[d->fn.pushed[i]]);
}

static u64 local_at(const struct drawing *d, i64 off, bool by_rbp)
{
	u64 base = by_rbp ? d->f.cfa - 16 : d->body_sp;

	return base ? base + (u64)off : 0;
}

static void label_canary(struct drawing *d)
{
	const struct vcpu *c = target_vcpu(d->v->t, d->v->cpu);
	u64 from = c->seg[d->fn.canary_user ? SEG_FS : SEG_GS].base + 0x28, want, have;
	u64 at = local_at(d, d->fn.canary_at, d->fn.canary_by_rbp);

	if (!d->fn.canary || !at || at % 8)
		return;
	if (!read_u64(d, from, &want) || !read_u64(d, at, &have))
		label(d, at, INFERRED, "canary");
	else if (want == have)
		label(d, at, MEASURED, "canary, intact");
	else
		label(d, at, MEASURED, "canary, OVERWRITTEN: it should be %016" PRIx64, want);
}

/* A buffer goes on until the next slot that is known to be something else. */
static void label_buffers(struct drawing *d)
{
	for (unsigned i = 0; i < d->fn.nbuffers; i++) {
		u64 at = local_at(d, d->fn.buffer[i].at, d->fn.buffer[i].by_rbp);

		if (at && at % 8 == 0)
			label(d, at, INFERRED, "a variable whose address is taken%s",
			      d->fn.canary ? " (a buffer?)" : "");
	}
}

static void label_text(struct drawing *d)
{
	size_t len;
	u64 x;

	for (unsigned i = 0; i < d->n; i++) {
		if (!read_u64(d, slot_at(d, i), &x) || !is_text(x))
			continue;
		len = strlen(d->slot[i].what);
		snprintf(d->slot[i].what + len, sizeof(d->slot[i].what) - len, "%s\"%.8s\"",
			 len ? "  " : "", (const char *)&x);
	}
}

static void slots_show(const struct drawing *d)
{
	u64 x;

	out_say(d->v->out, "address           from CFA  value             what it is\n");
	for (unsigned i = 0; i < d->n; i++) {
		u64 at = slot_at(d, i);

		out_say(d->v->out, "%016" PRIx64 "  -0x%-5" PRIx64 "  ", at, d->f.cfa - at);
		if (read_u64(d, at, &x))
			out_say(d->v->out, "%016" PRIx64, x);
		else
			out_say(d->v->out, "????????????????");
		out_say(d->v->out, "  %-8s  %s\n", sure_text[d->slot[i].sure], d->slot[i].what);
	}
	if (d->bottom > d->f.sp)
		out_say(d->v->out, "… %" PRIu64 " more bytes down to rsp\n", d->bottom - d->f.sp);
}

/* Where the caller's stack began: an unwind table says, or the prologue up to where it got. */
static void find_cfa(struct drawing *d)
{
	u64 bp_at;

	d->by_table = d->f.cfa && d->f.how == FRAME_ORC;
	if (!d->by_table)
		d->f.cfa = function_cfa(&d->fn, d->f.ip, d->f.sp, d->f.bp, &bp_at);
	d->body_sp = d->f.cfa - 8 - 8ull * d->fn.npushed - d->fn.locals;
}

static void draw(struct drawing *d)
{
	const struct view *v = d->v;
	struct symbol y;
	char place[256];
	u64 len;

	out_say(v->out, "%s  rsp %016" PRIx64 "  rbp %016" PRIx64 "\n",
		unwind_place(v->k, d->f.ip, d->f.exact, place, sizeof(place)), d->f.sp, d->f.bp);
	d->have_fn = kernel_at(v->k, GVA(d->f.exact ? d->f.ip : d->f.ip - 1), &y) &&
		     function_read(v->t, v->cpu, y.at.at, y.size ? y.size : 512, &d->fn);
	find_cfa(d);
	out_say(v->out, "CFA %016" PRIx64 ", %s\n", d->f.cfa,
		d->by_table ? "by the unwind tables" : "by the code's prologue or rbp");
	len = d->f.cfa > d->f.sp ? d->f.cfa - d->f.sp : 8;
	d->n = len / 8 < SLOTS_MAX ? (unsigned)(len / 8) : SLOTS_MAX;
	d->bottom = slot_at(d, d->n ? d->n - 1 : 0);
	for (unsigned i = 0; i < d->n; i++)
		d->slot[i].sure = UNKNOWN;
	if (d->have_fn) {
		label_buffers(d);
		label_saved(d);
		label_canary(d);
	}
	label_return(d);
	label_text(d);
	slots_show(d);
}

/*A:700 A frame, and how sure one can be
 * What a slot of a stack holds is nowhere written down. The unwind tables say where the return
 * address is; the function's own code says which registers it saves, where it keeps a canary and
 * of what it takes the address. view_frame() puts these together and marks each slot: measured when
 * a table or a value proves it, inferred from code, or unknown. A return address that no call can
 * have left there has been overwritten.
 */
void view_frame(const struct view *v, unsigned n)
{
	struct drawing *d = calloc(1, sizeof(*d));
	struct unwind u;
	bool more = d && unwind_cpu(v->k, v->cpu, &u);

	target_look(v->t);
	for (unsigned i = 0; more && i < n; i++)
		more = unwind_next(&u);
	if (more) {
		d->v = v;
		d->u = &u;
		d->f = u.f;
		if (unwind_next(&u))
			d->f = u.was;
		draw(d);
	} else {
		out_say(v->out, "?? the stack of cpu %u has no frame %u\n", v->cpu, n);
	}
	free(d);
}
