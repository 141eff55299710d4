/* console.c - carries the guest's output to the back end and the log. */
#include "cli/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS 2000000    /* output comes in bursts: one wake-up for what comes within this time */
#define LINES_NS 100000000 /* how often modem lines are looked at */
#define FLUSH_NS 2000000000 /* how long a slow reader is waited for at the end */

/* From a vCPU thread, with the board locked: never wait here. */
static void output(struct console *c, u8 byte)
{
	ring_put(&c->ring, byte);
	if (atomic_load_explicit(&c->armed, memory_order_seq_cst) &&
	    atomic_exchange(&c->armed, false))
		loop_wake(c->loop);
}

static void port_put(struct serial_backend *b, u8 byte)
{
	output(container_of(b, struct console, port), byte);
}

static void debugcon_put(struct serial_backend *b, u8 byte)
{
	output(container_of(b, struct console, debugcon), byte);
}

static bool port_full(struct serial_backend *b)
{
	return ring_full(&container_of(b, struct console, port)->ring);
}

static void port_room(struct serial_backend *b)
{
	struct console *c = container_of(b, struct console, port);

	atomic_store(&c->room, true);
	loop_wake(c->loop);
}

static void port_line(struct serial_backend *b, const struct serial_line *l)
{
	struct console *c = container_of(b, struct console, port);
	u64 val;

	memcpy(&val, l, sizeof(val));
	if (atomic_exchange(&c->line, val) != val)
		loop_wake(c->loop);
}

/* The back end follows what the guest has set. */
static void line_follow(struct console *c)
{
	u64 val = atomic_load(&c->line);
	struct serial_line l;

	if (val == c->line_done || !c->serial.kind->line)
		return;
	c->line_done = val;
	memcpy(&l, &val, sizeof(l));
	c->serial.kind->line(&c->serial, &l);
}

/* And the guest what the other end drives; there is no way to wait for that. */
static void on_lines_look(struct alarm *a)
{
	struct console *c = container_of(a, struct console, lines_look);
	u8 lines = c->serial.kind->lines(&c->serial);

	if (lines != c->lines)
		vm_serial_lines(c->vm, c->input.port, lines);
	c->lines = lines;
	a->at_ns = loop_now() + LINES_NS;
}

/* Output that was asked for cannot be had any more: that ends the run, or spoils it when it is over. */
static void give_up(struct console *c, const char *what, int *fd)
{
	err_sys(&c->failed, "cannot write %s", what);
	vm_stop(c->vm, VM_ERROR, "%s", c->failed.text);
	if (*fd > STDERR_FILENO)
		close(*fd);
	*fd = -1;
}

static void write_log(struct console *c, const u8 *buf, size_t len)
{
	while (len && c->log_fd >= 0) {
		ssize_t n = write(c->log_fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			give_up(c, "the console log", &c->log_fd);
			return;
		}
		buf += n;
		len -= (size_t)n;
	}
}

static void keep_tail(struct console *c, const u8 *buf, size_t len)
{
	size_t skip = len > TAIL_MAX ? len - TAIL_MAX : 0, old;

	len -= skip;
	old = c->ntail + len > TAIL_MAX ? TAIL_MAX - len : c->ntail;
	memmove(c->tail, c->tail + c->ntail - old, old);
	memcpy(c->tail + old, buf + skip, len);
	c->ntail = (unsigned)(old + len);
}

static void watch(struct console *c)
{
	c->listen = (struct source){ c->serial.listen, POLLIN, c->listen.ready };
	input_watch(&c->input);
}

/* The back end can be written to no more: a client left, or output is lost for good. */
static void on_write_error(struct console *c)
{
	struct serial *s = &c->serial;

	if (s->kind->hang_up)
		s->kind->hang_up(s);
	else
		give_up(c, s->name, &s->out);
	watch(c);
}

