/* view_kernel.c - what is known at all, processes, log, modules. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "know/guess.h"
#include "know/printk.h"
#include "know/task.h"

static void known_line(const struct view *v, const char *what, const char *missing)
{
	out_say(v->out, "%-10s %s\n", what, missing ? missing : "yes");
}

/* Code around the processor, read while it lasts, tells where a stranger lies. */
static void stranger_show(const struct view *v)
{
	enum { LEN = 1 << 18 };
	u64 rip = target_ncpus(v->t) ? target_vcpu(v->t, v->cpu)->rip : 0, base;
	u64 from = rip > LEN / 2 ? (rip - LEN / 2) & ~(GUEST_PAGE_SIZE - 1) : 0;
	u8 *code = calloc(1, LEN);
	unsigned votes;

	for (u64 at = 0; code && at < LEN; at += GUEST_PAGE_SIZE)
		if (!k_read(v->k, from + at, GUEST_PAGE_SIZE, code + at))
			memset(code + at, 0, GUEST_PAGE_SIZE);
	if (code && guess_base(code, LEN, &base, &votes))
		out_say(v->out, "base       %016" PRIx64 " (a guess: code near rip names it %u times)\n",
			base, votes);
	free(code);
}

void view_known(const struct view *v)
{
	struct kernel *k = v->k;
	char release[128];
	u64 at = k_sym(k, "linux_banner");

	target_look(v->t);
	if (k->end)
		out_say(v->out, "image      %016" PRIx64 "-%016" PRIx64 "\n", k->base, k->end);
	else
		known_line(v, "image", k->no.image);
	if (!k->end)
		stranger_show(v);
	if (at && k_text(k, at, release, sizeof(release)))
		out_say(v->out, "version    %s\n", release);
	known_line(v, "symbols", k->syms.n ? NULL : k->given.n ? "those of the file" : k->no.syms);
	known_line(v, "types", k->btf.n ? NULL : k->no.types);
	known_line(v, "unwinding", k->orc.n ? NULL : k->no.orc);
	known_line(v, "vmcoreinfo", k->info ? NULL : k->no.info);
	known_line(v, "modules", k->no.modules);
}

void view_ps(const struct view *v)
{
	char args[256];
	struct task_walk w;
	const char *why = task_start(&w, v->k);
	struct task t;

	target_look(v->t);
	if (why) {
		out_say(v->out, "?? %s\n", why);
		return;
	}
	out_say(v->out, "    PID    PPID    UID S CPU COMMAND\n");
	while (task_next(&w, &t)) {
		if (t.pid != t.tgid)
			continue;
		task_args(v->k, &t, args, sizeof(args));
		out_say(v->out, "%7u %7u %6u %c %3u %s\n", t.pid, t.ppid, t.uid, t.state, t.cpu, args);
	}
	if (w.broken)
		out_say(v->out, "?? more may be missing: %s\n", w.broken);
}

/* A record may hold several lines; each gets the time. What a terminal could act on is spelt out. */
static void record_show(const struct view *v, const struct record *r)
{
	const char *s = r->text, *end = r->text + r->len;

	do {
		const char *eol = memchr(s, '\n', (size_t)(end - s));

		out_say(v->out, "[%5" PRIu64 ".%06" PRIu64 "] ", r->ns / 1000000000,
			r->ns % 1000000000 / 1000);
		eol = eol ? eol : end;
		for (; s < eol; s++) {
			if ((*s >= ' ' && *s <= '~') || *s == '\t' || (u8)*s >= 0xa0)
				v->out->put(v->out, s, 1);
			else
				out_say(v->out, "\\x%02x", (u8)*s);
		}
		out_say(v->out, "\n");
		s = eol + 1;
	} while (s < end);
}

void view_dmesg(const struct view *v)
{
	static const struct ring none;
	struct ring r = none;
	struct record rec;
	const char *why = ring_open(v->k, &r);

	target_look(v->t);
	if (why) {
		out_say(v->out, "?? %s\n", why);
		return;
	}
	while (ring_next(&r, &rec))
		record_show(v, &rec);
	if (r.skipped)
		out_say(v->out, "?? %" PRIu64 " records are not complete\n", r.skipped);
}

void view_modules(const struct view *v)
{
	struct kernel *k = v->k;

	target_look(v->t);
	out_say(v->out, "BASE             SIZE    NAME\n");
	for (unsigned i = 0; i < k->nmod; i++)
		out_say(v->out, "%016" PRIx64 " %7" PRIu64 " %s\n", k->mod[i].base, k->mod[i].size,
			k->mod[i].name);
	if (k->no.modules)
		out_say(v->out, "?? %s\n", k->no.modules);
}
