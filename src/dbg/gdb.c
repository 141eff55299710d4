/* gdb.c - gdb's remote protocol: packets, and one row for each that is understood. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbg/gdb.h"

/*L:680 gdb at the door
 * gdb speaks in packets, "$text#sum", and each kind of them is a row below. To gdb the machine is a
 * program whose threads are processors. A breakpoint of gdb's is one of ours, so it works on either
 * engine, and where the kernel's page tables are read-only; "monitor" hands a line to our own commands.
 * @test test/debug/run
 *
 * Numbers in packets are hexadecimal. Threads are processors, counted from 1.
 * Source: GDB's manual, appendix E, "GDB Remote Serial Protocol".
 */
struct gdb {
	struct session s; /* for monitor; s.cpu: the thread that g and m look at */
	struct out to;
	struct client client;
	int fd;
	unsigned seen;    /* stops that were reported */
	bool running, no_ack, swbreak, gone;
	char in[GDB_PACKET + 8];
	size_t in_len;
	struct gdb_reply r;
	char *description;
};

enum { SIGNAL_INT = 2, SIGNAL_TRAP = 5 };

/* ---- text ---- */

void reply_text(struct gdb_reply *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->text + r->len, sizeof(r->text) - r->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(r->text) - r->len)
		r->full = true;
	else
		r->len += (size_t)n;
}

