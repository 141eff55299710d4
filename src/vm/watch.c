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

static void take_reason(struct watch *w, const char *s)
{
	unsigned n = 0;

	while (*s == ':' || *s == ' ')
		s++;
	for (; *s; s++)
		w->text[n++] = *s >= ' ' && *s <= '~' ? *s : '?';
	w->text[n] = 0;
}

static enum watch_event line_end(struct watch *w)
{
	const char *s;

	w->line[w->len] = 0;
	w->len = 0;
	s = skip_stamps(w->line);
	if (!strncmp(s, end_mark, sizeof(end_mark) - 1))
		return w->panicked ? WATCH_END : WATCH_NOTHING;
	if (strncmp(s, panic_mark, sizeof(panic_mark) - 1) || w->panicked)
		return WATCH_NOTHING;
	w->panicked = true;
	w->stamped = s != w->line;
	take_reason(w, s + sizeof(panic_mark) - 1);
	return WATCH_PANIC;
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
