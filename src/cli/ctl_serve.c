/* ctl_serve.c - takes requests from the control socket; knows none of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unix.h"
#include "cli/ctl.h"
#include "cli/json.h"

#define NAMES 1000 /* that are tried when we choose one */

static void conn_close(struct ctl_conn *n)
{
	if (n->source.fd >= 0)
		close(n->source.fd);
	n->source.fd = -1;
}

/* ---- one request ---- */

static int split(struct ctl_call *c, char *line, struct err *e)
{
	char *save, *word;

	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (c->argc == CTL_ARGS)
			return err_set(e, -E2BIG, "the request has too many words");
		c->argv[c->argc++] = word;
	}
	return c->argc ? 0 : err_set(e, -EINVAL, "the request is empty; 'help' lists them");
}

static int serve(struct ctl_call *c, char *line, struct err *e)
{
	const struct ctl_row *r;
	int rc = split(c, line, e);

	if (rc)
		return rc;
	for (r = ctl_rows; r->name && strcmp(r->name, c->argv[0]); r++)
		;
	if (!r->name)
		return err_set(e, -ENOSYS, "unknown request '%s'; 'help' lists them", c->argv[0]);
	if (c->argc - 1 < r->min || c->argc - 1 > r->max)
		return err_set(e, -EINVAL, "usage: %s %s", r->name, r->usage);
	return r->run(c, e);
}

/* The client gets its answer at once or not at all: one that does not read is nobody to wait for. */
static bool send_all(int fd, const char *text, size_t len)
{
	return send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

/*L:470 A request
 * Every running machine listens at a socket that has its name. A request is a line of words, looked
 * up in a table; the reply is a line of JSON. A row may take the socket over once its reply is out:
 * that is how a viewer of the console gets its stream of bytes, and whatever else wants a
 * conversation of its own. All of it happens on the main thread between two sleeps, so a row must
 * not wait for anybody: a full client loses its connection, never the guest its time.
 * @test test/life/run
 */
static void answer(struct ctl_conn *n, char *line)
{
	struct ctl_call c = { .ctl = n->ctl, .conn = n };
	char *text = NULL, *members = NULL;
	size_t len, members_len;
	struct err e = { "" };
	FILE *to = open_memstream(&text, &len);
	bool sent = false;
	int rc;

	c.to = open_memstream(&members, &members_len);
	rc = to && c.to ? serve(&c, line, &e) : err_set(&e, -ENOMEM, "out of memory");
	if (c.to)
		fclose(c.to);
	if (to) {
		fprintf(to, "{\"ok\": %s", rc ? "false, \"error\": " : "true");
		if (rc)
			json_text(to, e.text);
		else
			fputs(members, to);
		fputs("}\n", to);
		fclose(to);
		sent = send_all(n->source.fd, text, len);
	}
	free(text);
	free(members);
	if (!sent) {
		conn_close(n);
	} else if (!rc && n->then) {
		int fd = n->source.fd;

		n->source.fd = -1;
		n->then(n->ctl, fd);
	}
}

/* ---- connections ---- */

static void take_lines(struct ctl_conn *n)
{
	char *end;

	while (n->source.fd >= 0 && (end = memchr(n->line, '\n', n->n))) {
		unsigned len = (unsigned)(end - n->line) + 1;
		char line[CTL_LINE_MAX];

		memcpy(line, n->line, len);
		line[len - 1] = 0;
		n->n -= len;
		memmove(n->line, n->line + len, n->n);
		answer(n, line);
	}
	if (n->n == sizeof(n->line)) /* no request is that long */
		conn_close(n);
}

static void on_ready(struct source *s, short events)
{
	struct ctl_conn *n = container_of(s, struct ctl_conn, source);
	ssize_t got = read(s->fd, n->line + n->n, sizeof(n->line) - n->n);

	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		conn_close(n);
		return;
	}
	n->n += (unsigned)got;
	take_lines(n);
}

static void on_connect(struct source *s, short events)
{
	struct ctl *c = container_of(s, struct ctl, listen);
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	static const char full[] = "{\"ok\": false, \"error\": \"too many connections\"}\n";

	(void)events;
	if (fd < 0)
		return;
	for (unsigned i = 0; i < CTL_CONNS; i++) {
		struct ctl_conn *n = &c->conn[i];

		if (n->source.fd >= 0)
			continue;
		n->source = (struct source){ fd, POLLIN, on_ready };
		n->n = 0;
		n->then = NULL;
		return;
	}
	send_all(fd, full, sizeof(full) - 1);
	close(fd);
}

/* ---- the socket ---- */

static int listen_as(struct ctl *c, const char *folder, const char *name, struct err *e)
{
	ctl_path(folder, name, c->path);
	c->listen.fd = unix_listen(c->path, e);
	if (c->listen.fd < 0) {
		c->path[0] = 0;
		return c->listen.fd;
	}
	strcpy(c->name, name);
	return 0;
}

static int choose_name(struct ctl *c, const char *folder, struct err *e)
{
	char name[CTL_NAME_MAX];
	int rc = -EADDRINUSE;

	for (unsigned i = 1; i < NAMES && rc == -EADDRINUSE; i++) {
		snprintf(name, sizeof(name), "vm%u", i);
		rc = listen_as(c, folder, name, e);
	}
	return rc;
}

static int place(struct ctl *c, const char *name, struct err *e)
{
	char folder[PATH_MAX];
	int rc = ctl_folder(folder, e);

	if (rc)
		return rc;
	if (!name)
		return choose_name(c, folder, e);
	rc = listen_as(c, folder, name, e);
	return rc == -EADDRINUSE ? err_set(e, rc, "a machine named '%s' runs already; give this one "
					   "another --name, or 'pandok stop %s'", name, name) : rc;
}

int ctl_open(struct ctl *c, const char *name, bool must, struct loop *l, struct err *e)
{
	int rc;

	*c = (struct ctl){ .listen = { -1, 0, on_connect }, .deadline = { UINT64_MAX, NULL } };
	rc = place(c, name, e);
	if (rc && must)
		return rc;
	if (rc)
		LOG(vm, INFO, "no control socket: %s", e->text);
	loop_add(l, &c->listen);
	loop_add_alarm(l, &c->deadline);
	for (unsigned i = 0; i < CTL_CONNS; i++) {
		c->conn[i] = (struct ctl_conn){ .source = { -1, 0, on_ready }, .ctl = c };
		loop_add(l, &c->conn[i].source);
	}
	return 0;
}

void ctl_start(struct ctl *c, const struct options *o, struct vm *vm, struct viewers *v)
{
	c->o = o;
	c->vm = vm;
	c->viewers = v;
	c->since_ns = loop_now();
	c->listen.events = POLLIN;
}

void ctl_close(struct ctl *c)
{
	if (!c->path[0])
		return;
	unlink(c->path);
	close(c->listen.fd);
	for (unsigned i = 0; i < CTL_CONNS; i++)
		conn_close(&c->conn[i]);
	c->path[0] = 0;
}
