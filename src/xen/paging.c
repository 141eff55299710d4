/* paging.c - the hypercalls that change page tables, and writes to them that are let run. */
#include "xen/int.h"

#include <errno.h>
#include <string.h>

#define BATCH_MAX (1u << 20)
#define PREEMPTED (1u << 31) /* Xen sets it for itself in the count of a call that goes on */

/* Is it a page table of the guest's that is in use as one? */
static struct frame *page_table(struct xen *x, u64 mfn)
{
	struct frame *f = frame_of(x, mfn);

	return f && f->owner == OWN_GUEST && f->count && f->type >= T_L1 && f->type <= T_L4 ? f : NULL;
}

/* A frame that is no page table may hold anything: then it is memory like all other. */
static int plain_write(struct xen *x, u64 at, u64 val)
{
	struct frame *f = frame_of(x, at >> GUEST_PAGE_SHIFT);

	if (!f || f->owner != OWN_GUEST || (f->count && f->type == T_SEGMENT))
		return -EINVAL;
	return mem_write(x->mem, GPA(at), 8, &val);
}

static int update_one(struct xen *x, const void *op)
{
	const struct mmu_update *u = op;
	unsigned cmd = u->ptr & 3;
	u64 at = u->ptr & ~7ull, mfn = at >> GUEST_PAGE_SHIFT, val = u->val;
	struct frame *f;

	switch (cmd) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_PRESERVE_AD:
		if (!page_table(x, mfn))
			return plain_write(x, at, val);
		return entry_set(x, mfn, (at & (GUEST_PAGE_SIZE - 1)) / 8, val,
				 cmd == MMU_PT_UPDATE_PRESERVE_AD);
	case MMU_MACHPHYS_UPDATE:
		f = frame_of(x, mfn);
		if (!f || f->owner != OWN_GUEST)
			return -EINVAL;
		m2p_set(x, mfn, val);
		return 0;
	}
	return -ENOSYS;
}

/*
 * What both hypercalls with a batch have in common: a[1] elements of size bytes at a[0] are copied one
 * by one and done, and how many were is written to a[2].
 */
static i64 batch(struct xen *x, const u64 a[6], void *buf, u32 size,
		 int (*one)(struct xen *x, const void *op))
{
	u64 n = a[1] & ~(u64)PREEMPTED, done;
	int rc = 0;

	if ((u16)a[3] != DOMID_SELF && (u16)a[3] != DOMID)
		return -ESRCH;
	if (n > BATCH_MAX)
		return -EINVAL;
	for (done = 0; done < n && !rc; done++)
		rc = guest_read(x, a[0] + done * size, buf, size) ? -EFAULT : one(x, buf);
	if (rc)
		done--;
	if (a[2]) {
		u32 count = (u32)done;

		if (GUEST_WRITE(x, a[2], &count))
			rc = -EFAULT;
	}
	return rc;
}

i64 hc_mmu_update(struct xen *x, const u64 a[6])
{
	struct mmu_update u;

	return batch(x, a, &u, sizeof(u), update_one);
}

static void flush_va(struct xen *x, u64 va)
{
	x->user_stale = true;
	x->v->engine->ops->tlb(x->v, ENGINE_TLB_PAGE, GVA(va));
}

