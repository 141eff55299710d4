/* qmp.c - a part of QEMU's machine protocol: JSON objects in, JSON objects out. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbg/hmp.h"

#define INPUT_MAX 65536
#define FDS 8

/*
 * Enough for drgn's --qemu and for scripts that stop, look and go on.
 * Source: QEMU's QMP specification, docs/interop/qmp-spec.
 */
struct qmp {
	struct dbg *d;
	int fd;
	bool ready;  /* capabilities were negotiated */
	bool gone;
	char in[INPUT_MAX];
	size_t in_len;
	int came;    /* file that came with the last bytes, -1 none */
	struct { char *name; int fd; } kept[FDS];
};

/* A command: its result, or NULL with e set. Called with the debugger's lock. */
struct qmp_row {
	const char *name;
	json_t *(*run)(struct qmp *q, json_t *args, struct err *e);
};

static void send_json(struct qmp *q, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0, at = 0;

	while (at < len && !q->gone) {
		ssize_t n = send(q->fd, text + at, len - at, MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else if (n < 0 && errno != EINTR)
			q->gone = true;
	}
	if (!q->gone && send(q->fd, "\r\n", 2, MSG_NOSIGNAL) < 0)
		q->gone = true;
	free(text);
	json_decref(o);
}

/* ---- commands ---- */

static json_t *q_capabilities(struct qmp *q, json_t *args, struct err *e)
{
	(void)args, (void)e;
	q->ready = true;
	return json_object();
}

static json_t *q_status(struct qmp *q, json_t *args, struct err *e)
{
	bool runs = !q->d->held && !q->d->qmp_stopped;

	(void)args, (void)e;
	return json_pack("{s:b,s:b,s:s}", "running", runs, "singlestep", 0, "status",
			 runs ? "running" : "paused");
}

static json_t *q_target(struct qmp *q, json_t *args, struct err *e)
{
	(void)q, (void)args, (void)e;
	return json_pack("{s:s}", "arch", "x86_64");
}

static json_t *q_stop(struct qmp *q, json_t *args, struct err *e)
{
	(void)args, (void)e;
	if (!q->d->qmp_stopped)
		vm_pause(q->d->vm);
	q->d->qmp_stopped = true;
	return json_object();
}

static json_t *q_cont(struct qmp *q, json_t *args, struct err *e)
{
	(void)args, (void)e;
	if (q->d->qmp_stopped)
		vm_resume(q->d->vm);
	q->d->qmp_stopped = false;
	q->d->ran = true;
	return json_object();
}

static json_t *q_monitor(struct qmp *q, json_t *args, struct err *e)
{
	const char *line = json_string_value(json_object_get(args, "command-line"));
	struct out_text text;
	json_t *ret;

	if (!line) {
		err_set(e, -EINVAL, "Parameter 'command-line' is missing");
		return NULL;
	}
	out_text_init(&text, MIB(16));
	hmp_run(q->d, line, &text.out);
	ret = json_stringn_nocheck(text.at ? text.at : "", text.len);
	free(text.at);
	return ret;
}

static int find_fd(struct qmp *q, const char *name)
{
	for (int i = 0; name && i < FDS; i++)
		if (q->kept[i].name && !strcmp(q->kept[i].name, name))
			return i;
	return -1;
}

static void forget_fd(struct qmp *q, int i)
{
	free(q->kept[i].name);
	close(q->kept[i].fd);
	q->kept[i].name = NULL;
}

static json_t *q_getfd(struct qmp *q, json_t *args, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "fdname"));
	int i = find_fd(q, name);

	if (!name || q->came < 0) {
		err_set(e, -EINVAL, name ? "No file descriptor supplied via SCM_RIGHTS"
					 : "Parameter 'fdname' is missing");
		return NULL;
	}
	if (i >= 0)
		forget_fd(q, i);
	for (i = 0; i < FDS && q->kept[i].name; i++)
		;
	if (i == FDS) {
		err_set(e, -ENOSPC, "%d files are kept already", FDS);
		return NULL;
	}
	q->kept[i].name = strdup(name);
	q->kept[i].fd = q->came;
	q->came = -1;
	return json_object();
}

static json_t *q_closefd(struct qmp *q, json_t *args, struct err *e)
{
	const char *name = json_string_value(json_object_get(args, "fdname"));
	int i = find_fd(q, name);

	if (i < 0) {
		err_set(e, -ENOENT, "File descriptor named '%s' not found", name ? name : "");
		return NULL;
	}
	forget_fd(q, i);
	return json_object();
}

static json_t *q_dump(struct qmp *q, json_t *args, struct err *e)
{
	const char *to = json_string_value(json_object_get(args, "protocol"));
	json_t *begin = json_object_get(args, "begin"), *length = json_object_get(args, "length");
	int i = to && !strncmp(to, "fd:", 3) ? find_fd(q, to + 3) : -1;
	struct session s;
	struct out none = { hmp_drop };
	struct view v;
	int rc;

	if (i < 0 || !begin != !length || json_is_true(json_object_get(args, "paging"))) {
		err_set(e, -EINVAL, "only 'fd:NAME' of a file that getfd took, without paging");
		return NULL;
	}
	session_init(&s, q->d, &none);
	vm_pause(q->d->vm);
	q->d->ran = true;
	v = session_view(&s);
	rc = crash_core_part(&v, GPA(begin ? (u64)json_integer_value(begin) : 0),
			     length ? (u64)json_integer_value(length) : UINT64_MAX, q->kept[i].fd, e);
	vm_resume(q->d->vm);
	forget_fd(q, i); /* who reads it waits for its end */
	return rc ? NULL : json_object();
}

