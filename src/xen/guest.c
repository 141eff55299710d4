/* guest.c - the guest's virtual memory: every access by its own page tables and rights. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>

static int walk(struct xen *x, u64 va, unsigned acc, struct walk *w)
{
	const struct vcpu *v = x->v;
	struct paging p = { v->cr0, v->cr3, v->cr4, v->efer, false, v->pkru };

	if ((u64)((i64)(va << 16) >> 16) != va)
		return -EFAULT;
	return mem_walk(x->mem, &p, GVA(va), acc | ACC_USER, w);
}

static u64 room(u64 va, u64 len)
{
	u64 left = GUEST_PAGE_SIZE - (va & (GUEST_PAGE_SIZE - 1));

	return len < left ? len : left;
}

int guest_read(struct xen *x, u64 va, void *buf, u64 len)
{
	struct walk w;

	for (u64 n; len; len -= n, va += n, buf = (u8 *)buf + n) {
		n = room(va, len);
		if (walk(x, va, ACC_R, &w) || mem_read(x->mem, w.at, n, buf))
			return -EFAULT;
	}
	return 0;
}

int guest_write(struct xen *x, u64 va, const void *buf, u64 len)
{
	struct walk w;

	for (u64 at = va, left = len, n; left; left -= n, at += n) {
		n = room(at, left);
		if (walk(x, at, ACC_W, &w))
			return -EFAULT;
	}
	for (u64 n; len; len -= n, va += n, buf = (const u8 *)buf + n) {
		n = room(va, len);
		if (walk(x, va, ACC_W, &w) || mem_write(x->mem, w.at, n, buf))
			return -EFAULT;
	}
	return 0;
}

bool guest_pte(struct xen *x, u64 va, u64 *ret, u64 *entry)
{
	struct walk w;
	bool mapped = !walk(x, va, ACC_R | ACC_QUIET, &w);

	if (w.levels != 4)
		return false;
	(void)mapped;
	*ret = w.entry_at[3].at;
	*entry = w.entry[3];
	return true;
}
