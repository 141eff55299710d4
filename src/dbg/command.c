/* command.c - finds a line's row in the table and runs it; knows no command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbg/dbg_int.h"

struct words {
	char text[LINE_MAX_LEN];
	char *at[ARGS_MAX + 2];
	unsigned start[ARGS_MAX + 2]; /* offset in the line */
	int n;
};

static void words_split(struct words *w, const char *line)
{
	char *p;

	strncpy(w->text, line, sizeof(w->text) - 1);
	w->text[sizeof(w->text) - 1] = 0;
	w->n = 0;
	for (p = w->text; *p && w->n < ARGS_MAX + 1;) {
		while (*p == ' ' || *p == '\t')
			*p++ = 0;
		if (!*p)
			break;
		w->start[w->n] = (unsigned)(p - w->text);
		w->at[w->n++] = p;
		p += strcspn(p, " \t");
	}
	while (*p) /* more words than any command takes: the last is all of them */
		p++;
}

/* How many words of w does a row's name take? 0: it is another command. Its last may be cut short. */
static int row_words(const struct command *c, const struct words *w, bool exact)
{
	const char *second = strchr(c->name, ' ');
	size_t first = second ? (size_t)(second - c->name) : strlen(c->name), len;

	if (!w->n)
		return 0;
	len = strlen(w->at[0]);
	if (second ? w->n < 2 : 0)
		return 0;
	if (len > first || strncmp(w->at[0], c->name, len) || ((exact || second) && len != first))
		return 0;
	if (!second)
		return 1;
	len = strlen(w->at[1]);
	if (strncmp(w->at[1], second + 1, len) || (exact && len != strlen(second + 1)))
		return 0;
	return 2;
}

static const struct command *find(const struct words *w, int *ret)
{
	for (int exact = 1; exact >= 0; exact--)
		for (const struct command *c = commands; c->name; c++)
			if ((*ret = row_words(c, w, exact)))
				return c;
	return NULL;
}

static int check(const struct session *s, const struct command *c, int n, struct err *e)
{
	if (n < c->min || (n > c->max && !(c->flags & CMD_REST)))
		return err_set(e, -EINVAL, "usage: %s%s%s", c->name, *c->args ? " " : "", c->args);
	if ((c->flags & CMD_MACHINE) && !s->d->vm)
		return err_set(e, -EINVAL, "%s needs a running machine; this is a file", c->name);
	return 0;
}

/* ddb's form "x/10i": what is behind the slash belongs to the command. */
static char *mod_cut(struct words *w)
{
	char *slash = w->n ? strchr(w->at[0], '/') : NULL;

	if (!slash)
		return NULL;
	*slash = 0;
	return slash + 1;
}

static int dispatch(struct session *s, const char *line, struct err *e)
{
	struct words w;
	const struct command *c;
	char *mod, *rest;
	int used, n, rc;

	if (strlen(line) >= LINE_MAX_LEN)
		return err_set(e, -EINVAL, "a line has at most %d characters", LINE_MAX_LEN - 1);
	words_split(&w, line);
	mod = mod_cut(&w);
	if (!w.n)
		return 0;
	c = find(&w, &used);
	if (!c)
		return err_set(e, -ENOENT, "no command '%s'; 'help' lists them", w.at[0]);
	n = w.n - used;
	rc = check(s, c, n, e);
	if (rc)
		return rc;
	if (n && c->flags & CMD_REST) {
		rest = w.text + w.start[used + (c->max > 1 ? c->max - 1 : 0)];
		strcpy(rest, line + (rest - w.text));
		n = n < c->max ? n : c->max;
		w.at[used + n - 1] = n == c->max ? rest : w.at[used + n - 1];
	}
	s->mod = mod ? mod : "";
	return c->run(s, n, w.at + used, e);
}

/* The machine stands while it is looked at, whether or not somebody holds it. */
int command_run(struct session *s, const char *line)
{
	struct vm *vm = s->d->vm;
	struct err e;
	int rc;

	if (vm && !s->d->held)
		s->d->ran = true;
	if (vm)
		vm_pause(vm);
	rc = dispatch(s, line, &e);
	if (vm)
		vm_resume(vm);
	if (rc)
		out_say(&s->out, "%s\n", e.text);
	return rc;
}

void command_complete(struct session *s, const char *line)
{
	size_t len = strlen(line);
	const char *word = strrchr(line, ' ');
	struct view v;
	char name[128];

	for (const struct command *c = commands; c->name; c++)
		if (!strncmp(c->name, line, len))
			out_say(&s->out, "%s\n", c->name);
	if (!word)
		return;
	v = session_view(s);
	for (unsigned i = 0; v.k && i < 200 && kernel_complete(v.k, word + 1, i, name, sizeof(name)); i++)
		out_say(&s->out, "%.*s%s\n", (int)(word + 1 - line), line, name);
}
