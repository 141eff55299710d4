/* loop.h - the main thread waits: for files, for times, for other threads. */
#ifndef PANDOK_CLI_LOOP_H
#define PANDOK_CLI_LOOP_H

#include "base/err.h"
#include "base/types.h"

#define LOOP_MAX 256

struct source {
	int fd;       /* -1: nothing to wait for */
	short events; /* POLLIN, POLLOUT; 0: not now, hang-ups neither */
	void (*ready)(struct source *s, short events);
};

struct alarm {
	u64 at_ns; /* CLOCK_MONOTONIC; UINT64_MAX: off, and so before it is called */
	void (*fire)(struct alarm *a);
};

struct loop {
	struct source *source[LOOP_MAX];
	struct alarm *alarm[LOOP_MAX];
	unsigned nsources, nalarms;
	struct source wake;
	void (*woken)(void *ctx); /* on the main thread after loop_wake() */
	void *ctx;
	bool done;
};

MUST_CHECK int loop_init(struct loop *l, void (*woken)(void *ctx), void *ctx, struct err *e);
void loop_fini(struct loop *l);

/* What is added may change its fd, events or time whenever the loop is not inside poll(). */
void loop_add(struct loop *l, struct source *s);
void loop_add_alarm(struct loop *l, struct alarm *a);

void loop_run(struct loop *l); /* until done is set */

void loop_wake(struct loop *l); /* have woken() called soon; any thread */

u64 loop_now(void); /* CLOCK_MONOTONIC, ns */

#endif
