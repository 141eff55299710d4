/* store_ring.c - what a guest asks of xenstore: messages in a ring, and their answers. */
#include "xen/store_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#define OUT_MAX KIB(256)

static struct xenstore_domain_interface *ring(struct xen *x)
{
	return (struct xenstore_domain_interface *)(void *)frame_host(x, x->store_mfn);
}

/* ---- out ---- */

static void out_bytes(struct store *s, const void *data, u32 len)
{
	u8 *more;

	if (s->out_len + len > OUT_MAX) { /* it does not read: it shall not eat our memory */
		s->dead = true;
		return;
	}
	if (s->out_len + len > s->out_room) {
		more = realloc(s->out, s->out_len + len + 4096);
		if (!more) {
			s->dead = true;
			return;
		}
		s->out = more;
		s->out_room = s->out_len + len + 4096;
	}
	if (len)
		memcpy(s->out + s->out_len, data, len);
	s->out_len += len;
}

static void answer(struct store *s, const struct xsd_sockmsg *q, u32 type, const void *data, u32 len)
{
	struct xsd_sockmsg a = { type, q->req_id, q->tx_id, len };

	if (len > STORE_PAYLOAD) {
		a.type = XS_ERROR;
		a.len = 6;
		out_bytes(s, &a, sizeof(a));
		out_bytes(s, "E2BIG", 6);
		return;
	}
	out_bytes(s, &a, sizeof(a));
	out_bytes(s, data, len);
}

static void answer_error(struct store *s, const struct xsd_sockmsg *q, int rc)
{
	static const struct { int rc; const char *name; } names[] = {
		{ -ENOENT, "ENOENT" }, { -EACCES, "EACCES" }, { -EEXIST, "EEXIST" },
		{ -ENOMEM, "ENOMEM" }, { -ENOSPC, "ENOSPC" }, { -ENOSYS, "ENOSYS" },
		{ -E2BIG, "E2BIG" },
	};
	const char *name = "EINVAL";

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		name = names[i].rc == rc ? names[i].name : name;
	answer(s, q, XS_ERROR, name, (u32)strlen(name) + 1);
}

void watch_send(struct xen *x, const struct watch *w, const char *path)
{
	struct xsd_sockmsg m = { XS_WATCH_EVENT, 0, 0, 0 };
	char text[3 * STORE_PATH];
	int n;

	/* Told in the words it was asked in. */
	if (w->as[0] != '/' && w->as[0] != '@' && path_below(path, HOME))
		path += strlen(HOME "/");
	n = snprintf(text, sizeof(text), "%s%c%s", path, 0, w->token);
	answer(x->store, &m, XS_WATCH_EVENT, text, (u32)n + 1);
}

void store_ring_flush(struct xen *x)
{
	struct xenstore_domain_interface *r = ring(x);
	struct store *s = x->store;
	u32 prod = r->rsp_prod, cons = __atomic_load_n(&r->rsp_cons, __ATOMIC_ACQUIRE), n = 0;

	while (n < s->out_len && prod - cons < XENSTORE_RING_SIZE)
		r->rsp[prod++ % XENSTORE_RING_SIZE] = (char)s->out[n++];
	if (!n)
		return;
	memmove(s->out, s->out + n, s->out_len - n);
	s->out_len -= n;
	__atomic_store_n(&r->rsp_prod, prod, __ATOMIC_RELEASE);
	event_set(x, x->store_port);
}

/* ---- one message ---- */

struct request {
	struct xsd_sockmsg m;
	const char *text; /* m.len bytes, and a NUL behind them */
	char path[STORE_PATH]; /* the first text in it, as an absolute path */
};

