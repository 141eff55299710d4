/* script.c - scripts, the capture buffer and the dumps, with ddb's rules for them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbg/dbg_int.h"

/* ---- the list ---- */

struct script *script_find(struct dbg *d, const char *name)
{
	for (unsigned i = 0; i < d->nscripts; i++)
		if (!strcmp(d->script[i].name, name))
			return &d->script[i];
	return NULL;
}

int script_set(struct dbg *d, const char *text, struct err *e)
{
	size_t len = strcspn(text, "=");
	struct script *s;
	char name[SCRIPT_NAME], *body;

	if (!text[len] || !len || len >= SCRIPT_NAME)
		return err_set(e, -EINVAL, "'%s' is not NAME=COMMAND; ... with a name of up to %d "
			       "characters", text, SCRIPT_NAME - 1);
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	s = script_find(d, name);
	if (!s && d->nscripts == SCRIPTS)
		return err_set(e, -ENOSPC, "there are %d scripts already", SCRIPTS);
	body = strdup(text + len + 1);
	if (!body)
		return err_set(e, -ENOMEM, "out of memory");
	if (s)
		free(s->body);
	else
		s = &d->script[d->nscripts++];
	memcpy(s->name, name, sizeof(name));
	s->body = body;
	return 0;
}

void script_remove(struct dbg *d, struct script *s)
{
	free(s->body);
	memmove(s, s + 1, (size_t)(&d->script[d->nscripts] - (s + 1)) * sizeof(*s));
	d->nscripts--;
}

/* ---- running them ---- */

static const char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	return s + strspn(s, " \t");
}

/*
 * As ddb does it: each command is shown as it stands between the semicolons, one that fails is said to
 * have, and the next one runs. Source: FreeBSD, sys/ddb/db_script.c.
 */
static void body_run(struct session *s, const char *name, char *body)
{
	char *next = body, *line;

	while ((line = strsep(&next, ";"))) {
		out_say(&s->out, "db:%u:%s> %s\n", s->depth - 1, name, line);
		line = (char *)trim(line);
		if (*line && command_run(s, line))
			out_say(&s->out, "Script command '%s' returned error\n", line);
	}
}

int script_run(struct session *s, const char *name, struct err *e)
{
	const struct script *sc = script_find(s->d, name);
	char *body, own[SCRIPT_NAME];

	if (!sc)
		return err_set(e, -ENOENT, "there is no script '%s'", name);
	if (s->depth == SCRIPT_DEPTH)
		return err_set(e, -ELOOP, "scripts run each other %d deep at most", SCRIPT_DEPTH);
	body = strdup(sc->body);
	if (!body)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(own, sc->name, sizeof(own)); /* the script may take itself off the list */
	s->depth++;
	body_run(s, own, body);
	s->depth--;
	free(body);
	return 0;
}

/* ---- what events do ---- */

const char *const script_events[VM_EV_N] = {
	[VM_EV_PANIC] = "panic", [VM_EV_OOPS] = "oops", [VM_EV_TRIPLE_FAULT] = "triplefault",
	[VM_EV_WEDGED] = "wedged", [VM_EV_WATCHDOG] = "watchdog", [VM_EV_BREAK] = "break",
};

bool script_is_event(const char *name, size_t len)
{
	for (unsigned i = 0; i < VM_EV_N; i++)
		if (strlen(script_events[i]) == len && !strncmp(name, script_events[i], len))
			return true;
	return len == strlen("default") && !strncmp(name, "default", len);
}

static const char crash_script[] =
	"textdump set; capture on; show event; show pcpu; show registers; bt; show locks; ps; alltrace; "
	"capture off";

void script_defaults(struct dbg *d)
{
	struct err e;

	for (unsigned i = 0; i < VM_EV_BREAK; i++) {
		char text[sizeof(crash_script) + SCRIPT_NAME + 1];

		snprintf(text, sizeof(text), "kdb.enter.%s=%s", script_events[i], crash_script);
		BUG_ON(script_set(d, text, &e));
	}
}

static int textdump(struct session *s, struct err *e)
{
	struct dbg *d = s->d;
	struct view v = session_view(s);
	struct crash_texts x = {
		.ddb = d->capture.text.at ? d->capture.text.at : "", .ddb_len = d->capture.text.len,
		.config = d->c.config ? d->c.config : "", .reason = d->reason,
		.machine = d->c.machine ? d->c.machine : "",
	};
	char *path, text[512];
	int rc;

	v.cpu = d->reason_cpu;
	rc = crash_textdump(&d->c.crash, &v, &x, &path, e);
	if (rc)
		return rc;
	d->textdump = false;
	snprintf(text, sizeof(text), "wrote %s", path);
	free(path);
	out_say(&s->out, "%s\n", text);
	if (d->c.say && s->depth)
		d->c.say(d->c.ctx, text);
	return 0;
}

