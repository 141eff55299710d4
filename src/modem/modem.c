/* modem.c - the modem's thread: bytes in and out, calls, time. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/opt.h"
#include "modem/int.h"

#define GUARD_NS (SECOND / 2) /* of silence, around +++ */

#define ROW(name, arg, kind, field) name, arg, kind, 0, offsetof(struct modem_options, field), 0, 0
static const struct opt opts[] = {
	{ ROW("pin", "DIGITS", OPT_TEXT, pin), "the SIM's PIN (0000)" },
	{ ROW("sim", "locked|ready|absent", OPT_CHOICE, sim), "the SIM" },
	{ ROW("operator", "NAME", OPT_TEXT, operator_name), "who runs the network" },
	{ ROW("net", "NETWORK", OPT_TEXT, net), "where calls lead (user)" },
	{ 0 },
};

u64 modem_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * SECOND + (u64)t.tv_nsec;
}

/* ---- options ---- */

/* What stands behind "net=" is one value, its commas too. */
static int take_options(struct modem_options *o, const char *spec, struct err *e)
{
	const char *net = spec ? strstr(spec, "net=") : NULL;
	char *words;
	int rc;

	*o = (struct modem_options){ 0 };
	if (!spec || !*spec)
		return 0;
	if (net && net != spec && net[-1] != ',')
		net = NULL;
	words = strndup(spec, net ? (size_t)(net - spec) : strlen(spec));
	if (!words)
		return err_set(e, -ENOMEM, "out of memory");
	if (net && net != spec)
		words[net - spec - 1] = 0;
	rc = *words ? opt_words(opts, o, words, e) : 0;
	free(words);
	if (!rc && net) {
		o->net = strdup(net + strlen("net="));
		rc = o->net ? net_check(o->net, e) : err_set(e, -ENOMEM, "out of memory");
	}
	if (!rc && o->pin && (strlen(o->pin) < 4 || strlen(o->pin) > 8 ||
			      strspn(o->pin, "0123456789") != strlen(o->pin)))
		rc = err_set(e, -EINVAL, "pin: '%s' is not four to eight digits", o->pin);
	return rc;
}

int modem_check(const char *spec, struct err *e)
{
	struct modem_options o;
	int rc = take_options(&o, spec, e);

	opt_free(opts, &o);
	return rc ? err_in(e, rc, "modem") : 0;
}

/* ---- bytes out ---- */

void modem_put(struct modem *m, const void *buf, size_t len)
{
	const u8 *p = buf;

	if (m->out_head - m->out_tail + len > OUT_MAX)
		return;
	for (size_t i = 0; i < len; i++)
		m->out[m->out_head++ % OUT_MAX] = p[i];
}

static void flush(struct modem *m)
{
	while (m->out_tail != m->out_head) {
		unsigned at = m->out_tail % OUT_MAX, n = m->out_head - m->out_tail;
		ssize_t put = write(m->fd, m->out + at, n < OUT_MAX - at ? n : OUT_MAX - at);

		if (put <= 0)
			return;
		m->out_tail += (unsigned)put;
	}
}

/* ---- calls ---- */

void modem_connect(struct modem *m)
{
	m->online = true;
	m->on_hold = false;
	m->pluses = 0;
	ppp_begin(&m->ppp, modem_now());
}

void modem_hang_up(struct modem *m)
{
	m->online = m->on_hold = false;
}

void modem_dtr(struct modem *m, bool ready)
{
	pthread_mutex_lock(&m->lock);
	if (m->ready && !ready && (m->online || m->on_hold)) {
		modem_hang_up(m);
		at_result(m, AT_NO_CARRIER);
	}
	m->ready = ready;
	pthread_mutex_unlock(&m->lock);
	modem_wake(m);
}

bool modem_carrier(struct modem *m)
{
	bool carrier;

	pthread_mutex_lock(&m->lock);
	carrier = m->online || m->on_hold;
	pthread_mutex_unlock(&m->lock);
	return carrier;
}

