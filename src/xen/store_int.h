/* store_int.h - the tree and its ring, for the two files that are xenstore. */
#ifndef PANDOK_XEN_STORE_INT_H
#define PANDOK_XEN_STORE_INT_H

#include "xen/store.h"

#define HOME "/local/domain/1"
#define STORE_PAYLOAD 4096

struct node {
	struct node *next;
	char *path, *value;
	u32 len;
};

struct watch {
	struct watch *next;
	char path[STORE_PATH], as[STORE_PATH], token[STORE_PATH]; /* as: how the guest named it */
};

struct store {
	struct node *first;
	unsigned n;
	struct watch *watches;
	u8 in[16 + STORE_PAYLOAD]; /* a message under way */
	u32 in_len;
	u8 *out;                   /* answers that the ring has no room for */
	u32 out_len, out_room;
	u32 transactions;
	bool dead;                 /* the guest has broken the protocol */
};

struct node *node_find(struct store *s, const char *path);
int node_write(struct xen *x, const char *path, const void *value, u32 len);
int node_remove(struct xen *x, const char *path);
void node_free(struct node *n);
bool path_below(const char *path, const char *top);
int watch_add(struct store *s, const char *path, const char *as, const char *token, struct watch **ret);
int watch_drop(struct store *s, const char *as, const char *token);
void watches_fire(struct xen *x, const char *path);
void watch_send(struct xen *x, const struct watch *w, const char *path);
void store_ring_flush(struct xen *x);

#endif
