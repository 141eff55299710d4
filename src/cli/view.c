/* view.c - draws what changed on the guest's text screen with a terminal's escape sequences. */
#include "cli/view.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/screen.h"
#include "dev/dev.h"

#define LOOK_NS 50000000

struct view {
	struct console *console;
	struct vm *vm;
	struct alarm look;
	bool begun;
	int x, y, attr; /* the terminal's cursor and colours; -1: not known */
	struct vga_text shown, now;
};

static void say(struct view *v, const char *fmt, ...) PRINTF(2, 3);

static void say(struct view *v, const char *fmt, ...)
{
	char text[64];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		console_put(v->console, text, (size_t)n);
}

/* A PC counts blue, green, red; a terminal red, green, blue. */
static void color(struct view *v, u8 attr)
{
	static const u8 order[] = { 0, 4, 2, 6, 1, 5, 3, 7 };

	if (v->attr == attr)
		return;
	v->attr = attr;
	say(v, "\033[0;%d;%dm", (attr & 8 ? 90 : 30) + order[attr & 7], 40 + order[attr >> 4 & 7]);
}

static void go(struct view *v, int x, int y)
{
	if (v->x != x || v->y != y)
		say(v, "\033[%d;%dH", y + 1, x + 1);
	v->x = x;
	v->y = y;
}

static void draw_cell(struct view *v, unsigned x, unsigned y)
{
	const u8 *cell = v->now.cell[y][x];
	char utf8[4];

	if (v->begun && !memcmp(cell, v->shown.cell[y][x], 2))
		return;
	go(v, (int)x, (int)y);
	color(v, cell[1]);
	screen_utf8(cell[0], utf8);
	say(v, "%s", utf8);
	v->x = x + 1 < v->now.columns ? (int)x + 1 : -1;
}

static void draw(struct view *v)
{
	bool resized = v->now.columns != v->shown.columns || v->now.rows != v->shown.rows;

	if (resized || !v->begun) {
		v->begun = false;
		v->attr = v->x = -1;
		say(v, "\033[0m\033[2J");
	}
	for (unsigned y = 0; y < v->now.rows; y++)
		for (unsigned x = 0; x < v->now.columns; x++)
			draw_cell(v, x, y);
	if (v->now.cursor_x < v->now.columns && v->now.cursor_y < v->now.rows)
		go(v, (int)v->now.cursor_x, (int)v->now.cursor_y);
	v->shown = v->now;
	v->begun = true;
}

static void on_look(struct alarm *a)
{
	struct view *v = container_of(a, struct view, look);

	a->at_ns = loop_now() + LOOK_NS;
	if (!ring_full(&v->console->ring) && vm_screen(v->vm, &v->now))
		draw(v);
}

int view_start(struct console *c, struct vm *vm, struct view **ret, struct err *e)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return err_set(e, -ENOMEM, "out of memory");
	v->console = c;
	v->vm = vm;
	v->look = (struct alarm){ 0, on_look };
	loop_add_alarm(c->loop, &v->look);
	*ret = v;
	return 0;
}

void view_stop(struct view *v)
{
	if (!v)
		return;
	on_look(&v->look);
	say(v, "\033[0m\033[%u;1H\r\n", v->shown.rows);
	free(v);
}