/* +++ with silence around it puts a call on hold. V.250 does not have it; every modem does. */
static void look_for_escape(struct modem *m, u8 byte, u64 now)
{
	bool quiet = now - m->last_ns >= GUARD_NS;

	if (byte == '+' && (m->pluses ? m->pluses < 3 && !quiet : quiet))
		m->pluses++;
	else
		m->pluses = 0;
	m->last_ns = now;
}

static void check_call(struct modem *m, u64 now)
{
	if (m->online && m->pluses == 3 && now - m->last_ns >= GUARD_NS) {
		m->online = false;
		m->on_hold = true;
		m->pluses = 0;
		at_result(m, AT_OK);
	}
	if ((m->online || m->on_hold) && m->ppp.ended) {
		modem_hang_up(m);
		at_result(m, AT_NO_CARRIER);
	}
}

/* ---- the thread ---- */

static void take_byte(struct modem *m, u8 byte, u64 now)
{
	if (!m->online) {
		at_byte(m, byte);
		return;
	}
	look_for_escape(m, byte, now);
	ppp_byte(m, byte);
}

/* What is due; returns the milliseconds until more is. */
static int tick(struct modem *m)
{
	u64 now = modem_now(), at, next = at_tick(m, now);

	check_call(m, now);
	if (m->online) {
		at = ppp_tick(m, now);
		next = at < next ? at : next;
		if (m->pluses == 3 && m->last_ns + GUARD_NS < next)
			next = m->last_ns + GUARD_NS;
	}
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now) / 1000000) + 1;
}

static void take_input(struct modem *m)
{
	u8 buf[2048];
	ssize_t n = read(m->fd, buf, sizeof(buf));
	u64 now = modem_now();

	for (ssize_t i = 0; i < n; i++)
		take_byte(m, buf[i], now);
}

static void *run(void *arg)
{
	struct modem *m = arg;
	struct pollfd p[2] = { { m->fd, 0, 0 }, { m->wake, POLLIN, 0 } };
	u64 n;

	while (!atomic_load(&m->stop)) {
		int wait;

		pthread_mutex_lock(&m->lock);
		wait = tick(m);
		flush(m);
		p[0].events = m->out_tail != m->out_head ? POLLIN | POLLOUT : POLLIN;
		pthread_mutex_unlock(&m->lock);
		if (poll(p, 2, wait) < 0)
			continue;
		if (p[1].revents && read(m->wake, &n, sizeof(n)) < 0)
			continue;
		pthread_mutex_lock(&m->lock);
		if (p[0].revents & POLLIN)
			take_input(m);
		pthread_mutex_unlock(&m->lock);
		if (p[0].revents & (POLLHUP | POLLERR))
			p[0].fd = -1; /* nobody is there any more */
	}
	return NULL;
}

void modem_wake(struct modem *m)
{
	static const u64 one = 1;

	if (write(m->wake, &one, sizeof(one)) < 0)
		return; /* it is awake already */
}

static void modem_free(struct modem *m)
{
	if (m->wake >= 0)
		close(m->wake);
	pthread_mutex_destroy(&m->lock);
	opt_free(opts, &m->o);
	free(m);
}

int modem_start(const char *spec, int fd, struct modem **ret, struct err *e)
{
	struct modem *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return err_set(e, -ENOMEM, "out of memory");
	pthread_mutex_init(&m->lock, NULL);
	m->fd = fd;
	m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = m->wake < 0 ? err_sys(e, "cannot make an event file") : take_options(&m->o, spec, e);
	if (!rc)
		rc = uplink_open(m, e);
	if (rc)
		goto fail;
	at_power_on(m);
	errno = pthread_create(&m->thread, NULL, run, m);
	if (!errno) {
		*ret = m;
		return 0;
	}
	rc = err_sys(e, "cannot start a thread");
	uplink_close(m);
fail:
	modem_free(m);
	return err_in(e, rc, "modem");
}

void modem_stop(struct modem *m)
{
	if (!m)
		return;
	atomic_store(&m->stop, true);
	modem_wake(m);
	pthread_join(m->thread, NULL);
	uplink_close(m);
	modem_free(m);
}
