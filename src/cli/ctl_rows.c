/* ctl_rows.c - what a running machine can be asked, one row each. */
#include <errno.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/json.h"

#define SECOND 1000000000ull
#define STOP_S 30
#define STOP_MAX_S (24 * 3600)

static int req_info(struct ctl_call *c, struct err *e)
{
	const struct ctl *t = c->ctl;
	const char *kernel = t->o->kernel;

	(void)e;
	fprintf(c->to, ", \"name\": \"%s\", \"pid\": %d, \"state\": \"%s\", \"engine\": \"%s\"", t->name,
		getpid(), t->paused ? "paused" : "running", vm_engine_name(t->vm));
	fprintf(c->to, ", \"cpus\": %u, \"memory_mib\": %llu, \"up_seconds\": %llu, \"kernel\": ",
		vm_ncpus(t->vm), (unsigned long long)(t->o->memory >> 20),
		(unsigned long long)((loop_now() - t->since_ns) / SECOND));
	json_text(c->to, kernel ? kernel : "");
	return 0;
}

static void resume(struct ctl *t)
{
	if (t->paused)
		vm_resume(t->vm);
	t->paused = false;
}

static int req_pause(struct ctl_call *c, struct err *e)
{
	if (c->ctl->paused)
		return err_set(e, -EALREADY, "the machine is paused already");
	vm_pause(c->ctl->vm);
	c->ctl->paused = true;
	return 0;
}

static int req_resume(struct ctl_call *c, struct err *e)
{
	if (!c->ctl->paused)
		return err_set(e, -EALREADY, "the machine is not paused");
	resume(c->ctl);
	return 0;
}

static int req_power(struct ctl_call *c, struct err *e)
{
	(void)e;
	resume(c->ctl); /* a paused guest sees no button */
	vm_power_button(c->ctl->vm);
	return 0;
}

static void on_deadline(struct alarm *a)
{
	struct ctl *t = container_of(a, struct ctl, deadline);

	vm_stop(t->vm, VM_QUIT, "the guest did not power off when it was asked to stop");
}

static int req_stop(struct ctl_call *c, struct err *e)
{
	u64 ns = STOP_S * SECOND;

	if (c->argc > 1 && (opt_seconds(c->argv[1], &ns) || ns > STOP_MAX_S * SECOND))
		return err_set(e, -EINVAL, "'%s' is no time in seconds", c->argv[1]);
	c->ctl->deadline = (struct alarm){ loop_now() + ns, on_deadline };
	return req_power(c, e);
}

static int req_kill(struct ctl_call *c, struct err *e)
{
	(void)e;
	vm_stop(c->ctl->vm, VM_QUIT, "ended by 'pandok kill'");
	return 0;
}

static int req_balloon(struct ctl_call *c, struct err *e)
{
	u64 bytes;

	if (opt_size(c->argv[1], &bytes) || bytes >= c->ctl->o->memory)
		return err_set(e, -EINVAL, "'%s' is no size below the machine's memory", c->argv[1]);
	vm_balloon(c->ctl->vm, bytes);
	return 0;
}

static int req_break(struct ctl_call *c, struct err *e)
{
	(void)e;
	vm_serial_break(c->ctl->vm, 0);
	return 0;
}

static int req_stats(struct ctl_call *c, struct err *e)
{
	const char *name, *help;
	struct stats s;

	(void)e;
	vm_stats(c->ctl->vm, &s);
	for (unsigned i = 0; (name = stat_name(i, &help)); i++)
		fprintf(c->to, ", \"%s\": %llu", name, (unsigned long long)s.n[i]);
	return 0;
}

static void view(struct ctl *t, int fd)
{
	viewers_add(t->viewers, fd, true);
}

static void view_new(struct ctl *t, int fd)
{
	viewers_add(t->viewers, fd, false);
}

static int req_attach(struct ctl_call *c, struct err *e)
{
	if (viewers_full(c->ctl->viewers))
		return err_set(e, -EBUSY, "%d viewers are attached already", VIEWERS_MAX);
	c->conn->then = c->argc > 1 ? view_new : view;
	return 0;
}

static void admit(struct ctl *t, int fd)
{
	struct err e;

	if (dbg_admit(t->dbg, fd, &e))
		cli_say("%s", e.text);
}

static int req_debug(struct ctl_call *c, struct err *e)
{
	(void)e;
	c->conn->then = admit;
	return 0;
}

static int req_help(struct ctl_call *c, struct err *e)
{
	(void)e;
	fputs(", \"requests\": [", c->to);
	for (const struct ctl_row *r = ctl_rows; r->name; r++) {
		fprintf(c->to, "%s{\"name\": \"%s\", \"usage\": ", r == ctl_rows ? "" : ", ", r->name);
		json_text(c->to, r->usage);
		fputs(", \"help\": ", c->to);
		json_text(c->to, r->help);
		fputc('}', c->to);
	}
	fputc(']', c->to);
	return 0;
}

const struct ctl_row ctl_rows[] = {
	{ "info", "", "name, state and shape of the machine", req_info, 0, 0 },
	{ "power", "", "press the power button", req_power, 0, 0 },
	{ "stop", "[SECONDS]", "press the power button; after so long (30) end it", req_stop, 0, 1 },
	{ "kill", "", "end the machine at once", req_kill, 0, 0 },
	{ "pause", "", "stop the processors and the guest's time", req_pause, 0, 0 },
	{ "resume", "", "go on after pause", req_resume, 0, 0 },
	{ "balloon", "SIZE", "ask the guest to give up so much of its memory", req_balloon, 1, 1 },
	{ "break", "", "send a break on the serial line", req_break, 0, 0 },
	{ "stats", "", "the counters", req_stats, 0, 0 },
	{ "attach", "[new]", "the console: bytes in both directions from here on; new: no old output",
	  req_attach, 0, 1 },
	{ "debug", "", "the debugger: its session from here on", req_debug, 0, 0 },
	{ "help", "", "the requests", req_help, 0, 0 },
	{ 0 },
};
