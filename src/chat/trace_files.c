/* trace_files.c - follows descriptors through open, dup, close and fork, and gathers what went
 * through each file. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chat/trace.h"

#define FDS_MAX 4096

/* Descriptors of a process, or of several threads. */
struct table {
	struct file *file[FDS_MAX];
	struct table *next;
};

struct process {
	long pid;
	struct table *table;
	struct process *next;
};

static struct table *table_new(struct files *f, const struct table *like)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	if (like)
		memcpy(t->file, like->file, sizeof(t->file));
	t->next = f->tables;
	f->tables = t;
	return t;
}

static struct process *process_add(struct files *f, long pid, struct table *t)
{
	struct process *p = t ? malloc(sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	*p = (struct process){ pid, t, f->processes };
	f->processes = p;
	return p;
}

static struct process *process_find(const struct files *f, long pid)
{
	struct process *p = f->processes;

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

static struct process *process_fork(struct files *f, const struct process *parent, long pid, const char *args)
{
	return process_add(f, pid, strstr(args, "CLONE_FILES") ? parent->table
							       : table_new(f, parent->table));
}

/* A process that appears before its parent's fork has returned is that fork's child. One of which
 * nothing is known shares what the first one has: strace was told to follow it. */
static struct process *process_of(struct files *f, const struct log *l, long pid)
{
	struct process *p = process_find(f, pid), *parent;
	const char *args;
	long from;

	if (p)
		return p;
	args = log_forking(l, &from);
	parent = args ? process_find(f, from) : NULL;
	if (parent)
		return process_fork(f, parent, pid, args);
	return process_add(f, pid, f->processes ? f->processes->table : table_new(f, NULL));
}

static struct file *file_new(struct files *f, int fd)
{
	struct file *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->fd = fd;
	*f->last = n;
	f->last = &n->next;
	return n;
}

static bool is_fd(long fd) { return fd >= 0 && fd < FDS_MAX; }

/* ---- the calls ---- */

struct scene {
	struct files *f;
	struct process *p;
	const struct call *c;
};

static int opened(struct scene *s)
{
	const char *quote = strchr(s->c->args, '"');
	struct bytes path = { 0 };
	struct file *n;
	bool cut;
	int rc;

	if (!is_fd(s->c->ret) || !quote)
		return 0;
	n = file_new(s->f, (int)s->c->ret);
	rc = n ? string_take(&quote, &path, &cut) : -ENOMEM;
	if (!rc)
		snprintf(n->path, sizeof(n->path), "%.*s", (int)path.n, (char *)path.at);
	free(path.at);
	if (!rc)
		s->p->table->file[s->c->ret] = n;
	return rc;
}

static int duplicated(struct scene *s)
{
	long from = atol(s->c->args);

	if (is_fd(from) && is_fd(s->c->ret))
		s->p->table->file[s->c->ret] = s->p->table->file[from];
	return 0;
}

static int controlled(struct scene *s)
{
	return strstr(s->c->args, "F_DUPFD") ? duplicated(s) : 0;
}

static int closed(struct scene *s)
{
	long fd = atol(s->c->args);

	if (is_fd(fd) && s->c->ret >= 0)
		s->p->table->file[fd] = NULL;
	return 0;
}

static int forked(struct scene *s)
{
	if (s->c->ret <= 0 || process_find(s->f, s->c->ret))
		return 0;
	return process_fork(s->f, s->p, s->c->ret, s->c->args) ? 0 : -ENOMEM;
}

/* One more turn of the dialogue, or more of the last one. */
int turn_add(struct file *f, bool sent, const u8 *data, size_t len)
{
	struct turn *t = f->nturns ? &f->turn[f->nturns - 1] : NULL;

	if (!t || t->sent != sent) {
		t = realloc(f->turn, (f->nturns + 1) * sizeof(*t));
		if (!t)
			return -ENOMEM;
		f->turn = t;
		t += f->nturns++;
		*t = (struct turn){ sent, f->data.n, 0 };
	}
	t->n += len;
	return bytes_add(&f->data, data, len);
}

/* The file behind the first argument; one that was open before the log began is met here. */
static struct file *file_of(struct scene *s)
{
	long fd = atol(s->c->args);
	struct file **slot;

	if (!is_fd(fd))
		return NULL;
	slot = &s->p->table->file[fd];
	if (!*slot)
		*slot = file_new(s->f, (int)fd);
	return *slot;
}

/* Of the bytes that the arguments show, those that the result says went through. */
static int transfer(struct scene *s, bool sent)
{
	struct file *f = s->c->ret > 0 ? file_of(s) : NULL;
	const char *p = s->c->args;
	struct bytes data = { 0 };
	bool cut, any_cut = false;
	int rc = 0;

	if (!f)
		return s->c->ret > 0 && is_fd(atol(p)) ? -ENOMEM : 0;
	while (!rc && data.n < (size_t)s->c->ret && (p = strchr(p, '"'))) {
		rc = string_take(&p, &data, &cut);
		any_cut |= cut;
	}
	if (data.n > (size_t)s->c->ret)
		data.n = (size_t)s->c->ret;
	f->cut += any_cut && data.n < (size_t)s->c->ret;
	if (!rc && data.n)
		rc = turn_add(f, sent, data.at, data.n);
	free(data.at);
	return rc;
}

static int sent(struct scene *s) { return transfer(s, true); }
static int received(struct scene *s) { return transfer(s, false); }

static const struct {
	const char *name;
	int (*fn)(struct scene *s);
} rows[] = {
	{ "open", opened }, { "openat", opened }, { "openat2", opened }, { "creat", opened },
	{ "dup", duplicated }, { "dup2", duplicated }, { "dup3", duplicated }, { "fcntl", controlled },
	{ "fcntl64", controlled }, { "close", closed }, { "clone", forked }, { "clone3", forked },
	{ "fork", forked }, { "vfork", forked }, { "write", sent }, { "writev", sent }, { "send", sent },
	{ "sendto", sent }, { "read", received }, { "readv", received }, { "recv", received },
	{ "recvfrom", received },
};

int files_read(struct files *f, FILE *file)
{
	struct log l = { .file = file };
	struct call c;
	int rc;

	*f = (struct files){ .last = &f->first };
	while ((rc = log_next(&l, &c)) > 0) {
		struct scene s = { f, process_of(f, &l, c.pid), &c };

		rc = s.p ? 0 : -ENOMEM;
		for (unsigned i = 0; i < ARRAY_SIZE(rows) && !rc; i++)
			if (!strcmp(rows[i].name, c.name))
				rc = rows[i].fn(&s);
		if (rc)
			break;
	}
	log_close(&l);
	return rc;
}

void files_free(struct files *f)
{
	for (struct file *p = f->first, *next; p; p = next) {
		next = p->next;
		free(p->data.at);
		free(p->turn);
		free(p);
	}
	for (struct table *t = f->tables, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	for (struct process *p = f->processes, *next; p; p = next) {
		next = p->next;
		free(p);
	}
}
