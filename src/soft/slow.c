/* slow.c - accesses off the fast path: TLB refills, bounced bytes, merged checks that failed.
 * General registers only. */
#include "soft/state.h"

/* ---- guest state at a host address ---- */

static u64 location(const struct soft_vcpu *s, u64 map, unsigned g)
{
	unsigned h = map >> 4 * g & 15;

	return h == LOC_MEM ? s->v.gpr[g] : s->hreg[h];
}

/* hreg[] and hflags_ax hold the host's registers there. Undoes what the block had counted. */
bool soft_state_at(struct soft_vcpu *s, u64 host_pc)
{
	struct block *b = cache_block_at(s->soft, host_pc);
	u64 gpr[16], map;
	const struct site *t;

	if (!b)
		return false;
	t = block_site(b, (u32)(host_pc - (u64)(uintptr_t)s->soft->code_rx));
	if (!t)
		return false;
	map = b->maps[t->map];
	for (unsigned g = 0; g < 16; g++)
		gpr[g] = location(s, map, g);
	for (unsigned g = 0; g < 16; g++)
		s->v.gpr[g] = gpr[g];
	s->flags_ax = (u32)(t->flags & SITE_FLAGS_AX ? s->hreg[H_RAX] : s->hflags_ax);
	soft_flags_pack(s);
	if (t->flags & SITE_PC_T0)
		s->v.rip = s->hreg[T0];
	else if (t->flags & SITE_PC_IMM)
		s->v.rip = b->exits[t->insn_off].pc;
	else
		s->v.rip = b->pc + t->insn_off;
	s->site = t;
	s->site_left = (u16)(b->n - t->insn);
	return true;
}


/* A fault in the middle of a block: what was counted for the rest of it is given back. */
static u64 leave_faulted(struct soft_vcpu *s)
{
	s->budget += s->site_left;
	soft_deliver_fault(s);
	return 0;
}

/* ---- slow accesses ---- */

/*E:220 Off the fast path
 * An access that misses the TLB comes here with every host register in hreg[]. Plain RAM: the
 * TLB is filled and the instruction goes on. A device, a page crossing, read-only memory or
 * a page that holds translated code: the bytes are bounced. They are read into a buffer, the
 * very same host instruction runs on the buffer, and soft_commit() puts the bytes where they
 * belong. No instruction is emulated for its own sake.
 */
static void go_on(struct soft_vcpu *s, u64 ea, u64 host)
{
	s->hreg[T0] = host;
	s->hreg[T1] = host - ea;
}

static enum step pieces(struct soft_vcpu *s, u64 ea, unsigned len, unsigned acc, struct filled f[2])
{
	struct commit *c = &s->commit;
	enum tlb_view view = view_of_mode(s->mode);
	u64 room = GUEST_PAGE_SIZE - (ea & (GUEST_PAGE_SIZE - 1));

	c->lin[0] = ea;
	c->lin[1] = ea + room;
	c->len[0] = (u8)(len > room ? room : len);
	c->len[1] = (u8)(len - c->len[0]);
	/* A flat segment ends at 4 GiB; from a base the address wraps. */
	if (s->mode & M_CODE64 ? !canonical(ea) || !canonical(ea + len - 1)
			       : (s->mode & M_FLAT) && (ea + len - 1) >> 32)
		return fault_gp(s, 0);
	if (unlikely(s->mode & (M_DEBUG | M_ALIGN)) && access_special(s, ea, len, acc | acc_data(&s->v)))
		return STEP_FAULT;
	for (unsigned i = 0; i < 2 && c->len[i]; i++) {
		if (!(s->mode & M_CODE64))
			c->lin[i] = (u32)c->lin[i];
		if (tlb_fill(s, view, c->lin[i], acc, &f[i]) == FILL_FAULT)
			return STEP_FAULT;
	}
	return STEP_NEXT;
}

/* The x87 status word's summary of unmasked exceptions, when the x87 state is not the initial one.
 */
static bool x87_pending(struct soft_vcpu *s)
{
	vec_save(s);
	return (s->v.xsave[512] & 1) && (s->v.xsave[2] & 0x80);
}

