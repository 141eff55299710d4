/* console.h - the guest's serial console: a ring from the vCPUs, a back end, a log, viewers. */
#ifndef PANDOK_CLI_CONSOLE_H
#define PANDOK_CLI_CONSOLE_H

#include "cli/input.h"
#include "cli/ring.h"
#include "cli/viewers.h"

#define TAIL_MAX 2048

struct console {
	struct serial_backend port;     /* for vm_config.serial[0] */
	struct serial_backend debugcon; /* for vm_config.debugcon: the same wire */
	struct ring ring;
	atomic_bool armed; /* the main thread sleeps: the next byte wakes it */
	atomic_bool room;  /* the guest can take input again */
	_Atomic u64 line;  /* struct serial_line as the guest has set it; 0: it has not */
	u64 line_done;     /* and as the back end knows it */
	u8 lines;          /* as the guest knows them */
	struct alarm lines_look;
	struct loop *loop;
	struct vm *vm;
	struct serial serial;
	struct input input;
	struct viewers viewers;
	struct source out, listen;
	struct alarm look; /* see whether there is more output */
	const char *log_path;
	int log_fd; /* -1: no log */
	u8 tail[TAIL_MAX]; /* the end of what was written */
	unsigned ntail;
	u8 last;           /* byte that was written to the back end */
	struct err failed; /* empty: all output was written */
};

/* console_open - open back end and log (NULL: none); errors name them. Main thread, as all here. */
MUST_CHECK int console_open(struct console *c, const char *where, const char *log, struct loop *l,
			    struct err *e);
/* console_start - input goes to that port of vm from now on. */
void console_start(struct console *c, struct vm *vm, unsigned port);
/* console_put - as if the guest had printed it; only when no port of the guest's writes here. */
void console_put(struct console *c, const char *text, size_t len);
void console_woken(struct console *c); /* the loop was woken */
void console_flush(struct console *c); /* after the run: write what is left, waiting a little */
void console_show_tail(const struct console *c); /* the last lines, on standard error */
void console_close(struct console *c);

#endif