void reply_hex(struct gdb_reply *r, const void *data, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	const u8 *p = data;

	if (2 * len > GDB_PACKET - r->len) {
		r->full = true;
		return;
	}
	for (; len; len--, p++) {
		r->text[r->len++] = digit[*p >> 4];
		r->text[r->len++] = digit[*p & 15];
	}
	r->text[r->len] = 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
	     : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_bytes(const char *text, size_t len, void *ret)
{
	u8 *to = ret;

	for (; len; len--, text += 2) {
		int hi = hex_digit(text[0]), lo = hi < 0 ? -1 : hex_digit(text[1]);

		if (lo < 0)
			return false;
		*to++ = (u8)(hi << 4 | lo);
	}
	return true;
}

/* A number and the character that has to follow it (0: the end). */
static bool number(const char **p, char then, u64 *ret)
{
	const char *at = *p;
	int d;

	for (*ret = 0; (d = hex_digit(*at)) >= 0; at++)
		*ret = *ret << 4 | (unsigned)d;
	if (at == *p || *at != then)
		return false;
	*p = then ? at + 1 : at;
	return true;
}

/* ---- the line ---- */

static void send_all(struct gdb *g, const char *text, size_t len)
{
	while (len && !g->gone) {
		ssize_t n = send(g->fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		g->gone = n < 0;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
}

static void packet_send(struct gdb *g, const char *text, size_t len)
{
	char frame[GDB_PACKET + 8];
	u8 sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (u8)text[i];
	frame[0] = '$';
	memcpy(frame + 1, text, len);
	snprintf(frame + 1 + len, 4, "#%02x", sum);
	send_all(g, frame, len + 4);
}

static void reply_send(struct gdb *g)
{
	if (g->r.full)
		packet_send(g, "E07", 3);
	else
		packet_send(g, g->r.text, g->r.len);
	g->r.len = 0;
	g->r.full = false;
}

/* Text for the user, in pieces. */
static void console_put(struct out *o, const char *text, size_t len)
{
	struct gdb *g = container_of(o, struct gdb, to);

	for (size_t n; len; text += n, len -= n) {
		n = len < 1024 ? len : 1024;
		reply_text(&g->r, "O");
		reply_hex(&g->r, text, n);
		reply_send(g);
	}
}

/* ---- stops ---- */

static void report(struct gdb *g)
{
	const struct stop *st = &g->s.d->stop;
	static const char *const access[] = { "", "watch", "awatch" };

	g->s.cpu = st->cpu;
	g->seen = st->count;
	g->running = false;
	reply_text(&g->r, "T%02xthread:%x;", st->why == STOP_ASKED ? SIGNAL_INT : SIGNAL_TRAP,
		   st->cpu + 1);
	if (st->why == STOP_BREAK && g->swbreak)
		reply_text(&g->r, "swbreak:;");
	if (st->why == STOP_WATCH)
		reply_text(&g->r, "%s:%llx;", access[st->at.b.kind],
			   (unsigned long long)st->at.b.at.at);
}

static void p_why(struct gdb *g, const char *p)
{
	(void)p;
	report(g);
}

static void go(struct gdb *g)
{
	g->running = true;
	target_ran(g->s.d->t);
	stop_go(g->s.d);
}

/* ---- registers ---- */

static void p_read_regs(struct gdb *g, const char *p)
{
	const struct vcpu *v = session_vcpu(&g->s);
	u8 val[16];
	size_t len;

	(void)p;
	for (unsigned n = 0; (len = gdb_reg_get(v, n, val)); n++)
		reply_hex(&g->r, val, len);
}

static void p_write_regs(struct gdb *g, const char *p)
{
	struct vcpu *v = vm_vcpu(g->s.d->vm, g->s.cpu);
	size_t used;

	for (unsigned n = 0; gdb_reg_set(v, n, p, &used); n++)
		p += used;
	vm_vcpu_changed(g->s.d->vm, g->s.cpu);
	reply_text(&g->r, *p ? "E16" : "OK");
}

static void p_read_reg(struct gdb *g, const char *p)
{
	u8 val[16];
	u64 n;
	size_t len = number(&p, 0, &n) && n < 1024
		   ? gdb_reg_get(session_vcpu(&g->s), (unsigned)n, val) : 0;

	if (len)
		reply_hex(&g->r, val, len);
	else
		reply_text(&g->r, "E16");
}

static void p_write_reg(struct gdb *g, const char *p)
{
	struct vcpu *v = vm_vcpu(g->s.d->vm, g->s.cpu);
	size_t used;
	u64 n;

	if (!number(&p, '=', &n) || n > 1024 || !gdb_reg_set(v, (unsigned)n, p, &used)) {
		reply_text(&g->r, "E16");
		return;
	}
	vm_vcpu_changed(g->s.d->vm, g->s.cpu);
	reply_text(&g->r, "OK");
}

/* ---- memory ---- */

static void p_read_mem(struct gdb *g, const char *p)
{
	u8 buf[GDB_PACKET / 2];
	u64 at, len;

	if (!number(&p, ',', &at) || !number(&p, 0, &len) || len > sizeof(buf))
		reply_text(&g->r, "E16");
	else if (target_read(g->s.d->t, g->s.cpu, GVA(at), len, buf))
		reply_text(&g->r, "E0e");
	else
		reply_hex(&g->r, buf, len);
}

static void p_write_mem(struct gdb *g, const char *p)
{
	u8 buf[GDB_PACKET / 2];
	u64 at, len;

	if (!number(&p, ',', &at) || !number(&p, ':', &len) || len > sizeof(buf) ||
	    !hex_bytes(p, len, buf))
		reply_text(&g->r, "E16");
	else if (target_write(g->s.d->t, g->s.cpu, GVA(at), len, buf))
		reply_text(&g->r, "E0e");
	else
		reply_text(&g->r, "OK");
}

/* ---- breakpoints ---- */

/* Z's types: 0 and 1 are breakpoints, to us the same; 2, 3, 4 watch writes, reads, both. */
static bool break_parse(const char *p, struct stop_at *ret)
{
	static const enum break_kind kind[] = { BREAK_EXEC, BREAK_EXEC, BREAK_WRITE, BREAK_ACCESS,
						BREAK_ACCESS };
	u64 type, at, len;
	const char *semi = strchr(p, ';'); /* conditions, which we did not say we take */

	if (semi || !number(&p, ',', &type) || type >= ARRAY_SIZE(kind) || !number(&p, ',', &at) ||
	    !number(&p, 0, &len))
		return false;
	*ret = (struct stop_at){ .b = { kind[type], (u8)len, GVA(at) } };
	return kind[type] == BREAK_EXEC ||
	       (len && len <= 8 && !(len & (len - 1)) && !(at & (len - 1)));
}

static void p_break(struct gdb *g, const char *p)
{
	struct stop_at a;
	struct err e;

	if (!break_parse(p, &a)) {
		reply_text(&g->r, "E16");
		return;
	}
	a.who = g;
	reply_text(&g->r, stop_add(g->s.d, &a, &e) ? "E1c" : "OK");
}

static void p_unbreak(struct gdb *g, const char *p)
{
	struct dbg *d = g->s.d;
	struct stop_at a;

	reply_text(&g->r, break_parse(p, &a) ? "OK" : "E16");
	for (unsigned i = d->nat; g->r.text[0] == 'O' && i-- > 0;)
		if (d->at[i].who == g && d->at[i].b.kind == a.b.kind &&
		    d->at[i].b.at.at == a.b.at.at) {
			stop_remove(d, i);
			return;
		}
}

/* ---- running ---- */

static void p_continue(struct gdb *g, const char *p)
{
	(void)p;
	go(g);
}

static void p_step(struct gdb *g, const char *p)
{
	(void)p;
	vm_vcpu(g->s.d->vm, g->s.cpu)->debug_step = true;
	go(g);
}

/* What ";ACTION:THREAD;ACTION…" wants of a processor: 'c', 's', 0 nothing. The leftmost counts. */
static char action_for(const char *p, unsigned cpu)
{
	while (*p == ';') {
		char action = p[1];
		u64 thread = 0;

		p += 1 + strcspn(p + 1, ":;");
		if (*p == ':') {
			if (p[1] == '-')
				thread = cpu + 1;
			for (p++; hex_digit(*p) >= 0; p++)
				thread = thread << 4 | (unsigned)hex_digit(*p);
			p += strcspn(p, ";");
		} else {
			thread = cpu + 1;
		}
		if (thread == cpu + 1)
			return action;
	}
	return 0;
}

static void p_vcont(struct gdb *g, const char *p)
{
	struct vm *vm = g->s.d->vm;

	for (unsigned i = 0; i < vm_ncpus(vm); i++) {
		char action = action_for(p, i);

		vm_vcpu(vm, i)->debug_step = action == 's' || action == 'S';
		vm_hold(vm, i, !action);
	}
	go(g);
}

static void p_vcont_what(struct gdb *g, const char *p)
{
	(void)p;
	reply_text(&g->r, "vCont;c;C;s;S");
}

static void release(struct gdb *g)
{
	for (unsigned i = 0; i < vm_ncpus(g->s.d->vm); i++)
		vm_hold(g->s.d->vm, i, false);
	stop_remove_all(g->s.d, g);
}

static void p_detach(struct gdb *g, const char *p)
{
	(void)p;
	release(g);
	packet_send(g, "OK", 2);
	g->gone = true;
}

static void p_kill(struct gdb *g, const char *p)
{
	(void)p;
	vm_stop(g->s.d->vm, VM_QUIT, "%s", "");
	if (p[0])
		packet_send(g, "OK", 2);
	g->gone = true;
}

/* ---- threads ---- */

static void p_thread(struct gdb *g, const char *p)
{
	u64 n;

	if (*p == 'g' || *p == 'c')
		p++;
	if (!strcmp(p, "-1") || !strcmp(p, "0")) {
		reply_text(&g->r, "OK");
		return;
	}
	if (!number(&p, 0, &n) || !n || n > vm_ncpus(g->s.d->vm)) {
		reply_text(&g->r, "E16");
		return;
	}
	g->s.cpu = (unsigned)n - 1;
	reply_text(&g->r, "OK");
}

static void p_alive(struct gdb *g, const char *p)
{
	u64 n;

	reply_text(&g->r, number(&p, 0, &n) && n && n <= vm_ncpus(g->s.d->vm) ? "OK" : "E16");
}

static void p_threads(struct gdb *g, const char *p)
{
	(void)p;
	for (unsigned i = 0; i < vm_ncpus(g->s.d->vm); i++)
		reply_text(&g->r, "%c%x", i ? ',' : 'm', i + 1);
}

static void p_no_more_threads(struct gdb *g, const char *p)
{
	(void)p;
	reply_text(&g->r, "l");
}

static void p_present_thread(struct gdb *g, const char *p)
{
	(void)p;
	reply_text(&g->r, "QC%x", g->s.cpu + 1);
}

static void p_thread_name(struct gdb *g, const char *p)
{
	char text[64];
	u64 n = 0;

	if (!number(&p, 0, &n) || !n || n > vm_ncpus(g->s.d->vm)) {
		reply_text(&g->r, "E16");
		return;
	}
	snprintf(text, sizeof(text), "CPU#%llu [%s]", (unsigned long long)n - 1,
		 vm_vcpu(g->s.d->vm, (unsigned)n - 1)->state == VCPU_RUNNING ? "running" : "halted");
	reply_hex(&g->r, text, strlen(text));
}

/* ---- queries ---- */

static void p_supported(struct gdb *g, const char *p)
{
	g->swbreak = strstr(p, "swbreak+");
	reply_text(&g->r, "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;"
		   "swbreak+;hwbreak+", GDB_PACKET);
}

static void p_description(struct gdb *g, const char *p)
{
	u64 at, len, all;

	if (!g->description)
		g->description = gdb_description();
	all = g->description ? strlen(g->description) : 0;
	if (!number(&p, ',', &at) || !number(&p, 0, &len) || !all) {
		reply_text(&g->r, "E16");
		return;
	}
	at = at < all ? at : all;
	if (len > GDB_PACKET - 2)
		len = GDB_PACKET - 2;
	if (len > all - at)
		len = all - at;
	/* None of the bytes that the protocol escapes is in the document but '#', which it has not. */
	reply_text(&g->r, "%c%.*s", at + len == all ? 'l' : 'm', (int)len, g->description + at);
}

static void p_monitor(struct gdb *g, const char *p)
{
	char line[LINE_MAX_LEN];
	size_t len = strlen(p) / 2;

	if (len >= sizeof(line) || !hex_bytes(p, len, line)) {
		reply_text(&g->r, "E16");
		return;
	}
	line[len] = 0;
	g->s.goes = false;
	command_run(&g->s, line);
	if (g->s.goes)
		out_say(&g->to, "use gdb's own command to let the machine run\n");
	reply_text(&g->r, "OK");
}

static void p_no_ack(struct gdb *g, const char *p)
{
	(void)p;
	reply_text(&g->r, "OK");
	g->no_ack = true;
}

static void p_attached(struct gdb *g, const char *p)
{
	(void)p;
	reply_text(&g->r, "1");
}

static void p_yes(struct gdb *g, const char *p)
{
	(void)p;
	reply_text(&g->r, "OK");
}

/* The reply to what is not understood is an empty one. */
static void p_unknown(struct gdb *g, const char *p)
{
	(void)g, (void)p;
}

/* ---- the table ---- */

static const struct packet {
	const char *begins;
	void (*run)(struct gdb *g, const char *rest);
	bool silent; /* the reply comes with the next stop, or never */
} packets[] = {
	{ "?", p_why, false },
	{ "g", p_read_regs, false },
	{ "G", p_write_regs, false },
	{ "p", p_read_reg, false },
	{ "P", p_write_reg, false },
	{ "m", p_read_mem, false },
	{ "M", p_write_mem, false },
	{ "Z", p_break, false },
	{ "z", p_unbreak, false },
	{ "vCont?", p_vcont_what, false },
	{ "vCont", p_vcont, true },
	{ "vKill", p_kill, true },
	{ "c", p_continue, true },
	{ "C", p_continue, true },
	{ "s", p_step, true },
	{ "S", p_step, true },
	{ "D", p_detach, true },
	{ "k", p_kill, true },
	{ "H", p_thread, false },
	{ "T", p_alive, false },
	{ "qfThreadInfo", p_threads, false },
	{ "qsThreadInfo", p_no_more_threads, false },
	{ "qThreadExtraInfo,", p_thread_name, false },
	{ "qCRC", p_unknown, false }, /* begins like the next */
	{ "qC", p_present_thread, false },
	{ "qAttached", p_attached, false },
	{ "qSupported", p_supported, false },
	{ "qXfer:features:read:target.xml:", p_description, false },
	{ "qRcmd,", p_monitor, false },
	{ "QStartNoAckMode", p_no_ack, false },
	{ "!", p_yes, false },
};

static void packet_run(struct gdb *g, const char *text)
{
	for (unsigned i = 0; i < ARRAY_SIZE(packets); i++) {
		size_t len = strlen(packets[i].begins);

		if (strncmp(text, packets[i].begins, len))
			continue;
		packets[i].run(g, text + len);
		if (!packets[i].silent)
			reply_send(g);
		return;
	}
	packet_send(g, "", 0); /* not understood */
}

/* One packet from the front of g->in; returns the bytes used, 0: it is not all there. */
static size_t packet_take(struct gdb *g)
{
	char *hash = memchr(g->in, '#', g->in_len), text[GDB_PACKET + 8];
	size_t len = hash ? (size_t)(hash - g->in) - 1 : 0;
	u8 sum = 0, want = 0;

	if (!hash || (size_t)(hash - g->in) + 3 > g->in_len)
		return 0;
	for (size_t i = 0; i < len; i++)
		sum += (u8)g->in[1 + i];
	if (!hex_bytes(hash + 1, 1, &want) || want != sum) {
		send_all(g, "-", 1);
		return len + 4;
	}
	if (!g->no_ack)
		send_all(g, "+", 1);
	memcpy(text, g->in + 1, len);
	text[len] = 0;
	packet_run(g, text);
	return len + 4;
}

static size_t piece_take(struct gdb *g)
{
	if (g->in[0] == '$')
		return packet_take(g);
	if (g->in[0] == 3 && !g->s.d->held)
		stop_hold(g->s.d, STOP_ASKED, g->s.cpu, "stopped by gdb");
	return 1; /* acknowledgements, and what is between packets */
}

void gdb_bytes(struct gdb *g, const char *buf, size_t len)
{
	while (len && !g->gone) {
		size_t n = sizeof(g->in) - g->in_len, used;

		n = n < len ? n : len;
		if (!n) { /* longer than we said a packet may be */
			g->gone = true;
			return;
		}
		memcpy(g->in + g->in_len, buf, n);
		g->in_len += n;
		buf += n;
		len -= n;
		while (g->in_len && !g->gone && (used = piece_take(g))) {
			memmove(g->in, g->in + used, g->in_len - used);
			g->in_len -= used;
		}
	}
}

/* ---- a session ---- */

static void sleep_until_woken(struct gdb *g, struct pollfd f[2])
{
	u64 times;

	pthread_mutex_unlock(&g->s.d->lock);
	poll(f, 2, -1);
	if (f[1].revents && read(g->client.wake, &times, sizeof(times)) < 0)
		f[1].revents = 0;
	pthread_mutex_lock(&g->s.d->lock);
}

static void loop(struct gdb *g)
{
	struct pollfd f[2] = { { g->fd, POLLIN, 0 }, { g->client.wake, POLLIN, 0 } };
	struct dbg *d = g->s.d;
	char buf[4096];

	while (!g->gone && !d->closing) {
		if (g->running && d->held && g->seen != d->stop.count) {
			if (d->stop.why == STOP_EVENT)
				out_say(&g->to, "%s\n", d->stop.text);
			report(g);
			reply_send(g);
		}
		sleep_until_woken(g, f);
		if (f[0].revents) {
			ssize_t n = recv(g->fd, buf, sizeof(buf), MSG_DONTWAIT);

			if (n > 0)
				gdb_bytes(g, buf, (size_t)n);
			else if (!n || (errno != EINTR && errno != EAGAIN))
				g->gone = true;
		}
	}
	if (d->closing && g->running)
		packet_send(g, "W00", 3);
}

/* gdb expects the machine to stand when it comes. */
struct gdb *gdb_new(struct dbg *d, int fd)
{
	struct gdb *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	session_init(&g->s, d, &g->to);
	g->to.put = console_put;
	g->fd = fd;
	g->client.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	client_add(d, &g->client);
	if (!d->held)
		stop_hold(d, STOP_ASKED, 0, "gdb came");
	return g;
}

void gdb_free(struct gdb *g)
{
	release(g);
	client_remove(g->s.d, &g->client);
	close(g->client.wake);
	close(g->fd);
	free(g->description);
	free(g);
}

static void gdb_serve(struct dbg *d, int fd)
{
	struct gdb *g;

	pthread_mutex_lock(&d->lock);
	g = gdb_new(d, fd);
	if (g) {
		loop(g);
		gdb_free(g);
	} else {
		close(fd);
	}
	pthread_mutex_unlock(&d->lock);
}

int dbg_gdb(struct dbg *d, const char *where, struct err *e)
{
	return door_open(d, where, gdb_serve, e);
}
