/* store.h - xenstore, as the back ends see it. The lock is held in all of these. */
#ifndef PANDOK_XEN_STORE_H
#define PANDOK_XEN_STORE_H

#include "xen/int.h"

#define STORE_PATH 256

/* store_set - give the node at an absolute path a value; who watches it is told. */
void store_set(struct xen *x, const char *path, const char *fmt, ...) PRINTF(3, 4);

/* store_get - the value at an absolute path as text; NULL: there is no such node. */
const char *store_get(struct xen *x, const char *path);

/* store_number - its value as a decimal number; 0 when it is none. */
u64 store_number(struct xen *x, const char *path);

/* The guest wrote to, or removed, the node at path. */
void blk_store_changed(struct xen *x, const char *path);
void vif_store_changed(struct xen *x, const char *path);

/* blk_new, vif_new - announce disks and network cards to a new domain. */
int blk_new(struct xen *x, struct err *e);
void blk_free(struct xen *x);
int vif_new(struct xen *x, struct err *e);
void vif_free(struct xen *x);

#endif
