/* vif.c - netfront's other side: frames between the guest's rings and a network. */
#include "xen/store.h"

int vif_new(struct xen *x, struct err *e)
{
	(void)x;
	(void)e;
	return 0;
}

void vif_free(struct xen *x)
{
	(void)x;
}

void vif_store_changed(struct xen *x, const char *path)
{
	(void)x;
	(void)path;
}
