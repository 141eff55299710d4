/* line.h - a line to somebody who answers: a terminal device, a socket, a machine's console. */
#ifndef PANDOK_CLI_LINE_H
#define PANDOK_CLI_LINE_H

#include <termios.h>

#include "base/err.h"

struct line {
	int in, out;          /* may be one file */
	bool saved;           /* before is valid */
	struct termios before;
	const char *machine;  /* its console; else NULL */
};

/*
 * line_open - where: a device's path, unix:PATH, tcp:HOST:PORT, machine:NAME; NULL: standard input
 * and output. where must live as long as l.
 */
MUST_CHECK int line_open(struct line *l, const char *where, struct err *e);
void line_break(struct line *l);
/* line_close - put the settings back; false: they cannot be, the line is gone. */
bool line_close(struct line *l);

#endif