static json_t *q_powerdown(struct qmp *q, json_t *args, struct err *e)
{
	(void)args, (void)e;
	vm_power_button(q->d->vm);
	return json_object();
}

static json_t *q_reset(struct qmp *q, json_t *args, struct err *e)
{
	(void)args, (void)e;
	vm_reset(q->d->vm);
	return json_object();
}

static json_t *q_quit(struct qmp *q, json_t *args, struct err *e)
{
	(void)args, (void)e;
	vm_stop(q->d->vm, VM_QUIT, "%s", "");
	return json_object();
}

static json_t *q_commands(struct qmp *q, json_t *args, struct err *e);

static const struct qmp_row rows[] = {
	{ "qmp_capabilities", q_capabilities },
	{ "query-commands", q_commands },
	{ "query-status", q_status },
	{ "query-target", q_target },
	{ "stop", q_stop },
	{ "cont", q_cont },
	{ "human-monitor-command", q_monitor },
	{ "getfd", q_getfd },
	{ "closefd", q_closefd },
	{ "dump-guest-memory", q_dump },
	{ "system_powerdown", q_powerdown },
	{ "system_reset", q_reset },
	{ "quit", q_quit },
};

static json_t *q_commands(struct qmp *q, json_t *args, struct err *e)
{
	json_t *all = json_array();

	(void)q, (void)args, (void)e;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		json_array_append_new(all, json_pack("{s:s}", "name", rows[i].name));
	return all;
}

/* ---- requests ---- */

static json_t *error(const char *class, const char *text)
{
	return json_pack("{s:{s:s,s:s}}", "error", "class", class, "desc", text);
}

static json_t *answer(struct qmp *q, json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "execute"));
	struct err e = { "" };
	json_t *ret;

	if (!name)
		return error("GenericError", "QMP input lacks member 'execute'");
	if (!q->ready && strcmp(name, "qmp_capabilities"))
		return error("CommandNotFound", "Expecting capabilities negotiation with "
			     "'qmp_capabilities'");
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(name, rows[i].name)) {
			pthread_mutex_lock(&q->d->lock);
			ret = rows[i].run(q, json_object_get(request, "arguments"), &e);
			pthread_mutex_unlock(&q->d->lock);
			return ret ? json_pack("{s:o}", "return", ret) : error("GenericError", e.text);
		}
	return error("CommandNotFound", "The command is not known");
}

static void serve_one(struct qmp *q, json_t *request)
{
	json_t *reply = answer(q, request), *id = json_object_get(request, "id");

	if (reply && id)
		json_object_set(reply, "id", id);
	send_json(q, reply);
}

static void skip(struct qmp *q, size_t len)
{
	memmove(q->in, q->in + len, q->in_len - len);
	q->in_len -= len;
}

/* One object from the front of the input; false: it is not all there. */
static bool take(struct qmp *q)
{
	json_error_t why;
	json_t *o;

	while (q->in_len && strchr(" \t\r\n", q->in[0]) && q->in[0])
		skip(q, 1);
	if (!q->in_len)
		return false;
	o = json_loadb(q->in, q->in_len, JSON_DISABLE_EOF_CHECK, &why);
	if (o) {
		serve_one(q, o);
		json_decref(o);
		skip(q, (size_t)why.position);
		return true;
	}
	if (json_error_code(&why) == json_error_premature_end_of_input && q->in_len < INPUT_MAX)
		return false;
	send_json(q, error("GenericError", "JSON parse error"));
	skip(q, q->in_len);
	return false;
}

void qmp_bytes(struct qmp *q, const char *buf, size_t len)
{
	while (len && !q->gone) {
		size_t n = sizeof(q->in) - q->in_len;

		n = n < len ? n : len;
		memcpy(q->in + q->in_len, buf, n);
		q->in_len += n;
		buf += n;
		len -= n;
		while (!q->gone && take(q))
			;
	}
}

/* Bytes, and perhaps a file that comes with them. */
static ssize_t receive(struct qmp *q, char *buf, size_t len)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } c;
	struct iovec iov = { buf, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.room,
			    .msg_controllen = sizeof(c.room) };
	ssize_t n = recvmsg(q->fd, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
		if (q->came >= 0)
			close(q->came);
		memcpy(&q->came, CMSG_DATA(h), sizeof(int));
	}
	return n;
}

struct qmp *qmp_new(struct dbg *d, int fd)
{
	struct qmp *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->d = d;
	q->fd = fd;
	q->came = -1;
	send_json(q, json_pack("{s:{s:{s:{s:i,s:i,s:i},s:s},s:[]}}", "QMP", "version", "qemu",
			       "micro", 0, "minor", 2, "major", 7, "package", "pandok", "capabilities"));
	return q;
}

void qmp_free(struct qmp *q)
{
	for (int i = 0; i < FDS; i++)
		if (q->kept[i].name)
			forget_fd(q, i);
	if (q->came >= 0)
		close(q->came);
	close(q->fd);
	free(q);
}

static void qmp_serve(struct dbg *d, int fd)
{
	struct qmp *q = qmp_new(d, fd);
	char buf[4096];
	ssize_t n;

	if (!q) {
		close(fd);
		return;
	}
	while (!q->gone && ((n = receive(q, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)))
		qmp_bytes(q, buf, n > 0 ? (size_t)n : 0);
	qmp_free(q);
}

int dbg_qmp(struct dbg *d, const char *where, struct err *e)
{
	return door_open(d, where, qmp_serve, e);
}
