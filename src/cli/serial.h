/* serial.h - what the console's wire ends at: the terminal, a file, a socket, a pty, nothing. */
#ifndef PANDOK_CLI_SERIAL_H
#define PANDOK_CLI_SERIAL_H

#include "base/err.h"
#include "base/serial_line.h"
#include "base/types.h"

/* An open back end. The files may change when serial_event() was called. */
struct serial {
	const struct serial_kind *kind;
	int in, out;   /* to read and write; -1: none now; they may be the same */
	int listen;    /* readable when someone wants to connect; -1 */
	int keep;      /* only held open; -1 */
	bool is_terminal; /* in is the user's terminal: raw mode, our keys */
	bool is_input;    /* the end of in is the end of the user's commands */
	bool forgets;     /* output that cannot be written at once is dropped: who knows who reads */
	char *path;       /* to remove at the end, or NULL */
	struct termios *before; /* of a device, to put back; or NULL */
	struct modem *modem;    /* at keep, or NULL */
	char name[128];   /* for errors */
};

/* One row a kind: "name" or "name:ARGUMENT" on the command line. */
struct serial_kind {
	const char *name;
	const char *arg; /* NULL: takes none */
	bool maybe;      /* arg may be left out */
	int (*open)(const char *arg, struct serial *s, struct err *e);
	void (*connect)(struct serial *s); /* listen is readable */
	void (*hang_up)(struct serial *s); /* the other end of in or out is gone */
	void (*line)(struct serial *s, const struct serial_line *l); /* as the guest sets it; NULL */
	u8 (*lines)(struct serial *s);     /* LINE_CTS and others, as they are now; NULL: never change */
	void (*close)(struct serial *s);   /* before the files are closed; NULL: nothing to do */
};
extern const struct serial_kind serial_kinds[]; /* ends with name NULL */

/* serial_open - open what where says ("unix:/tmp/x"); NULL is stdio. -EINVAL: where is not of a kind
 * we know; errno. */
MUST_CHECK int serial_open(const char *where, struct serial *s, struct err *e);
/* serial_check - would serial_open() understand where? -EINVAL. */
MUST_CHECK int serial_check(const char *where, struct err *e);
void serial_close(struct serial *s);

/*
 * serial_write - write some of len bytes without waiting.
 * Returns how many; 0: not now; -1: never again (errno).
 */
long serial_write(struct serial *s, const u8 *buf, size_t len);

#endif
