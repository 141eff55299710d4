/* cmd_show.c - commands that look and change nothing: each asks one view. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbg/dbg_int.h"

static int number(const char *text, u64 *ret, struct err *e)
{
	char *end;

	*ret = strtoull(text, &end, 0);
	return *text && !*end ? 0 : err_set(e, -EINVAL, "'%s' is no number", text);
}

static int address(struct session *s, const char *text, u64 *ret, struct err *e)
{
	struct view v = session_view(s);

	return view_eval(&v, text, ret, e);
}

/* A row whose function is nothing but a view. */
#define SHOW(cmd, view_fn)                                                                         \
	int cmd(struct session *s, int argc, char **argv, struct err *e)                           \
	{                                                                                          \
		struct view v = session_view(s);                                                   \
                                                                                                   \
		(void)argc, (void)argv, (void)e;                                                   \
		view_fn(&v);                                                                       \
		return 0;                                                                          \
	}

SHOW(db_pcpu, view_pcpu)
SHOW(db_regs, view_regs)
SHOW(db_ps, view_ps)
SHOW(db_alltrace, view_bt_all)
SHOW(db_locks, view_locks)
SHOW(db_modules, view_modules)
SHOW(db_mounts, view_mounts)
SHOW(db_interrupts, view_interrupts)
SHOW(db_dmesg, view_dmesg)
SHOW(db_known, view_known)

COMMAND(db_bt)
{
	struct view v = session_view(s);
	u64 pid;
	int rc;

	if (!argc) {
		view_bt(&v);
		return 0;
	}
	rc = number(argv[0], &pid, e);
	return rc ? rc : view_bt_task(&v, pid, e);
}

COMMAND(db_event)
{
	(void)argc, (void)argv, (void)e;
	out_say(&s->out, "%s\n", s->d->reason[0] ? s->d->reason : "nothing happened yet");
	return 0;
}

COMMAND(db_print)
{
	struct view v = session_view(s);

	(void)argc;
	return view_print(&v, argv[0], e);
}

COMMAND(db_whatis)
{
	struct view v = session_view(s);

	(void)argc;
	return view_whatis(&v, argv[0], e);
}

COMMAND(db_vtop)
{
	struct view v;
	u64 at;
	int rc = address(s, argv[0], &at, e);

	(void)argc;
	v = session_view(s);
	if (!rc)
		view_vtop(&v, GVA(at));
	return rc;
}

COMMAND(db_ptov)
{
	struct view v;
	u64 at;
	int rc = address(s, argv[0], &at, e);

	(void)argc;
	v = session_view(s);
	if (!rc)
		view_ptov(&v, GPA(at));
	return rc;
}

COMMAND(db_frame)
{
	struct view v = session_view(s);
	u64 n = 0;
	int rc = argc ? number(argv[0], &n, e) : 0;

	if (!rc)
		view_frame(&v, (unsigned)n);
	return rc;
}

/* ---- memory ---- */

#define EXAMINE_MAX 65536

/* COUNT, then letters in any order: b h w g are sizes (1 2 4 8), the others formats. */
static int examine_mod(struct session *s, u64 *n, struct err *e)
{
	static const char sizes[] = "bhwg", formats[] = "xduocsai";
	char *p;

	*n = strtoull(s->mod, &p, 10);
	if (p == s->mod)
		*n = 1;
	for (; *p; p++) {
		const char *size = strchr(sizes, *p);

		if (size)
			s->size = 1u << (size - sizes);
		else if (strchr(formats, *p))
			s->format = *p;
		else
			return err_set(e, -EINVAL, "'%c' is neither a size (%s) nor a format (%s)",
				       *p, sizes, formats);
	}
	return *n <= EXAMINE_MAX ? 0 : err_set(e, -EINVAL, "at most %d units", EXAMINE_MAX);
}

COMMAND(db_examine)
{
	struct view v;
	u64 at = s->next.at, n;
	int rc = examine_mod(s, &n, e);

	if (!rc && argc)
		rc = address(s, argv[0], &at, e);
	if (rc)
		return rc;
	v = session_view(s);
	s->next = view_examine(&v, GVA(at), (unsigned)n, s->size, s->format);
	return 0;
}

COMMAND(db_dis)
{
	const struct vcpu *c = session_vcpu(s);
	u64 at = c->seg[SEG_CS].base + c->rip, n = 10;
	struct view v;
	int rc = 0;

	if (argc)
		rc = address(s, argv[0], &at, e);
	else if (s->format == 'i')
		at = s->next.at;
	if (!rc && argc > 1)
		rc = number(argv[1], &n, e);
	if (rc)
		return rc;
	v = session_view(s);
	s->format = 'i';
	s->next = view_examine(&v, GVA(at), (unsigned)(n < EXAMINE_MAX ? n : EXAMINE_MAX), 1, 'i');
	return 0;
}

COMMAND(db_cpu)
{
	u64 n = s->cpu;
	int rc = argc ? number(argv[0], &n, e) : 0;

	if (rc)
		return rc;
	if (n >= target_ncpus(s->d->t))
		return err_set(e, -EINVAL, "there is no processor %s", argv[0]);
	s->cpu = (unsigned)n;
	out_say(&s->out, "processor %u of %u\n", s->cpu, target_ncpus(s->d->t));
	return 0;
}
