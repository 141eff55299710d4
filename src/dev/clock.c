/* clock.c - guest time and the timers on it. Knows no device. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dev/dev.h"

#define NS 1000000000u
#define BEAT_NS (1ull * NS)
#define GAP_NS (3ull * NS) /* no beat for so long: this process did not run */
#define MANUAL_WALL_S 1735689600ull /* 2025-01-01 00:00:00 UTC: where a manual clock starts */

struct clock {
	bool manual;
	bool stopped;
	bool ending;
	_Atomic u64 now;    /* manual, or stopped: guest time */
	_Atomic u64 origin; /* running: CLOCK_MONOTONIC at guest time 0 */
	u64 wall;
	struct timer *first; /* soonest first */
	u64 alarm;           /* guest time the host's timer is set to; UINT64_MAX: not set */
	pthread_mutex_t *lock;
	int fd;
	pthread_t thread;
	bool has_thread;
	u64 alive;           /* guest time when the timer thread ran last */
	void (*gap)(void *ctx);
	void *gap_ctx;
};

static u64 host_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * NS + (u64)ts.tv_nsec;
}

u64 clock_now(struct clock *c)
{
	if (c->manual || c->stopped)
		return atomic_load_explicit(&c->now, memory_order_relaxed);
	return host_ns(CLOCK_MONOTONIC) - atomic_load_explicit(&c->origin, memory_order_relaxed);
}

u64 clock_wall(const struct clock *c)
{
	return c->wall;
}

u64 clock_next(const struct clock *c)
{
	return c->first ? c->first->at_ns : UINT64_MAX;
}

/* Let the host wake the timer thread at the first timer, unless it wakes earlier anyway. */
static void clock_alarm(struct clock *c)
{
	u64 next = clock_next(c), host;

	if (c->gap && next > c->alive + BEAT_NS)
		next = c->alive + BEAT_NS;
	if (c->manual || c->stopped || next >= c->alarm)
		return;
	host = next + c->origin;
	if (host < next)
		return;
	c->alarm = next;
	timerfd_settime(c->fd, TFD_TIMER_ABSTIME, &(struct itimerspec){
		.it_value = { (time_t)(host / NS), (long)(host % NS) | 1 } }, NULL);
}

/* Fire what is due at ns. It ends, as a periodic timer is armed TIMER_PERIOD_MIN_NS ahead. */
static void clock_fire(struct clock *c, u64 ns)
{
	while (c->first && c->first->at_ns <= ns) {
		struct timer *t = c->first;

		c->first = t->next;
		if (c->manual && t->at_ns > c->now)
			c->now = t->at_ns;
		t->at_ns = UINT64_MAX;
		t->fire(t);
	}
}

void clock_set(struct clock *c, u64 ns)
{
	BUG_ON(!c->manual);
	if (ns < c->now)
		return;
	clock_fire(c, ns);
	c->now = ns;
}

/*
 * A guest that looks at its clock after such a gap would take it for a processor that hangs. So the
 * timer thread wakes every second, and whoever finds that it did not tells the board: perhaps a
 * vCPU, which may be the first to run again and have an interrupt to take.
 */
void clock_check(struct clock *c)
{
	u64 now;

	if (c->manual || c->stopped || !c->gap)
		return;
	now = clock_now(c);
	if (now < c->alive + GAP_NS)
		return;
	c->alive = now;
	c->gap(c->gap_ctx);
}

void clock_on_gap(struct clock *c, void (*gap)(void *ctx), void *ctx)
{
	c->gap = gap;
	c->gap_ctx = ctx;
	c->alive = clock_now(c);
	clock_alarm(c);
}

/*D:200 Time passes
 * Devices never ask the host for the time. Guest time is CLOCK_MONOTONIC less the time the machine
 * stood still; in deterministic mode it is a number that the engine moves. Timers sit in one
 * sorted list. A timerfd is set to the first of them, so arming one is at most a system call
 * and no thread switch, and the thread below sleeps until something is due.
 * @test clock_fires_in_order
 */
static void *clock_thread(void *arg)
{
	struct clock *c = arg;
	u64 ticks;

	while (read(c->fd, &ticks, sizeof(ticks)) > 0 || errno == EINTR) {
		pthread_mutex_lock(c->lock);
		if (c->ending) {
			pthread_mutex_unlock(c->lock);
			break;
		}
		clock_check(c);
		c->alive = clock_now(c);
		c->alarm = UINT64_MAX;
		if (!c->stopped)
			clock_fire(c, clock_now(c));
		clock_alarm(c);
		pthread_mutex_unlock(c->lock);
	}
	return NULL;
}

/* The thread takes no signal: those belong to the vCPUs and to the command line. */
static int clock_thread_start(struct clock *c, struct err *e)
{
	sigset_t all, old;
	int rc;

	c->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (c->fd < 0)
		return err_sys(e, "cannot make a timer");
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&c->thread, NULL, clock_thread, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return err_set(e, -rc, "cannot start the timer thread");
	c->has_thread = true;
	return 0;
}

int clock_new(bool manual, pthread_mutex_t *lock, struct clock **ret, struct err *e)
{
	struct clock *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	c->manual = manual;
	c->lock = lock;
	c->alarm = UINT64_MAX;
	c->fd = -1;
	c->wall = manual ? MANUAL_WALL_S * NS : host_ns(CLOCK_REALTIME);
	c->origin = host_ns(CLOCK_MONOTONIC);
	rc = manual ? 0 : clock_thread_start(c, e);
	if (rc) {
		clock_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void clock_free(struct clock *c)
{
	if (!c)
		return;
	if (c->has_thread) {
		pthread_mutex_lock(c->lock);
		c->ending = true;
		timerfd_settime(c->fd, 0, &(struct itimerspec){ .it_value = { 0, 1 } }, NULL);
		pthread_mutex_unlock(c->lock);
		pthread_join(c->thread, NULL);
	}
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

void clock_stop(struct clock *c)
{
	if (c->manual || c->stopped)
		return;
	c->now = clock_now(c);
	c->stopped = true;
}

void clock_start(struct clock *c)
{
	u64 origin = host_ns(CLOCK_MONOTONIC) - c->now;

	if (!c->stopped)
		return;
	c->wall += origin - c->origin; /* the date went on */
	c->origin = origin;
	c->stopped = false;
	c->alive = c->now;
	c->alarm = UINT64_MAX;
	clock_alarm(c);
}

void timer_init(struct timer *t, struct clock *c, void (*fire)(struct timer *t))
{
	*t = (struct timer){ .fire = fire, .at_ns = UINT64_MAX, .clock = c };
}

void timer_cancel(struct timer *t)
{
	struct timer **p = &t->clock->first;

	if (t->at_ns == UINT64_MAX)
		return;
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	t->at_ns = UINT64_MAX;
}

void timer_arm(struct timer *t, u64 at_ns)
{
	struct timer **p = &t->clock->first;

	timer_cancel(t);
	if (at_ns == UINT64_MAX)
		return;
	while (*p && (*p)->at_ns <= at_ns)
		p = &(*p)->next;
	t->at_ns = at_ns;
	t->next = *p;
	*p = t;
	clock_alarm(t->clock);
}
