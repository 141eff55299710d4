/* view_stack.c - backtraces as text. */
#include <errno.h>
#include <inttypes.h>

#include "know/task.h"
#include "know/unwind.h"
#include "x86/x86.h"

static const char *const how_text[] = {
	[FRAME_REGS] = "", [FRAME_ORC] = "", [FRAME_CODE] = "  (by the code)",
	[FRAME_POINTER] = "  (by rbp)",
};

static void frame_show(const struct view *v, unsigned n, const struct frame *f)
{
	char place[256], line[128] = "";

	if (f->entry)
		out_say(v->out, "     -- interrupt or exception, registers at %016" PRIx64 "\n", f->regs);
	source_at(v->k->source, f->ip - !f->exact - v->k->slide, line, sizeof(line));
	out_say(v->out, "#%-3u %016" PRIx64 " %s%s%s%s\n", n, f->ip,
		unwind_place(v->k, f->ip, f->exact, place, sizeof(place)), *line ? " at " : "", line,
		how_text[f->how]);
}

static void stack_show(const struct view *v, struct unwind *u)
{
	unsigned n = 0;

	do
		frame_show(v, n++, &u->f);
	while (unwind_next(u));
	if (u->end)
		out_say(v->out, "     ?? the rest is not known: %s\n", u->end);
}

static void task_head(const struct view *v, const struct task *t, int cpu)
{
	out_say(v->out, "pid %u, %s, state %c", t->pid, t->comm, t->state);
	if (cpu >= 0)
		out_say(v->out, ", on cpu %d", cpu);
	out_say(v->out, "\n");
}

void view_bt(const struct view *v)
{
	const struct vcpu *c = target_vcpu(v->t, v->cpu);
	struct unwind u;
	struct task t;

	target_look(v->t);
	out_say(v->out, "cpu %u: ", v->cpu);
	if (task_current(v->k, v->cpu, &t))
		out_say(v->out, "pid %u, %s", t.pid, t.comm);
	out_say(v->out, "%s%s\n", c->cpl == 3 ? ", in the user's program" : "",
		c->state == VCPU_HALTED ? ", halted" : "");
	if (unwind_cpu(v->k, v->cpu, &u))
		stack_show(v, &u);
}

static void task_show(const struct view *v, const struct task *t)
{
	int cpu = task_cpu(v->k, t);
	struct unwind u;

	task_head(v, t, cpu);
	if (cpu >= 0 ? unwind_cpu(v->k, (unsigned)cpu, &u) : unwind_task(v->k, t->at, &u))
		stack_show(v, &u);
	else
		out_say(v->out, "     ?? no stack: %s\n", u.end);
}

int view_bt_task(const struct view *v, u64 pid, struct err *e)
{
	struct task_walk w;
	const char *why = task_start(&w, v->k);
	struct task t;

	target_look(v->t);
	if (why)
		return err_set(e, -EINVAL, "%s", why);
	if (!task_find(v->k, pid, &t))
		return err_set(e, -EINVAL, "no task has the number %" PRIu64, pid);
	task_show(v, &t);
	return 0;
}

void view_bt_all(const struct view *v)
{
	struct task_walk w;
	const char *why = task_start(&w, v->k);
	struct task t;

	target_look(v->t);
	if (why) {
		out_say(v->out, "?? %s\n", why);
		return;
	}
	while (task_next(&w, &t)) {
		task_show(v, &t);
		out_say(v->out, "\n");
	}
	if (w.broken)
		out_say(v->out, "?? more may be missing: %s\n", w.broken);
}
