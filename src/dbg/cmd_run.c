/* cmd_run.c - commands that let the machine run, stop it, or change what is in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbg/dbg_int.h"

COMMAND(db_continue)
{
	(void)argc, (void)argv, (void)e;
	s->goes = true;
	return 0;
}

COMMAND(db_step)
{
	u64 n = argc ? strtoull(argv[0], NULL, 0) : 1;

	if (!n)
		return err_set(e, -EINVAL, "'%s' is no number of steps", argv[0]);
	s->d->steps = n;
	vm_vcpu(s->d->vm, s->cpu)->debug_step = true;
	s->goes = true;
	return 0;
}

static int planned(struct session *s, enum plan_kind kind)
{
	plan_begin(s->d, kind, s->cpu);
	s->goes = true;
	return 0;
}

COMMAND(db_next)
{
	(void)argc, (void)argv, (void)e;
	return planned(s, PLAN_NEXT);
}

COMMAND(db_finish)
{
	(void)argc, (void)argv, (void)e;
	return planned(s, PLAN_FINISH);
}

/* ---- breakpoints ---- */

static int add(struct session *s, enum break_kind kind, u64 at, u64 len, struct err *e)
{
	struct stop_at a = { .b = { kind, (u8)len, GVA(at) }, .who = s->d };
	int rc = stop_add(s->d, &a, e);

	if (!rc)
		out_say(&s->out, "%s %u\n", kind == BREAK_EXEC ? "breakpoint" : "watchpoint",
			s->d->last_id);
	return rc;
}

COMMAND(db_break)
{
	struct view v = session_view(s);
	u64 at;
	int rc = view_eval(&v, argv[0], &at, e);

	(void)argc;
	return rc ? rc : add(s, BREAK_EXEC, at, 1, e);
}

COMMAND(db_watch)
{
	struct view v = session_view(s);
	u64 at, len = argc > 1 ? strtoull(argv[1], NULL, 0) : 8;
	bool any = argc > 2 && !strcmp(argv[2], "rw");
	int rc = view_eval(&v, argv[0], &at, e);

	if (rc)
		return rc;
	if (len > 8 || (len & (len - 1)) || !len || at & (len - 1))
		return err_set(e, -EINVAL, "a watchpoint is 1, 2, 4 or 8 bytes long, and aligned");
	return add(s, any ? BREAK_ACCESS : BREAK_WRITE, at, len, e);
}

COMMAND(db_delete)
{
	u64 id = argc ? strtoull(argv[0], NULL, 0) : 0;

	if (!argc) {
		stop_remove_all(s->d, s->d);
		return 0;
	}
	for (unsigned i = 0; i < s->d->nat; i++)
		if (s->d->at[i].id == id) {
			stop_remove(s->d, i);
			return 0;
		}
	return err_set(e, -ENOENT, "there is no breakpoint %s", argv[0]);
}

COMMAND(db_show_breaks)
{
	static const char *const kind[] = { "break", "watch", "watch rw" };
	struct view v = session_view(s);
	char place[256];

	(void)argc, (void)argv, (void)e;
	for (unsigned i = 0; i < s->d->nat; i++) {
		const struct stop_at *a = &s->d->at[i];

		out_say(&s->out, "%3u %-8s 0x%llx %s%s\n", a->id, kind[a->b.kind],
			(unsigned long long)a->b.at.at,
			v.k ? kernel_place(v.k, a->b.at, place, sizeof(place)) : "",
			a->who == s->d ? "" : " (gdb's)");
	}
	return 0;
}

/* ---- changing things ---- */

static const char *const gpr_name[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

static int write_reg(struct session *s, const char *name, u64 val, struct err *e)
{
	struct vcpu *c = vm_vcpu(s->d->vm, s->cpu);
	u64 *to = NULL;

	for (unsigned i = 0; i < 16; i++)
		if (!strcmp(name, gpr_name[i]))
			to = &c->gpr[i];
	if (!strcmp(name, "rip"))
		to = &c->rip;
	if (!to)
		return err_set(e, -EINVAL, "'$%s' cannot be written", name);
	*to = val;
	vm_vcpu_changed(s->d->vm, s->cpu);
	return 0;
}

static unsigned mod_size(const struct session *s)
{
	switch (s->mod[0]) {
	case 'b': case '1': return 1;
	case 'h': case '2': return 2;
	case 'w': case '4': return 4;
	case 0: case 'g': case '8': return 8;
	default: return 0;
	}
}

COMMAND(db_write)
{
	struct view v = session_view(s);
	unsigned size = mod_size(s);
	u64 at = 0, val;
	bool reg = argv[0][0] == '$';
	int rc = reg ? 0 : view_eval(&v, argv[0], &at, e);

	if (!size)
		return err_set(e, -EINVAL, "'%s' is no size (b h w g)", s->mod);
	for (int i = 1; i < argc && !rc; i++, at += size) {
		rc = view_eval(&v, argv[i], &val, e);
		if (!rc && reg)
			rc = write_reg(s, argv[0] + 1, val, e);
		else if (!rc && target_write(s->d->t, s->cpu, GVA(at), size, &val))
			rc = err_set(e, -EFAULT, "nothing is mapped at 0x%llx",
				     (unsigned long long)at);
	}
	s->d->ran = true;
	return rc;
}

COMMAND(db_reset)
{
	(void)argc, (void)argv, (void)e;
	vm_reset(s->d->vm);
	s->goes = true;
	return 0;
}

COMMAND(db_poweroff)
{
	(void)argc, (void)argv, (void)e;
	vm_power_button(s->d->vm);
	return 0;
}

COMMAND(db_nmi)
{
	u64 cpu = argc ? strtoull(argv[0], NULL, 0) : s->cpu;

	if (cpu >= vm_ncpus(s->d->vm))
		return err_set(e, -EINVAL, "there is no processor %s", argv[0]);
	vcpu_post(vm_vcpu(s->d->vm, (unsigned)cpu), EV_NMI);
	return 0;
}

COMMAND(db_kill)
{
	(void)argc, (void)argv, (void)e;
	vm_stop(s->d->vm, VM_QUIT, "%s", "");
	s->goes = s->quits = true;
	return 0;
}

COMMAND(db_quit)
{
	(void)argc, (void)argv, (void)e;
	s->quits = true;
	return 0;
}
