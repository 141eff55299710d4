/* store.c - xenstore: a small tree of names and values, and who watches it. Knows no ring. */
#include "xen/store_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*H:900 A tree of names
 * How does a guest find its disk? Xen has no bus; it has a tree of names that both sides may write and
 * watch. Under device/vbd/51712 the guest finds who serves it, writes down a page and a port, and counts
 * its own state up as the other side counts its own. Everything here that a guest may fill has a limit.
 * @test ladder.sh
 */
#define NODES_MAX 1000
#define WATCHES_MAX 128

void node_free(struct node *n)
{
	free(n->path);
	free(n->value);
	free(n);
}

struct node *node_find(struct store *s, const char *path)
{
	for (struct node *n = s->first; n; n = n->next)
		if (!strcmp(n->path, path))
			return n;
	return NULL;
}

/* Is path at or below top? */
bool path_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strncmp(path, top, len) && (!path[len] || path[len] == '/' || (len && top[len - 1] == '/'));
}

static int node_add(struct store *s, const char *path, struct node **ret)
{
	struct node *n;

	if (s->n >= NODES_MAX)
		return -ENOSPC;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->path = strdup(path);
	n->value = calloc(1, 1);
	if (!n->path || !n->value) {
		node_free(n);
		return -ENOMEM;
	}
	n->next = s->first;
	s->first = n;
	s->n++;
	*ret = n;
	return 0;
}

/* The node at path and all above it. */
static int node_make(struct store *s, const char *path, struct node **ret)
{
	char above[STORE_PATH];
	int rc = 0;

	for (const char *p = strchr(path + 1, '/'); p && !rc; p = strchr(p + 1, '/')) {
		snprintf(above, sizeof(above), "%.*s", (int)(p - path), path);
		if (!node_find(s, above))
			rc = node_add(s, above, ret);
	}
	*ret = rc ? NULL : node_find(s, path);
	return rc || *ret ? rc : node_add(s, path, ret);
}

void watches_fire(struct xen *x, const char *path)
{
	for (struct watch *w = x->store->watches; w; w = w->next)
		if (path_below(path, w->path))
			watch_send(x, w, path);
}

int node_write(struct xen *x, const char *path, const void *value, u32 len)
{
	struct node *n;
	char *copy;
	int rc = node_make(x->store, path, &n);

	if (rc)
		return rc;
	copy = malloc(len + 1u);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, value, len);
	copy[len] = 0;
	free(n->value);
	n->value = copy;
	n->len = len;
	watches_fire(x, path);
	return 0;
}

int node_remove(struct xen *x, const char *path)
{
	bool any = false;

	for (struct node **at = &x->store->first; *at;) {
		struct node *n = *at;

		if (!path_below(n->path, path)) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		x->store->n--;
		node_free(n);
		any = true;
	}
	if (any)
		watches_fire(x, path);
	return any ? 0 : -ENOENT;
}

int watch_add(struct store *s, const char *path, const char *as, const char *token, struct watch **ret)
{
	struct watch *w;
	unsigned n = 0;

	for (w = s->watches; w; w = w->next, n++)
		if (!strcmp(w->as, as) && !strcmp(w->token, token))
			return -EEXIST;
	if (n >= WATCHES_MAX)
		return -E2BIG;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	snprintf(w->path, sizeof(w->path), "%s", path);
	snprintf(w->as, sizeof(w->as), "%s", as);
	snprintf(w->token, sizeof(w->token), "%s", token);
	w->next = s->watches;
	s->watches = w;
	*ret = w;
	return 0;
}

int watch_drop(struct store *s, const char *as, const char *token)
{
	for (struct watch **at = &s->watches; *at; at = &(*at)->next) {
		struct watch *w = *at;

		if (strcmp(w->as, as) || strcmp(w->token, token))
			continue;
		*at = w->next;
		free(w);
		return 0;
	}
	return -ENOENT;
}

/* ---- for the back ends ---- */

void store_set(struct xen *x, const char *path, const char *fmt, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	/* Without memory the guest finds nothing there, which it has to bear anyway. */
	if (node_write(x, path, value, (u32)strlen(value)))
		return;
}

const char *store_get(struct xen *x, const char *path)
{
	struct node *n = node_find(x->store, path);

	return n ? n->value : NULL;
}

u64 store_number(struct xen *x, const char *path)
{
	const char *v = store_get(x, path);

	return v ? strtoull(v, NULL, 10) : 0;
}

/* ---- life ---- */

static void first_names(struct xen *x)
{
	store_set(x, "/tool", "%s", "");
	store_set(x, HOME "/name", "pandok");
	store_set(x, HOME "/domid", "%d", DOMID);
	store_set(x, HOME "/vm", "/vm/1");
	store_set(x, HOME "/memory/target", "%llu", (ull)(x->npages * 4));
	store_set(x, HOME "/memory/static-max", "%llu", (ull)(x->npages * 4));
	store_set(x, HOME "/control/platform-feature-multiprocessor-suspend", "0");
	store_set(x, HOME "/cpu/0/availability", "online");
	store_set(x, HOME "/console/ring-ref", "%llu", (ull)x->console_frame);
	store_set(x, HOME "/console/port", "%u", x->console_port);
	store_set(x, HOME "/console/type", "xenconsoled");
	store_set(x, HOME "/store/ring-ref", "%llu", (ull)x->store_mfn);
	store_set(x, HOME "/store/port", "%u", x->store_port);
	store_set(x, HOME "/device", "%s", "");
	store_set(x, "/local/domain/0/domid", "0");
}

int store_new(struct xen *x, struct err *e)
{
	int rc;

	store_free(x->store);
	x->store = calloc(1, sizeof(*x->store));
	if (!x->store)
		return err_set(e, -ENOMEM, "out of memory");
	pthread_mutex_lock(&x->lock);
	first_names(x);
	rc = blk_new(x, e);
	if (!rc)
		rc = vif_new(x, e);
	pthread_mutex_unlock(&x->lock);
	return rc;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	while (s->first) {
		struct node *n = s->first;

		s->first = n->next;
		node_free(n);
	}
	while (s->watches) {
		struct watch *w = s->watches;

		s->watches = w->next;
		free(w);
	}
	free(s->out);
	free(s);
}

void xen_shutdown_ask(struct xen *x)
{
	pthread_mutex_lock(&x->lock);
	store_set(x, HOME "/control/shutdown", "poweroff");
	store_ring_flush(x);
	pthread_mutex_unlock(&x->lock);
}