static void capture_reset(struct dbg *d)
{
	free(d->capture.text.at);
	out_text_init(&d->capture.text, CAPTURE_MAX);
}

/* The capture buffer is the event's own. */
void script_event(struct session *s, const char *event)
{
	char name[SCRIPT_NAME];
	struct dbg *d = s->d;
	struct err e;

	snprintf(name, sizeof(name), "kdb.enter.%s", event);
	if (!script_find(d, name))
		snprintf(name, sizeof(name), "kdb.enter.default");
	if (!script_find(d, name))
		return;
	capture_reset(d);
	d->textdump = false;
	if (script_run(s, name, &e))
		return;
	d->capture.on = false;
	s->depth = 1;
	if (d->textdump && textdump(s, &e) && d->c.say)
		d->c.say(d->c.ctx, e.text);
}

/* ---- the rows ---- */

COMMAND(db_script)
{
	const struct script *sc;

	if (argc && strchr(argv[0], '='))
		return script_set(s->d, argv[0], e);
	if (!argc)
		return db_scripts(s, 0, NULL, e);
	sc = script_find(s->d, argv[0]);
	if (!sc)
		return err_set(e, -ENOENT, "there is no script '%s'", argv[0]);
	out_say(&s->out, "%s\n", sc->body);
	return 0;
}

COMMAND(db_scripts)
{
	(void)argc, (void)argv, (void)e;
	for (unsigned i = 0; i < s->d->nscripts; i++)
		out_say(&s->out, "%s=%s\n", s->d->script[i].name, s->d->script[i].body);
	return 0;
}

COMMAND(db_run_script)
{
	(void)argc;
	return script_run(s, argv[0], e);
}

COMMAND(db_unscript)
{
	struct script *sc = script_find(s->d, argv[0]);

	(void)argc;
	if (!sc)
		return err_set(e, -ENOENT, "there is no script '%s'", argv[0]);
	script_remove(s->d, sc);
	return 0;
}

COMMAND(db_capture_on)
{
	(void)argc, (void)argv, (void)e;
	s->d->capture.on = true;
	return 0;
}

COMMAND(db_capture_off)
{
	(void)argc, (void)argv, (void)e;
	s->d->capture.on = false;
	return 0;
}

COMMAND(db_capture_reset)
{
	(void)argc, (void)argv, (void)e;
	capture_reset(s->d);
	return 0;
}

COMMAND(db_capture_status)
{
	struct capture *c = &s->d->capture;

	(void)argc, (void)argv, (void)e;
	out_say(&s->out, "%zu/%llu bytes used\ncapture is %s\n", c->text.len,
		(unsigned long long)CAPTURE_MAX, c->on ? "on" : "off");
	if (c->text.lost)
		out_say(&s->out, "%zu bytes did not fit\n", c->text.lost);
	return 0;
}

COMMAND(db_textdump_set)
{
	(void)argc, (void)argv, (void)e;
	s->d->textdump = true;
	return 0;
}

COMMAND(db_textdump_unset)
{
	(void)argc, (void)argv, (void)e;
	s->d->textdump = false;
	return 0;
}

COMMAND(db_textdump_status)
{
	(void)argc, (void)argv, (void)e;
	out_say(&s->out, "textdump is %s\n", s->d->textdump ? "set" : "not set");
	return 0;
}

COMMAND(db_textdump_dump)
{
	(void)argc, (void)argv;
	return textdump(s, e);
}

COMMAND(db_vmcore)
{
	enum crash_core kind = argc ? CRASH_CORE_FULL : CRASH_CORE_KERNEL;
	struct crash_texts x = { .ddb = "", .config = s->d->c.config ? s->d->c.config : "",
				 .reason = s->d->reason,
				 .machine = s->d->c.machine ? s->d->c.machine : "" };
	struct view v = session_view(s);
	char *path, text[512];
	int rc;

	if (argc && strcmp(argv[0], "full"))
		return err_set(e, -EINVAL, "usage: vmcore [full]");
	rc = crash_vmcore(&s->d->c.crash, &v, &x, kind, &path, e);
	if (rc)
		return rc;
	snprintf(text, sizeof(text), "wrote %s", path);
	out_say(&s->out, "%s\n", text);
	if (s->d->c.say && s->depth)
		s->d->c.say(s->d->c.ctx, path);
	free(path);
	return 0;
}
