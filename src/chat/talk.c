/* talk.c - sends strings and waits for others. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chat/int.h"

#define SECOND 1000000000ull
#define MS 1000000ull
#define TYPING_NS (10 * MS) /* from one byte to the next: modems cannot take them faster */

u64 chat_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * SECOND + (u64)t.tv_nsec;
}

/* ---- what people see ---- */

static size_t visible(u8 byte, char *to)
{
	size_t n = 0;

	if (byte & 0x80) {
		to[n++] = 'M';
		to[n++] = '-';
		byte &= 0x7f;
	}
	if (byte < 32 || byte == 127)
		to[n++] = '^';
	to[n++] = (char)(byte == 127 ? '?' : byte < 32 ? byte + '@' : byte);
	return n;
}

const char *chat_visible(const char *s, size_t len, char *ret, size_t size)
{
	size_t n = 0;

	while (len-- && n + 4 < size)
		n += visible((u8)*s++, ret + n);
	ret[n] = 0;
	return ret;
}

void chat_log(struct chat *c, const char *fmt, ...)
{
	char line[2 * WORD_MAX];
	va_list ap;

	if (!c->config.log)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->config.log(c->config.ctx, line);
}

int chat_fail(struct chat *c, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return status;
}

/* Whatever becomes of it: nobody can be told that standard error cannot be written. */
static void tell(const struct chat *c, const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(c->config.err, s, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			s += n;
			len -= (size_t)n;
		}
	}
}

void talk_echo_end(struct chat *c)
{
	if (c->lf_missing)
		tell(c, "\n", 1);
	c->lf_missing = false;
}

static void echo(struct chat *c, u8 byte)
{
	char s[4];

	if (byte == '\n') {
		c->lf_missing = true;
		talk_echo_end(c);
	} else if (byte != '\r') {
		tell(c, s, visible(byte, s));
		c->lf_missing = true;
	}
}

static void show(struct chat *c, u8 byte)
{
	char s[4];

	if (byte == '\n')
		tell(c, "\n", 1);
	else if (byte != '\r')
		tell(c, s, visible(byte, s));
}

/* What came, for the log, a line at a time; more: what to say behind it. */
static void log_seen(struct chat *c, const char *more)
{
	char seen[4 * sizeof(c->line)];

	if (c->line_len || more)
		chat_log(c, "%s%s", chat_visible(c->line, c->line_len, seen, sizeof(seen)), more ? more : "");
	c->line_len = 0;
}

/* ---- the line ---- */

/* Wait for fd (-1: for nothing but the time). CHAT_GO_ON: it is ready; CHAT_TIMEOUT. */
static int wait_until(struct chat *c, int fd, short events, u64 until)
{
	struct pollfd p[2] = { { fd, events, 0 }, { c->config.wake, POLLIN, 0 } };

	for (;;) {
		u64 now = chat_now(), left = until > now ? until - now : 0;
		struct timespec t = { (time_t)(left / SECOND), (long)(left % SECOND) };
		const char *why;
		int n = ppoll(p, 2, &t, NULL);

		if (n < 0 && errno != EINTR)
			return chat_fail(c, CHAT_BROKEN, "poll: %s", strerror(errno));
		if (n > 0 && p[1].revents && c->config.interrupted) {
			why = c->config.interrupted(c->config.ctx, !c->no_hangup);
			if (why)
				return chat_fail(c, CHAT_BROKEN, "%s", why);
		} else if (n > 0 && p[0].revents) {
			return CHAT_GO_ON;
		}
		if (chat_now() >= until)
			return CHAT_TIMEOUT;
	}
}

static u64 deadline(const struct chat *c)
{
	return chat_now() + c->config.timeout_s * SECOND;
}

/* One byte at a time: what follows the last one belongs to who has the line next. Seven bits, as a
 * line with parity delivers. */
int talk_byte(struct chat *c, u64 until, u8 *ret)
{
	for (;;) {
		int rc = wait_until(c, c->config.in, POLLIN, until);
		ssize_t n;

		if (rc != CHAT_GO_ON)
			return rc;
		n = read(c->config.in, ret, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return CHAT_TIMEOUT; /* nothing more will come */
		*ret &= 0x7f;
		return CHAT_GO_ON;
	}
}

/* ---- expecting ---- */

/* The last bytes that came, as many as any string is long. */
struct window {
	u8 at[2 * WORD_MAX];
	size_t n;
};

static bool ends_with(const struct window *w, const u8 *s, size_t len)
{
	return w->n >= len && !memcmp(w->at + w->n - len, s, len);
}

static void window_add(struct window *w, u8 byte)
{
	if (w->n == sizeof(w->at)) {
		w->n = WORD_MAX;
		memmove(w->at, w->at + sizeof(w->at) - w->n, w->n);
	}
	w->at[w->n++] = byte;
}

/* Which of the strings has come; -1: none. */
static int came(const struct strings *l, const struct window *w)
{
	for (unsigned i = 0; i < l->n; i++)
		if (ends_with(w, l->at[i], l->len[i]))
			return (int)i;
	return -1;
}

static void report_begin(struct chat *c, unsigned i)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	c->report_len = strftime(c->report, 32, "%b %d %H:%M:%S ", &tm);
	memcpy(c->report + c->report_len, c->reports.at[i], c->reports.len[i]);
	c->report_len += c->reports.len[i];
	strings_drop(&c->reports, i);
}

static void report_end(struct chat *c)
{
	if (c->config.report) {
		fprintf(c->config.report, "chat:  %.*s\n", (int)c->report_len, c->report);
		fflush(c->config.report);
	}
	c->report_len = 0;
}