static int path_take(struct request *q)
{
	size_t n = strnlen(q->text, q->m.len);
	int len;

	if (!n || n == q->m.len + 1u)
		return -EINVAL;
	if (q->text[0] == '/' || q->text[0] == '@')
		len = snprintf(q->path, sizeof(q->path), "%s", q->text);
	else
		len = snprintf(q->path, sizeof(q->path), HOME "/%s", q->text);
	if (len >= (int)sizeof(q->path) || strstr(q->path, "//"))
		return -EINVAL;
	if (len > 1 && q->path[len - 1] == '/')
		q->path[len - 1] = 0;
	return 0;
}

/* The second text of a request; NULL: there is none. */
static const char *second(const struct request *q)
{
	size_t n = strnlen(q->text, q->m.len) + 1;

	return n < q->m.len ? q->text + n : NULL;
}

static bool may_write(const char *path)
{
	return path_below(path, HOME);
}

static int do_read(struct xen *x, struct request *q)
{
	struct node *n = node_find(x->store, q->path);

	if (!n)
		return -ENOENT;
	answer(x->store, &q->m, q->m.type, n->value, n->len);
	return 0;
}

static int do_directory(struct xen *x, struct request *q)
{
	char list[STORE_PAYLOAD];
	size_t top = strlen(q->path), len = 0;

	if (!node_find(x->store, q->path) && strcmp(q->path, "/"))
		return -ENOENT;
	if (!strcmp(q->path, "/"))
		top = 0;
	for (struct node *n = x->store->first; n; n = n->next) {
		size_t name;

		if (strncmp(n->path, q->path, top) || n->path[top] != '/' ||
		    strchr(n->path + top + 1, '/'))
			continue;
		name = strlen(n->path + top + 1) + 1;
		if (len + name > sizeof(list))
			return -E2BIG;
		memcpy(list + len, n->path + top + 1, name);
		len += name;
	}
	answer(x->store, &q->m, q->m.type, list, (u32)len);
	return 0;
}

static int ok(struct xen *x, struct request *q)
{
	answer(x->store, &q->m, q->m.type, "OK", 3);
	return 0;
}

static void changed(struct xen *x, const char *path)
{
	blk_store_changed(x, path);
	vif_store_changed(x, path);
}

static int do_write(struct xen *x, struct request *q)
{
	const char *value = second(q);
	u32 len = value ? q->m.len - (u32)(value - q->text) : 0;
	int rc;

	if (!may_write(q->path))
		return -EACCES;
	rc = node_write(x, q->path, value ? value : "", len);
	if (rc)
		return rc;
	ok(x, q);
	changed(x, q->path);
	return 0;
}

static int do_mkdir(struct xen *x, struct request *q)
{
	int rc = 0;

	if (!may_write(q->path))
		return -EACCES;
	if (!node_find(x->store, q->path))
		rc = node_write(x, q->path, "", 0);
	return rc ? rc : ok(x, q);
}

static int do_rm(struct xen *x, struct request *q)
{
	int rc;

	if (!may_write(q->path) || !strcmp(q->path, HOME))
		return -EACCES;
	rc = node_remove(x, q->path);
	if (rc)
		return rc;
	ok(x, q);
	changed(x, q->path);
	return 0;
}

static int do_watch(struct xen *x, struct request *q)
{
	const char *token = second(q);
	struct watch *w;
	int rc;

	if (!token || strlen(token) >= STORE_PATH || strlen(q->text) >= STORE_PATH)
		return -EINVAL;
	rc = watch_add(x->store, q->path, q->text, token, &w);
	if (rc)
		return rc;
	ok(x, q);
	watch_send(x, w, q->path);
	return 0;
}

static int do_unwatch(struct xen *x, struct request *q)
{
	const char *token = second(q);
	int rc = token ? watch_drop(x->store, q->text, token) : -EINVAL;

	return rc ? rc : ok(x, q);
}

/* Nobody else writes while a message is served, so a transaction is a run of messages. */
static int do_start(struct xen *x, struct request *q)
{
	char id[16];
	int n = snprintf(id, sizeof(id), "%u", ++x->store->transactions);

	answer(x->store, &q->m, q->m.type, id, (u32)n + 1);
	return 0;
}

