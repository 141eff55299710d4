/* regs.c - which guest register is in which host register, within a block. */
#include "soft/translate.h"

/*E:160 Parked registers
 * At a block's edges every guest register is at home: twelve in host registers, four in
 * gpr[]. Inside, a parked register gets a host register at its first use, and the addend of
 * a merged check another. When none is free, the one whose content is used last from here
 * is evicted; a home register that the block does not use is thereby lent out, for one
 * store and one load.
 */
static const u8 lendable[] = { H_R10, H_R13, H_R12, H_R9, H_R8, H_RBP, H_RSI, H_RDI };

void regs_init(struct regs *r)
{
	for (unsigned h = 0; h < 16; h++)
		r->holder[h] = HOLD_FREE;
	r->holder[T0] = r->holder[T1] = r->holder[H_RSP] = HOLD_FIXED;
	r->dirty = 0;
	r->map = 0;
	r->active = 0;
	for (unsigned g = 0; g < 16; g++) {
		regs_set(r, g, soft_home[g]);
		if (soft_home[g] != LOC_MEM) {
			r->holder[soft_home[g]] = (u8)g;
			r->dirty |= (u16)(1 << g);
		}
	}
}

void regs_set(struct regs *r, unsigned g, u8 h)
{
	r->loc[g] = h;
	r->map = (r->map & ~(15ull << 4 * g)) | (u64)h << 4 * g;
}

static unsigned next_use(const struct tr *t, u8 holder)
{
	if (holder & HOLD_GROUP) {
		for (unsigned i = t->now; i < t->n; i++)
			for (unsigned k = 0; k < t->nacc[i]; k++)
				if (t->acc[i][k].group == (holder & ~HOLD_GROUP))
					return i;
		return t->n;
	}
	for (unsigned i = t->now; i < t->n; i++)
		if ((t->in[i].gpr_in | t->in[i].gpr_out) & 1 << holder)
			return i;
	/* A home register must be put back at the end; a parked one must not be lost. */
	return t->n + (soft_home[holder] == LOC_MEM);
}

static void evict(struct tr *t, u8 h)
{
	struct regs *r = &t->regs;
	u8 x = r->holder[h];

	r->holder[h] = HOLD_FREE;
	if (x == HOLD_FREE)
		return;
	if (x & HOLD_GROUP) {
		t->group[x & ~HOLD_GROUP].host = LOC_MEM;
		r->active--;
		return;
	}
	if (r->dirty & 1 << x)
		emit_store(&t->e, M_GS(8 * x), h);
	r->dirty &= (u16)~(1 << x);
	regs_set(r, x, LOC_MEM);
}

static u8 pick(const struct tr *t, bool may_evict)
{
	u8 best = LOC_MEM;
	unsigned far = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(lendable); i++) {
		u8 h = lendable[i];
		unsigned use;

		if (t->pinned & 1 << h)
			continue;
		if (t->regs.holder[h] == HOLD_FREE)
			return h;
		if (!may_evict)
			continue;
		use = next_use(t, t->regs.holder[h]);
		if (use > far) {
			far = use;
			best = h;
		}
	}
	return best;
}

u8 regs_temp(struct tr *t, bool may_evict)
{
	u8 h = pick(t, may_evict);

	if (h == LOC_MEM)
		return LOC_MEM;
	evict(t, h);
	t->pinned |= (u16)(1 << h);
	return h;
}

static void bring(struct tr *t, unsigned g, bool load)
{
	struct regs *r = &t->regs;
	u8 h = soft_home[g];

	if (r->loc[g] != LOC_MEM)
		return;
	if (h == LOC_MEM)
		h = pick(t, true);
	BUG_ON(h == LOC_MEM);
	evict(t, h);
	if (load)
		emit_load(&t->e, h, M_GS(8 * g));
	r->holder[h] = (u8)g;
	regs_set(r, g, h);
}

void regs_need(struct tr *t, u16 in, u16 out)
{
	const struct dinsn *d = &t->in[t->now];
	struct regs *r = &t->regs;
	/* At a fault before it is written, an output must still hold what the guest had in it. */
	bool may_fault = t->nacc[t->now] || d->vector;

	t->pinned = 0;
	for (u32 m = in | out; m; m &= m - 1) {
		unsigned g = (unsigned)__builtin_ctz(m);

		if (r->loc[g] != LOC_MEM) {
			t->pinned |= (u16)(1 << r->loc[g]);
		} else if (soft_home[g] != LOC_MEM) { /* it comes back here; who lives there moves out */
			t->pinned |= (u16)(1 << soft_home[g]);
			evict(t, soft_home[g]);
		}
	}
	for (u32 m = in | out; m; m &= m - 1) {
		unsigned g = (unsigned)__builtin_ctz(m);

		bring(t, g, may_fault || in & 1 << g);
		t->pinned |= (u16)(1 << r->loc[g]);
	}
	r->dirty |= out;
}

void regs_canonical(struct tr *t)
{
	struct regs *r = &t->regs;

	for (unsigned h = 0; h < 16; h++) {
		u8 x = r->holder[h];

		if (x < 16 && soft_home[x] == LOC_MEM)
			evict(t, (u8)h);
	}
	for (unsigned g = 0; g < 16; g++) {
		if (r->loc[g] != LOC_MEM || soft_home[g] == LOC_MEM)
			continue;
		evict(t, soft_home[g]);
		emit_load(&t->e, soft_home[g], M_GS(8 * g));
		regs_set(r, g, soft_home[g]);
		r->holder[soft_home[g]] = (u8)g;
	}
	for (unsigned h = 0; h < 16; h++)
		if (r->holder[h] != HOLD_FIXED && r->holder[h] != HOLD_FREE && (r->holder[h] & HOLD_GROUP))
			evict(t, (u8)h);
}

void regs_expire(struct tr *t)
{
	if (!t->regs.active)
		return;
	for (unsigned h = 0; h < 16; h++) {
		u8 x = t->regs.holder[h];

		if (x == HOLD_FREE || x == HOLD_FIXED || !(x & HOLD_GROUP))
			continue;
		if (t->group[x & ~HOLD_GROUP].last <= t->now)
			evict(t, (u8)h);
	}
}