static bool is_control(u8 byte) { return byte < 32 || byte == 127; }

static void report(struct chat *c, const struct window *w, u8 byte)
{
	int i;

	if (!c->report_len) {
		i = came(&c->reports, w);
		if (i >= 0)
			report_begin(c, (unsigned)i);
	} else if (is_control(byte)) {
		report_end(c);
	} else if (c->report_len < sizeof(c->report)) {
		c->report[c->report_len++] = (char)byte;
	}
}

static void look_at(struct chat *c, u8 byte)
{
	if (c->config.echo)
		echo(c, byte);
	if (c->config.show)
		show(c, byte);
	if (byte == '\n' || c->line_len == sizeof(c->line))
		log_seen(c, NULL);
	if (byte != '\n')
		c->line[c->line_len++] = (char)byte;
}

static int wait_for(struct chat *c, const u8 *want, size_t len)
{
	struct window w = { .n = 0 };
	u64 until = deadline(c);
	int i, rc;
	u8 byte;

	while ((rc = talk_byte(c, until, &byte)) == CHAT_GO_ON) {
		look_at(c, byte);
		window_add(&w, byte);
		report(c, &w, byte);
		if (ends_with(&w, want, len)) {
			log_seen(c, " -- got it");
			return CHAT_GO_ON;
		}
		i = came(&c->aborts, &w);
		if (i >= 0) {
			log_seen(c, " -- failed");
			return chat_fail(c, CHAT_ABORT + i, "'%s' came", c->aborts.at[i]);
		}
	}
	if (rc == CHAT_TIMEOUT)
		log_seen(c, " -- timed out");
	return rc;
}

int talk_expect(struct chat *c, const char *s)
{
	char seen[WORD_MAX];
	struct text t;
	u8 want[WORD_MAX] = { 0 };
	size_t n;
	int rc;

	if (text_make(c, s, TEXT_EXPECT, &t))
		return chat_fail(c, CHAT_BAD, "out of memory");
	n = t.n;
	for (size_t i = 0; i < n && i < sizeof(want); i++)
		want[i] = (u8)t.at[i];
	text_free(&t);
	if (n > sizeof(want))
		return chat_fail(c, CHAT_BAD, "an expect string is longer than %d bytes", WORD_MAX);
	chat_log(c, "expect (%s)", chat_visible((char *)want, n, seen, sizeof(seen)));
	rc = n ? wait_for(c, want, n) : CHAT_GO_ON;
	if (!n)
		chat_log(c, "got it");
	if (rc == CHAT_TIMEOUT)
		return chat_fail(c, rc, "'%s' did not come", chat_visible((char *)want, n, seen, 80));
	return rc;
}

/* ---- sending ---- */

static int pause_for(struct chat *c, u64 ns)
{
	int rc = wait_until(c, -1, 0, chat_now() + ns);

	return rc == CHAT_TIMEOUT ? CHAT_GO_ON : rc;
}

static int send_byte(struct chat *c, u8 byte, u64 until)
{
	int rc = pause_for(c, TYPING_NS);

	while (rc == CHAT_GO_ON) {
		rc = wait_until(c, c->config.out, POLLOUT, until);
		if (rc == CHAT_TIMEOUT)
			return chat_fail(c, CHAT_BAD, "the line takes nothing");
		if (rc != CHAT_GO_ON || write(c->config.out, &byte, 1) == 1)
			break;
		if (errno != EINTR && errno != EAGAIN)
			return chat_fail(c, CHAT_BAD, "cannot write to the line: %s", strerror(errno));
	}
	return rc;
}

static int send_unit(struct chat *c, u16 unit, u64 until)
{
	switch (unit) {
	case UNIT_DELAY:
		return pause_for(c, SECOND);
	case UNIT_PAUSE:
		return pause_for(c, 10 * MS);
	case UNIT_BREAK:
		if (c->config.line_break)
			c->config.line_break(c->config.ctx);
		return CHAT_GO_ON;
	default:
		return send_byte(c, (u8)unit, until);
	}
}

static void log_sent(struct chat *c, const struct text *t)
{
	char s[WORD_MAX], seen[2 * WORD_MAX];
	size_t n = 0;

	for (size_t i = 0; i < t->n && n + 2 < sizeof(s); i++) {
		if (t->at[i] > 0xff)
			s[n++] = '\\';
		s[n++] = t->at[i] <= 0xff ? (char)t->at[i] : "dpK"[t->at[i] - UNIT_DELAY];
	}
	chat_log(c, "send (%s)", t->quiet ? "?????" : chat_visible(s, n, seen, sizeof(seen)));
}

int talk_send(struct chat *c, const char *s)
{
	u64 until = deadline(c);
	int rc = CHAT_GO_ON;
	struct text t;

	if (text_make(c, s, TEXT_SEND, &t))
		return chat_fail(c, CHAT_BAD, "out of memory");
	log_sent(c, &t);
	for (size_t i = 0; i < t.n && rc == CHAT_GO_ON; i++)
		rc = send_unit(c, t.at[i], until);
	text_free(&t);
	return rc;
}

/* ---- the end ---- */

int chat_end(struct chat *c, int status)
{
	u8 byte;

	talk_echo_end(c);
	while (c->report_len && c->report_len < sizeof(c->report)) {
		if (talk_byte(c, chat_now() + SECOND, &byte) != CHAT_GO_ON || is_control(byte))
			break;
		c->report[c->report_len++] = (char)byte;
	}
	if (c->report_len)
		report_end(c);
	return status == CHAT_GO_ON ? CHAT_OK : status;
}
