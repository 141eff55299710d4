/* watch.h - reads a console along for the kernel's last words. */
#ifndef PANDOK_VM_WATCH_H
#define PANDOK_VM_WATCH_H

#include "base/types.h"

#define WATCH_LINE 256

struct watch {
	char line[WATCH_LINE];
	unsigned len;
	bool stamped; /* the panic's line began with a time stamp, as all that follow must */
	bool panicked;
	char oops[WATCH_LINE]; /* the first line of an oops, printable ASCII; "": none is being printed */
	char text[WATCH_LINE]; /* what the kernel gave as reason, printable ASCII */
};

enum watch_event {
	WATCH_NOTHING,
	WATCH_PANIC, /* w->text says why */
	WATCH_END,   /* the kernel's end mark: nothing of interest follows */
	WATCH_OOPS,  /* the kernel found a fault of its own and goes on; w->oops says which */
	WATCH_ALIVE, /* it was no panic: somebody printed an old log */
};

/* watch_byte - the guest printed one more byte. One caller at a time. */
enum watch_event watch_byte(struct watch *w, u8 byte);

#endif
