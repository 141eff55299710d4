/* dbg.c - a debugger is made, looks at a machine or a file, and is taken apart. */
#include "dbg/dbg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbg/dbg_int.h"

/* ---- sessions ---- */

static void session_put(struct out *o, const char *text, size_t len)
{
	struct session *s = container_of(o, struct session, out);

	s->to->put(s->to, text, len);
	if (s->d->capture.on)
		s->d->capture.text.out.put(&s->d->capture.text.out, text, len);
}

void session_init(struct session *s, struct dbg *d, struct out *to)
{
	*s = (struct session){ .d = d, .out = { session_put }, .to = to, .mod = "", .format = 'x',
			       .size = 8 };
}

/* A debugger that knows nothing of the kernel still shows registers and memory. */
struct view session_view(struct session *s)
{
	struct dbg *d = s->d;
	struct err e;

	if (!d->k) {
		if (kernel_new(d->t, &d->c.kernel, &d->k, &e)) {
			out_say(&s->out, "%s\n", e.text);
			d->k = NULL;
		}
	} else if (d->ran) {
		kernel_ran(d->k);
	}
	d->ran = false;
	return (struct view){ d->t, d->k, s->cpu, &s->out };
}

const struct vcpu *session_vcpu(struct session *s)
{
	return target_vcpu(s->d->t, s->cpu);
}

bool dbg_command(struct dbg *d, const char *line, struct out *o)
{
	struct session *s = calloc(1, sizeof(*s));
	bool ok;

	if (!s)
		return false;
	session_init(s, d, o);
	pthread_mutex_lock(&d->lock);
	s->cpu = d->held ? d->stop.cpu : 0;
	ok = !command_run(s, line);
	if (s->goes && d->held)
		stop_go(d);
	pthread_mutex_unlock(&d->lock);
	free(s);
	return ok;
}

/* ---- making ---- */

/* "panic=BODY" is the event's script; a name with a dot, as ddb's have, is taken as it is. */
static int script_take(struct dbg *d, const char *on, struct err *e)
{
	char text[LINE_MAX_LEN];
	size_t name = strcspn(on, "=");

	if (memchr(on, '.', name))
		return script_set(d, on, e);
	if (!script_is_event(on, name))
		return err_set(e, -EINVAL, "'%.*s' is no event; those are panic, oops, triplefault, "
			       "wedged, watchdog, break and default", (int)name, on);
	if (snprintf(text, sizeof(text), "kdb.enter.%s", on) >= (int)sizeof(text))
		return err_set(e, -EINVAL, "the script for %.*s is too long", (int)name, on);
	return script_set(d, text, e);
}

static int scripts_make(struct dbg *d, const struct dbg_config *c, struct err *e)
{
	int rc = 0;

	script_defaults(d);
	for (unsigned i = 0; i < c->non && !rc; i++)
		rc = script_take(d, c->on[i], e);
	return rc;
}

int dbg_new(const struct dbg_config *c, struct dbg **ret, struct err *e)
{
	struct dbg *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	d->c = *c;
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->doors_lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	out_text_init(&d->capture.text, CAPTURE_MAX);
	rc = scripts_make(d, c, e);
	if (!rc && c->core)
		rc = target_open(c->core, &d->t, e);
	if (rc) {
		dbg_free(d);
		return rc;
	}
	*ret = d;
	return 0;
}

int dbg_machine(struct dbg *d, struct vm *vm, bool held, struct err *e)
{
	int rc = target_vm(vm, &d->t, e);

	if (rc)
		return rc;
	d->vm = vm;
	pthread_mutex_lock(&d->lock);
	if (held)
		stop_hold(d, STOP_ASKED, 0, "the machine was not started yet");
	pthread_mutex_unlock(&d->lock);
	return 0;
}

void dbg_free(struct dbg *d)
{
	if (!d)
		return;
	dbg_let_go(d);
	doors_close(d);
	kernel_free(d->k);
	target_free(d->t);
	for (unsigned i = 0; i < d->nscripts; i++)
		free(d->script[i].body);
	free(d->capture.text.at);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->doors_lock);
	free(d);
}
