/* loop.c - poll() over a handful of files and times. */
#define _GNU_SOURCE
#include "cli/loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull

u64 loop_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * SECOND + (u64)t.tv_nsec;
}

static void on_wake(struct source *s, short events)
{
	struct loop *l = container_of(s, struct loop, wake);
	u64 n;

	(void)events;
	if (read(s->fd, &n, sizeof(n)) == sizeof(n))
		l->woken(l->ctx);
}

int loop_init(struct loop *l, void (*woken)(void *ctx), void *ctx, struct err *e)
{
	*l = (struct loop){ .woken = woken, .ctx = ctx };
	l->wake = (struct source){ eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), POLLIN, on_wake };
	if (l->wake.fd < 0)
		return err_sys(e, "cannot make an event file");
	loop_add(l, &l->wake);
	return 0;
}

void loop_fini(struct loop *l)
{
	if (l->wake.fd >= 0)
		close(l->wake.fd);
	l->wake.fd = -1;
}

void loop_add(struct loop *l, struct source *s)
{
	BUG_ON(l->nsources == LOOP_MAX);
	l->source[l->nsources++] = s;
}

void loop_add_alarm(struct loop *l, struct alarm *a)
{
	BUG_ON(l->nalarms == LOOP_MAX);
	l->alarm[l->nalarms++] = a;
}

void loop_wake(struct loop *l)
{
	static const u64 one = 1;

	/* It only fails when it is awake already, 2^64 - 2 times. */
	if (write(l->wake.fd, &one, sizeof(one)) < 0)
		return;
}

static void fire_alarms(struct loop *l)
{
	u64 now = loop_now();

	for (unsigned i = 0; i < l->nalarms; i++) {
		struct alarm *a = l->alarm[i];

		if (a->at_ns > now)
			continue;
		a->at_ns = UINT64_MAX;
		a->fire(a);
	}
}

static const struct timespec *time_left(const struct loop *l, struct timespec *t)
{
	u64 first = UINT64_MAX, now = loop_now();

	for (unsigned i = 0; i < l->nalarms; i++)
		if (l->alarm[i]->at_ns < first)
			first = l->alarm[i]->at_ns;
	if (first == UINT64_MAX)
		return NULL;
	first = first > now ? first - now : 0;
	*t = (struct timespec){ (time_t)(first / SECOND), (long)(first % SECOND) };
	return t;
}

/*L:400 The main thread
 * Guest code runs on the vCPUs' threads. The main thread sleeps in poll() and serves everything
 * that comes from outside: keys, signals (as bytes from a signalfd, so that no handler has to be
 * careful), the time limit, clients of the console. It is also the only one that writes the
 * guest's output, so that a slow reader never stops a vCPU in the middle of an instruction.
 */
void loop_run(struct loop *l)
{
	struct pollfd p[LOOP_MAX];
	struct timespec t;

	while (!l->done) {
		for (unsigned i = 0; i < l->nsources; i++) {
			struct source *s = l->source[i];

			p[i] = (struct pollfd){ s->events ? s->fd : -1, s->events, 0 };
		}
		if (ppoll(p, l->nsources, time_left(l, &t), NULL) < 0)
			continue; /* EINTR */
		for (unsigned i = 0; i < l->nsources && !l->done; i++)
			if (p[i].revents && l->source[i]->fd == p[i].fd)
				l->source[i]->ready(l->source[i], p[i].revents);
		fire_alarms(l);
	}
}
