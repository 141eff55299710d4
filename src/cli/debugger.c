/* debugger.c - the debugger of a machine that `run` started: its scripts and doors. */
#include "cli/debugger.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

static void say(void *ctx, const char *text)
{
	(void)ctx;
	cli_say("%s", text);
}

static char *describe(const struct options *o)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "version: %s\nmemory: %llu\ncpus: %llu\nkernel: %s\ncmdline: %s\n", PANDOK_VERSION,
		(unsigned long long)o->memory, (unsigned long long)o->cpus,
		o->kernel ? o->kernel : "", o->cmdline ? o->cmdline : "");
	for (unsigned i = 0; i < o->initrd.n; i++)
		fprintf(f, "initrd: %s\n", o->initrd.at[i]);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

int debugger_open(struct debugger *d, const struct options *o, struct vm_config *c, struct err *e)
{
	struct dbg_config dc = {
		.kernel = { .symbols = o->symbols, .file = o->kernel },
		.crash = { .dir = o->crash_dir, .keep = o->crash_keep },
		.on = o->on.at, .non = o->on.n, .say = say,
	};
	int rc;

	d->about = describe(o);
	if (!d->about)
		return err_set(e, -ENOMEM, "out of memory");
	dc.config = d->about;
	rc = dbg_new(&dc, &d->dbg, e);
	if (rc)
		return err_in(e, rc, "debugger");
	c->event = dbg_event;
	c->event_ctx = d->dbg;
	c->panic_continue = o->on_panic == ON_PANIC_CONTINUE;
	c->watchdog_ns = o->watchdog_ns;
	return 0;
}

int debugger_start(struct debugger *d, const struct options *o, struct vm *vm, struct err *e)
{
	const struct {
		const char *where, *name;
		int (*open)(struct dbg *dbg, const char *where, struct err *e);
	} doors[] = {
		{ o->gdb, "gdb", dbg_gdb }, { o->qmp, "qmp", dbg_qmp },
		{ o->debug_socket, "debug-socket", dbg_prompt },
	};
	int rc = dbg_machine(d->dbg, vm, o->gdb_wait, e);

	for (unsigned i = 0; i < ARRAY_SIZE(doors) && !rc; i++) {
		rc = doors[i].where ? doors[i].open(d->dbg, doors[i].where, e) : 0;
		if (rc)
			err_in(e, rc, "%s", doors[i].name);
	}
	return rc;
}

static void talk(struct debugger *d, int fd)
{
	breakin_enter(&d->breakin, fd);
	d->source.fd = d->breakin.fd;
}

/* The machine stopped: at a breakpoint, or because of an event. */
static void on_session(struct source *s, short events)
{
	(void)events;
	talk(container_of(s, struct debugger, source), -1);
}

static void on_key(void *ctx)
{
	struct debugger *d = ctx;
	struct err e;
	int fd = -1;

	if (d->breakin.prompt) {
		prompt_interrupt(d->breakin.fd);
		talk(d, -1);
	} else if (dbg_session(d->dbg, &fd, &e)) {
		cli_say("%s", e.text);
	} else {
		talk(d, fd);
	}
}

void debugger_at_console(struct debugger *d, struct input *in, struct loop *l)
{
	in->debug = on_key;
	in->debug_ctx = d;
	d->breakin.fd = -1;
	d->source = (struct source){ -1, POLLIN, on_session };
	loop_add(l, &d->source);
}

void debugger_close(struct debugger *d)
{
	breakin_close(&d->breakin);
	dbg_free(d->dbg);
	free(d->about);
	*d = (struct debugger){ 0 };
}
