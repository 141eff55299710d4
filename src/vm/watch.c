/* watch.c - finds Linux's panic line on a console; knows no machine. */
#include "vm/watch.h"

#include <string.h>

static const char panic_mark[] = "Kernel panic - not syncing";
static const char end_mark[] = "---[ end Kernel panic";

/* Behind "[    1.234567] " and "[    T1] "; a line without them is handed back as it is. */
static const char *skip_stamps(const char *s)
{
	while (*s == '[') {
		const char *end = strchr(s, ']');

		if (!end || (end[1] != ' ' && end[1] != '['))
			return s;
		for (s = end + 1; *s == ' ';)
			s++;
	}
	return s;
}

static void take_text(char *to, const char *s)
{
	while (*s == ':' || *s == ' ')
		s++;
	for (; *s; s++)
		*to++ = *s >= ' ' && *s <= '~' ? *s : '?';
	*to = 0;
}

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* How Linux begins to tell of an oops; the last mark of one is its "end trace". */
static bool oops_begins(const char *s)
{
	static const char *const marks[] = {
		"BUG: ", "kernel BUG at ", "Oops", "general protection fault", "stack segment:",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(marks); i++)
		if (begins(s, marks[i]))
			return true;
	return false;
}

static enum watch_event oops_line(struct watch *w, const char *s)
{
	if (begins(s, "watchdog: BUG: ")) { /* a lockup: it has no end mark */
		take_text(w->oops, s + strlen("watchdog: BUG"));
		return WATCH_OOPS;
	}
	if (!w->oops[0] && oops_begins(s))
		take_text(w->oops, s);
	if (!w->oops[0] || !begins(s, "---[ end trace"))
		return WATCH_NOTHING;
	return WATCH_OOPS;
}

/* The end mark says it once more: programs on other processors may have printed in between. */
static enum watch_event panic_line(struct watch *w, const char *s, size_t mark)
{
	size_t len = strlen(s), tail = strlen(" ]---");

	w->panicked = true;
	w->stamped = s != w->line;
	take_text(w->text, mark < len ? s + mark : "");
	len = strlen(w->text);
	if (len >= tail && !strcmp(w->text + len - tail, " ]---"))
		w->text[len - tail] = 0;
	return WATCH_PANIC;
}

static enum watch_event line_end(struct watch *w)
{
	const char *s;

	w->line[w->len] = 0;
	w->len = 0;
	s = skip_stamps(w->line);
	if (begins(s, end_mark) && w->panicked)
		return WATCH_END;
	if (begins(s, end_mark) && s != w->line)
		return panic_line(w, s, sizeof(end_mark) - 1 + strlen(" - not syncing"));
	if (w->panicked)
		return WATCH_NOTHING;
	if (!begins(s, panic_mark))
		return oops_line(w, s);
	return panic_line(w, s, sizeof(panic_mark) - 1);
}

/*L:500 A panic, seen from outside
 * A stock kernel may have no driver for the panic device, but it does print "Kernel panic - not
 * syncing" at the start of a line. So may a person who looks at an old log: a kernel that really
 * panicked prints nothing any more but lines with time stamps, so whatever else follows takes
 * the suspicion back.
 * @test watch_takes_back
 */
enum watch_event watch_byte(struct watch *w, u8 byte)
{
	bool first = !w->len;

	if (!byte || byte == '\r')
		return WATCH_NOTHING;
	if (byte == '\n')
		return line_end(w);
	if (w->len < WATCH_LINE - 1)
		w->line[w->len++] = (char)byte;
	if (first && w->panicked && w->stamped && byte != '[') {
		w->panicked = false;
		return WATCH_ALIVE;
	}
	return WATCH_NOTHING;
}