i64 hc_update_va(struct xen *x, const u64 a[6])
{
	u64 va = a[0], at, old;
	int rc;

	if (!guest_pte(x, va, &at, &old) || !page_table(x, at >> GUEST_PAGE_SHIFT))
		return -EINVAL;
	rc = entry_set(x, at >> GUEST_PAGE_SHIFT, (at & (GUEST_PAGE_SIZE - 1)) / 8, a[1], false);
	if (!rc && (a[2] & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH)
		x->flush = true;
	else if (!rc)
		flush_va(x, va);
	return rc;
}

/* ---- mmuext_op ---- */

static int pin(struct xen *x, u64 mfn, enum type t)
{
	struct frame *f = frame_of(x, mfn);
	int rc;

	if (!f)
		return -EINVAL;
	if (f->pinned && f->type == t)
		return -EINVAL;
	rc = type_get(x, mfn, t);
	if (rc)
		return -EINVAL;
	if (f->pinned) {
		type_put(x, mfn);
		return -EINVAL;
	}
	f->pinned = true;
	f->refs++;
	return 0;
}

static int unpin(struct xen *x, u64 mfn)
{
	struct frame *f = frame_of(x, mfn);

	if (!f || !f->pinned)
		return -EINVAL;
	f->pinned = false;
	f->refs--;
	type_put(x, mfn);
	return 0;
}

/* Another L4 table becomes *base; 0 is none, which only the user's may be. */
static int base_set(struct xen *x, u64 *base, u64 mfn)
{
	u64 old = *base;

	if (mfn) {
		if (type_get(x, mfn, T_L4))
			return -EINVAL;
		x->frame[mfn].refs++;
	} else if (base == &x->kernel_base) {
		return -EINVAL;
	}
	*base = mfn ? mfn : MFN_NONE;
	if (old != MFN_NONE) {
		x->frame[old].refs--;
		type_put(x, old);
	}
	x->user_stale = true;
	base_load(x, false);
	return 0;
}

static int copy_page(struct xen *x, u64 to, u64 from)
{
	struct frame *f = frame_of(x, to), *g = frame_of(x, from);

	if (!f || !g || f->owner != OWN_GUEST || g->owner != OWN_GUEST || type_get(x, to, T_WRITABLE))
		return -EINVAL;
	memcpy(frame_host(x, to), frame_host(x, from), GUEST_PAGE_SIZE);
	mem_written(x->mem, GPA(to << GUEST_PAGE_SHIFT), GUEST_PAGE_SIZE);
	type_put(x, to);
	return 0;
}

static int clear_page(struct xen *x, u64 mfn)
{
	struct frame *f = frame_of(x, mfn);

	if (!f || f->owner != OWN_GUEST || type_get(x, mfn, T_WRITABLE))
		return -EINVAL;
	memset(frame_host(x, mfn), 0, GUEST_PAGE_SIZE);
	mem_written(x->mem, GPA(mfn << GUEST_PAGE_SHIFT), GUEST_PAGE_SIZE);
	type_put(x, mfn);
	return 0;
}

static int ldt_set(struct xen *x, u64 va, u64 entries)
{
	if (entries > 8192 || va % GUEST_PAGE_SIZE || (entries && va >= 1ull << 47 &&
						       va < 0xffff880000000000ull))
		return -EINVAL;
	x->v->ldt = (struct seg){ entries ? 8 : 0, entries ? SEG_P | 2 : 0,
				  entries ? (u32)(entries * 8 - 1) : 0, va };
	return 0;
}

static int ext_one(struct xen *x, const void *ext)
{
	const struct mmuext_op *op = ext;

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE: return pin(x, op->arg1.mfn, T_L1);
	case MMUEXT_PIN_L2_TABLE: return pin(x, op->arg1.mfn, T_L2);
	case MMUEXT_PIN_L3_TABLE: return pin(x, op->arg1.mfn, T_L3);
	case MMUEXT_PIN_L4_TABLE: return pin(x, op->arg1.mfn, T_L4);
	case MMUEXT_UNPIN_TABLE: return unpin(x, op->arg1.mfn);
	case MMUEXT_NEW_BASEPTR: return base_set(x, &x->kernel_base, op->arg1.mfn);
	case MMUEXT_NEW_USER_BASEPTR: return base_set(x, &x->user_base, op->arg1.mfn);
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_INVLPG_MULTI:
	case MMUEXT_INVLPG_ALL: flush_va(x, op->arg1.linear_addr); return 0;
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_TLB_FLUSH_ALL: x->flush = true; return 0;
	case MMUEXT_FLUSH_CACHE: return 0;
	case MMUEXT_SET_LDT: return ldt_set(x, op->arg1.linear_addr, op->arg2.nr_ents);
	case MMUEXT_CLEAR_PAGE: return clear_page(x, op->arg1.mfn);
	case MMUEXT_COPY_PAGE: return copy_page(x, op->arg1.mfn, op->arg2.src_mfn);
	}
	return -ENOSYS;
}

i64 hc_mmuext(struct xen *x, const u64 a[6])
{
	struct mmuext_op op;

	return batch(x, a, &op, sizeof(op), ext_one);
}

/*H:600 A write to a page table
 * A guest may also write to a table of level 1 as if it were memory: Xen takes the fault, works out what
 * the instruction would have written, checks it and writes it. We let the instruction itself do it. The
 * page becomes writable for the length of one instruction; afterwards the entries that changed are
 * checked one by one as a hypercall would, and one that may not be is undone, and the domain is killed.
 * @test hostile.sh
 */
bool pagetable_write(struct xen *x, u64 va)
{
	u64 at, entry, mfn;
	struct frame *f;

	if (x->stepping || !guest_pte(x, va, &at, &entry) || !(entry & PTE_P) || (entry & PTE_W))
		return false;
	mfn = ENTRY_MFN(entry);
	f = page_table(x, mfn);
	if (!f || f->type != T_L1)
		return false;
	x->stepping = true;
	x->step_va = va;
	x->step_mfn = mfn;
	x->step_pte = entry;
	x->step_pte_mfn = at;
	memcpy(x->step_old, frame_host(x, mfn), GUEST_PAGE_SIZE);
	entry |= PTE_W;
	memcpy(mem_host(x->mem, GPA(at), 8), &entry, 8);
	flush_va(x, va);
	x->v->debug_step = true;
	return true;
}

bool xen_stepped(struct xen *x, struct vcpu *v)
{
	u64 now[512], back;

	if (!x->stepping)
		return false;
	x->stepping = false;
	v->debug_step = false;
	memcpy(now, frame_host(x, x->step_mfn), GUEST_PAGE_SIZE);
	memcpy(frame_host(x, x->step_mfn), x->step_old, GUEST_PAGE_SIZE);
	/* The mapping's own entry may be one of those that were written. */
	memcpy(&back, mem_host(x->mem, GPA(x->step_pte_mfn), 8), 8);
	if (ENTRY_MFN(back) == ENTRY_MFN(x->step_pte)) {
		back &= ~(u64)PTE_W;
		memcpy(mem_host(x->mem, GPA(x->step_pte_mfn), 8), &back, 8);
	}
	for (unsigned i = 0; i < 512 && !x->ended; i++)
		if (now[i] != x->step_old[i] && !(x->step_pte_mfn >> 12 == x->step_mfn &&
						  (x->step_pte_mfn & 0xfff) / 8 == i) &&
		    entry_set(x, x->step_mfn, i, now[i], false))
			domain_crash(x, "a write of 0x%llx to a page table at 0x%llx that may not be",
			      (ull)now[i], (ull)x->step_va);
	v->engine->ops->tlb(v, ENGINE_TLB_ALL, GVA(0));
	x->flush = false;
	vcpu_post(v, EV_IRQ); /* none was taken meanwhile */
	return true;
}