static u64 fault_in_block(struct soft_vcpu *s, u64 ea, u32 desc, u64 ret)
{
	BUG_ON(!soft_state_at(s, ret - 1));
	if ((desc & DESC_SS) && s->fault.vec == EXC_GP)
		s->fault.vec = EXC_SS;
	if ((desc & DESC_ALIGN) && (ea & ((desc & DESC_SIZE) - 1)))
		soft_fault(s, EXC_GP, true, 0); /* before #PF: SDM 2B MOVAPS */
	if ((desc & DESC_WAITS) && x87_pending(s))
		soft_fault(s, EXC_MF, false, 0);
	return leave_faulted(s);
}

u64 soft_slow(struct soft_vcpu *s, u64 ea, u32 desc, u64 ret)
{
	unsigned len = desc & DESC_SIZE, acc = desc & DESC_W ? ACC_W : 0;
	struct commit *c = &s->commit;
	struct filled *f = s->slow;
	bool plain;

	if (pieces(s, ea, len, acc, f))
		return fault_in_block(s, ea, desc, ret);
	plain = !c->len[1] && f[0].host && !(acc && (f[0].code || f[0].rom));
	if (plain) {
		go_on(s, ea, (u64)(uintptr_t)f[0].host);
		return ret;
	}
	s->v.stats.n[STAT_slow_access]++;
	if (c->len[1] && (desc & DESC_LOCK) && s->soft->nvcpus > 1 && !s->alone) {
		BUG_ON(!soft_state_at(s, ret - 1));
		s->alone_next = true;
		s->budget += s->site_left;
		return 0;
	}
	c->bounced = c->len[1] || !f[0].host || f[0].rom;
	if (!c->bounced) { /* a code page: the store itself is direct, and atomic when locked */
		go_on(s, ea, (u64)(uintptr_t)f[0].host);
		return ret + 5;
	}
	c->at = s->bounce + (ea & (BOUNCE_SIZE - 1)); /* as misaligned as the guest's address */
	if (desc & DESC_R) {
		phys_read(s, &f[0], f[0].gpa, c->at, c->len[0]);
		if (c->len[1])
			phys_read(s, &f[1], f[1].gpa, c->at + c->len[0], c->len[1]);
	}
	go_on(s, ea, (u64)(uintptr_t)c->at);
	vec_load(s);
	return acc ? ret + 5 : ret;
}

u64 soft_commit(struct soft_vcpu *s, u64 unused, u32 desc, u64 ret)
{
	struct commit *c = &s->commit;
	struct filled *f = s->slow;

	(void)unused;
	(void)desc;
	if (c->bounced) {
		phys_write(s, &f[0], f[0].gpa, c->at, c->len[0]);
		if (c->len[1])
			phys_write(s, &f[1], f[1].gpa, c->at + c->len[0], c->len[1]);
	} else if (code_written(s->soft, f[0].gpa, c->len[0])) {
		s->left = true;
	}
	if (s->soft->deterministic && !s->vec_live)
		s->left = true; /* a device may have armed a timer that is due sooner */
	vec_load(s);
	if (!s->left)
		return ret;
	BUG_ON(!soft_state_at(s, ret - 1));
	if (s->site->flags & SITE_STAY)
		return ret;
	s->budget += s->site_left - 1;
	return 0;
}

u64 soft_group(struct soft_vcpu *s, u64 ea, u32 desc, u64 ret)
{
	u64 len = desc & DESC_SIZE;

	if ((ea & (GUEST_PAGE_SIZE - 1)) + len > GUEST_PAGE_SIZE ||
	    (s->mode & (M_DEBUG | M_ALIGN)) ||
	    !tlb_fill_quietly(s, view_of_mode(s->mode), ea, desc & DESC_W))
		return ret + 5;
	s->hreg[T1] = ((ea >> GUEST_PAGE_SHIFT) & (TLB_N - 1)) * sizeof(struct tlb_entry);
	return ret;
}

u64 soft_seg(struct soft_vcpu *s, u64 off, u32 desc, u64 ret)
{
	u64 lin;

	if (seg_linear(s, desc >> DESC_SEG_SHIFT & 7, off, desc & DESC_SIZE,
		       desc & DESC_W ? ACC_W : ACC_R, &lin))
		return fault_in_block(s, off, desc & ~(u32)DESC_SS, ret);
	s->hreg[T0] = lin;
	return ret;
}
