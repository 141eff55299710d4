/* lines.c - COM2 to COM4: each is a console of its own, with any back end but the terminal. */
#include "cli/lines.h"

#include <errno.h>
#include <stdlib.h>

unsigned line_split(const char *text, const char **where)
{
	bool numbered = text[0] >= '0' && text[0] < '0' + LINES && text[1] == '=';

	*where = numbered ? text + 2 : text;
	return numbered ? (unsigned)(text[0] - '0') : 0;
}

int lines_open(struct lines *ls, const struct options *o, struct loop *l, struct err *e)
{
	const char *where;

	for (unsigned i = 0; i < o->serials.n; i++) {
		unsigned n = line_split(o->serials.at[i], &where);
		struct console *c;

		if (!n)
			continue;
		c = malloc(sizeof(*c));
		if (!c)
			return err_set(e, -ENOMEM, "out of memory");
		if (console_open(c, where, NULL, l, e)) {
			free(c);
			return err_in(e, -EIO, "port %u", n);
		}
		ls->at[n] = c;
	}
	return 0;
}

void lines_plug(struct lines *ls, struct vm_config *c)
{
	for (unsigned i = 0; i < LINES; i++)
		if (ls->at[i])
			c->serial[i] = &ls->at[i]->port;
}

void lines_start(struct lines *ls, struct vm *vm)
{
	for (unsigned i = 0; i < LINES; i++)
		if (ls->at[i])
			console_start(ls->at[i], vm, i);
}

void lines_woken(struct lines *ls)
{
	for (unsigned i = 0; i < LINES; i++)
		if (ls->at[i])
			console_woken(ls->at[i]);
}

void lines_close(struct lines *ls)
{
	for (unsigned i = 0; i < LINES; i++) {
		if (!ls->at[i])
			continue;
		console_flush(ls->at[i]);
		console_close(ls->at[i]);
		free(ls->at[i]);
		ls->at[i] = NULL;
	}
}