static int do_home(struct xen *x, struct request *q)
{
	char path[64];
	int n = snprintf(path, sizeof(path), "/local/domain/%lu", strtoul(q->text, NULL, 10));

	answer(x->store, &q->m, q->m.type, path, (u32)n + 1);
	return 0;
}

static int do_perms(struct xen *x, struct request *q)
{
	if (!node_find(x->store, q->path))
		return -ENOENT;
	answer(x->store, &q->m, q->m.type, "n1", 3);
	return 0;
}

static int do_introduced(struct xen *x, struct request *q)
{
	answer(x->store, &q->m, q->m.type, "T", 2);
	return 0;
}

static int do_reset(struct xen *x, struct request *q)
{
	while (x->store->watches) {
		struct watch *w = x->store->watches;

		x->store->watches = w->next;
		free(w);
	}
	return ok(x, q);
}

static const struct {
	u32 type;
	bool path; /* its payload begins with one */
	int (*fn)(struct xen *x, struct request *q);
} rows[] = {
	{ XS_READ, true, do_read }, { XS_DIRECTORY, true, do_directory }, { XS_WRITE, true, do_write },
	{ XS_MKDIR, true, do_mkdir }, { XS_RM, true, do_rm }, { XS_WATCH, true, do_watch },
	{ XS_UNWATCH, true, do_unwatch }, { XS_TRANSACTION_START, false, do_start },
	{ XS_TRANSACTION_END, false, ok }, { XS_GET_DOMAIN_PATH, false, do_home },
	{ XS_GET_PERMS, true, do_perms }, { XS_SET_PERMS, true, ok },
	{ XS_IS_DOMAIN_INTRODUCED, false, do_introduced }, { XS_RESET_WATCHES, false, do_reset },
};

static void serve_one(struct xen *x, struct request *q)
{
	int rc = -ENOSYS;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].type != q->m.type)
			continue;
		rc = rows[i].path ? path_take(q) : 0;
		if (!rc)
			rc = rows[i].fn(x, q);
		break;
	}
	if (rc)
		answer_error(x->store, &q->m, rc);
}

/* A whole message stands in s->in? */
static bool whole(struct xen *x)
{
	struct store *s = x->store;
	char text[STORE_PAYLOAD + 1];
	struct request q;

	if (s->in_len < sizeof(q.m))
		return false;
	memcpy(&q.m, s->in, sizeof(q.m));
	if (q.m.len > STORE_PAYLOAD) {
		s->dead = true;
		return false;
	}
	if (s->in_len < sizeof(q.m) + q.m.len)
		return false;
	memcpy(text, s->in + sizeof(q.m), q.m.len);
	text[q.m.len] = 0;
	q.text = text;
	s->in_len = 0;
	serve_one(x, &q);
	return true;
}

/* How many bytes the message under way still needs. */
static u32 wanted(const struct store *s)
{
	struct xsd_sockmsg m;

	if (s->in_len < sizeof(m))
		return (u32)sizeof(m) - s->in_len;
	memcpy(&m, s->in, sizeof(m));
	return (u32)sizeof(m) + m.len - s->in_len;
}

void store_serve(struct xen *x, void *unused)
{
	struct xenstore_domain_interface *r = ring(x);
	struct store *s = x->store;
	u32 cons = r->req_cons, prod = __atomic_load_n(&r->req_prod, __ATOMIC_ACQUIRE), before = cons;

	(void)unused;
	if (prod - cons > XENSTORE_RING_SIZE)
		s->dead = true;
	while (!s->dead && cons != prod) {
		for (u32 n = wanted(s); n && cons != prod; n--)
			s->in[s->in_len++] = (u8)r->req[cons++ % XENSTORE_RING_SIZE];
		whole(x);
	}
	__atomic_store_n(&r->req_cons, cons, __ATOMIC_RELEASE);
	if (cons != before)
		event_set(x, x->store_port);
	store_ring_flush(x);
}