/* Write what is there; true when something was, and all of it could be written. */
static bool drain(struct console *c)
{
	const u8 *buf;
	size_t len;
	bool any = false;

	c->out.events = 0;
	while ((len = ring_peek(&c->ring, &buf))) {
		long n = serial_write(&c->serial, buf, len);

		if (n < 0) {
			on_write_error(c);
			continue;
		}
		if (!n) {
			c->out.fd = c->serial.out;
			c->out.events = POLLOUT;
			return false;
		}
		c->last = buf[n - 1];
		write_log(c, buf, (size_t)n);
		viewers_put(&c->viewers, buf, (size_t)n);
		keep_tail(c, buf, (size_t)n);
		ring_skip(&c->ring, (size_t)n);
		any = true;
	}
	if (any)
		c->input.output_ns = loop_now();
	return any;
}

static void look(struct console *c)
{
	const u8 *buf;

	if (drain(c)) {
		c->look.at_ns = loop_now() + LOOK_NS;
	} else if (!c->out.events) {
		atomic_store(&c->armed, true);
		/* A byte that came before the store woke nobody. */
		if (ring_peek(&c->ring, &buf) && atomic_exchange(&c->armed, false))
			c->look.at_ns = 0;
	}
}

static void on_look(struct alarm *a)
{
	look(container_of(a, struct console, look));
}

static void on_out(struct source *s, short events)
{
	(void)events;
	look(container_of(s, struct console, out));
}

static void on_connect(struct source *s, short events)
{
	struct console *c = container_of(s, struct console, listen);

	(void)events;
	c->serial.kind->connect(&c->serial);
	watch(c);
}

void console_put(struct console *c, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ring_put(&c->ring, (u8)text[i]);
	c->look.at_ns = 0;
}

void console_woken(struct console *c)
{
	line_follow(c);
	if (atomic_exchange(&c->room, false)) {
		input_feed(&c->input);
		viewers_feed(&c->viewers);
	}
	if (!atomic_load(&c->armed) && c->look.at_ns == UINT64_MAX && !c->out.events)
		look(c);
}

static int open_log(struct console *c, const char *path, struct err *e)
{
	c->log_path = path;
	if (!path)
		return 0;
	c->log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return c->log_fd < 0 ? err_sys(e, "console log: cannot write '%s'", path) : 0;
}

int console_open(struct console *c, const char *where, const char *log, struct loop *l,
		 struct err *e)
{
	int rc;

	memset(c, 0, sizeof(*c));
	c->port = (struct serial_backend){ port_put, port_full, port_room, port_line };
	c->debugcon.put = debugcon_put;
	c->loop = l;
	c->log_fd = -1;
	c->serial.in = c->serial.out = c->serial.listen = c->serial.keep = -1;
	viewers_init(&c->viewers, l);
	rc = open_log(c, log, e);
	if (!rc)
		rc = serial_open(where, &c->serial, e);
	if (rc) {
		console_close(c);
		return rc;
	}
	c->look = (struct alarm){ 0, on_look };
	c->out = (struct source){ c->serial.out, 0, on_out };
	c->listen = (struct source){ c->serial.listen, POLLIN, on_connect };
	loop_add(l, &c->out);
	loop_add(l, &c->listen);
	loop_add_alarm(l, &c->look);
	c->lines_look = (struct alarm){ UINT64_MAX, on_lines_look };
	loop_add_alarm(l, &c->lines_look);
	input_init(&c->input, &c->serial, l);
	return 0;
}

void console_start(struct console *c, struct vm *vm, unsigned port)
{
	c->vm = vm;
	input_start(&c->input, vm, port);
	if (c->serial.kind->lines)
		c->lines_look.at_ns = 0;
	viewers_start(&c->viewers, vm, port);
}

void console_flush(struct console *c)
{
	u64 until = loop_now() + FLUSH_NS;

	while (drain(c) || (c->out.events && loop_now() < until)) {
		struct pollfd p = { c->serial.out, POLLOUT, 0 };

		if (c->out.events)
			poll(&p, 1, 100);
	}
}

void console_show_tail(const struct console *c)
{
	for (unsigned i = 0; i < c->ntail; i++)
		if (c->tail[i] != '\r')
			fputc(c->tail[i], stderr);
	if (c->last && c->last != '\n')
		fputc('\n', stderr);
}

void console_close(struct console *c)
{
	if (c->log_fd >= 0)
		close(c->log_fd);
	c->log_fd = -1;
	viewers_close(&c->viewers);
	serial_close(&c->serial);
}
