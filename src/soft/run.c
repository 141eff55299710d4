/* run.c - what translated code calls, and the dispatcher that finds it a block. General registers only. */
#include "soft/state.h"

/* ---- flags and vectors between their two homes ---- */

static u32 arith_of_ax(u64 ax)
{
	return ((ax >> 8) & (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF)) | (ax & 1 ? FL_OF : 0);
}

void soft_flags_pack(struct soft_vcpu *s)
{
	u64 f = s->v.rflags & ~(u64)(FL_ARITH | FL_IF | FL_DF | FL_AC);

	f |= arith_of_ax(s->flags_ax) | FL_1;
	f |= (s->iff ? FL_IF : 0) | (s->df ? FL_DF : 0) | (s->ac ? FL_AC : 0);
	s->v.rflags = f;
}

void soft_flags_unpack(struct soft_vcpu *s)
{
	u64 f = s->v.rflags;

	s->flags_ax = (u32)((f & (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF)) << 8 | FL_1 << 8 | !!(f & FL_OF));
	s->iff = !!(f & FL_IF);
	s->df = !!(f & FL_DF);
	s->ac = !!(f & FL_AC);
}

void vec_save(struct soft_vcpu *s)
{
	static const u32 mxcsr = 0x1f80;

	s->called_out = true;
	if (!s->vec_live)
		return;
	s->vec_live = false;
	__asm__ volatile("xsave64 %0" : "+m"(s->v.xsave) : "a"((u32)s->vec_mask), "d"(0u) : "memory");
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

void vec_load(struct soft_vcpu *s)
{
	if (s->vec_live)
		return;
	s->vec_live = true;
	__asm__ volatile("xrstor64 %0" : : "m"(s->v.xsave), "a"((u32)s->vec_mask), "d"(0u));
}

void soft_call_out(struct soft_vcpu *s) { vec_save(s); }

/* ---- mode ---- */

static bool flat_data(const struct seg *g)
{
	return g->base == 0 && g->limit == 0xffffffff && (g->attr & (SEG_P | SEG_S)) == (SEG_P | SEG_S) &&
	       (g->attr & 0xe) == 2; /* writable data, not expand-down */
}

static bool flat(const struct vcpu *v)
{
	const struct seg *cs = &v->seg[SEG_CS];

	return (v->cr0 & CR0_PE) && !(v->rflags & FL_VM) && cs->base == 0 && cs->limit == 0xffffffff &&
	       flat_data(&v->seg[SEG_DS]) && flat_data(&v->seg[SEG_ES]) && flat_data(&v->seg[SEG_SS]);
}

static u32 code_size(const struct vcpu *v)
{
	if (in_64bit(v))
		return M_CODE64 | M_FLAT;
	return (v->seg[SEG_CS].attr & SEG_DB ? M_CODE32 : 0) | (v->seg[SEG_SS].attr & SEG_DB ? M_SS32 : 0) |
	       (flat(v) ? M_FLAT : 0) |
	       (v->seg[SEG_CS].base || v->seg[SEG_CS].limit != 0xffffffff ? M_CS_BASE : 0);
}

u32 soft_mode(const struct soft_vcpu *s)
{
	const struct vcpu *v = &s->v;
	u32 m = v->cpl | code_size(v);

	if (v->cr4 & CR4_SMAP)
		m |= M_SMAP;
	if ((m & M_SMAP) && v->cpl != 3 && (v->rflags & FL_AC))
		m |= M_AC;
	if ((v->cr0 & (CR0_TS | CR0_EM)) || !(v->cr4 & CR4_OSFXSR))
		m |= M_FPU_TRAP;
	if (!(v->cr4 & CR4_OSXSAVE) || (v->xcr0 & 6) != 6)
		m |= M_NO_AVX;
	if (!(v->cr0 & CR0_PE) || (v->rflags & FL_VM))
		m |= M_NO_VEX;
	if (debug_on(v))
		m |= M_DEBUG;
	if (v->cpl == 3 && (v->cr0 & CR0_AM) && (v->rflags & FL_AC))
		m |= M_ALIGN;
	if (v->tsc_offset || s->soft->deterministic || ((v->cr4 & CR4_TSD) && v->cpl))
		m |= M_TSC_CALL;
	return m;
}

int soft_mode_slot(struct soft *so, u32 mode)
{
	if (mode & M_DEBUG)
		return -1;
	for (unsigned i = 0; i < MODE_SLOTS; i++) {
		if (so->slot_mode[i] == (u64)mode + 1)
			return (int)i;
		if (so->slot_mode[i])
			continue;
		for (unsigned c = 0; c < so->nvcpus; c++)
			for (unsigned k = 0; k < JC_N; k++)
				so->vcpu[c]->jc[i][k] = (u64)(uintptr_t)so->code_rx + so->thunk.jump;
		so->slot_mode[i] = (u64)mode + 1;
		return (int)i;
	}
	return -1;
}

void soft_mode_changed(struct soft_vcpu *s)
{
	u32 mode = soft_mode(s);
	int slot;

	if (mode == s->mode)
		return;
	s->mode = mode;
	slot = soft_mode_slot(s->soft, mode);
	s->jc_now = slot < 0 ? OFF(jc_none) : OFF(jc) + (u64)slot * sizeof(s->jc[0]);
	s->ras_reset = true;
}

void soft_inhibit(struct soft_vcpu *s) { s->inhibit = true; }

const struct cpuid_config *soft_cpuid(struct soft_vcpu *s) { return &s->soft->cpuid; }

/* ---- deterministic time ---- */

static u64 icount(const struct soft_vcpu *s) { return s->icount_end - (u64)s->budget - s->insn_left; }

u64 soft_icount(struct vcpu *v) { return icount(soft_of(v)); }

u64 soft_tsc(struct soft_vcpu *s)
{
	if (s->soft->deterministic)
		return icount(s) + s->v.tsc_offset;
	return __builtin_ia32_rdtsc() + s->v.tsc_offset;
}

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

/* ---- exceptions ---- */

static void deliver(struct soft_vcpu *s, enum intr_kind kind, const struct fault *f)
{
	s->v.stats.n[kind == INTR_EXTERNAL ? STAT_irq : STAT_exception]++;
	if (kind == INTR_EXCEPTION && f->vec == EXC_PF)
		s->v.stats.n[STAT_page_fault]++;
	if (intr_deliver(s, kind, f) == STEP_EXIT)
		s->exiting = true;
}

void soft_deliver_fault(struct soft_vcpu *s)
{
	struct fault f = s->fault;

	s->faulted = true;
	s->inhibit = s->ss_shadow = false;
	deliver(s, INTR_EXCEPTION, &f);
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
	if ((s->v.efer & EFER_LMA) && !canonical(ea + len - 1))
		return fault_gp(s, 0);
	for (unsigned i = 0; i < 2 && c->len[i]; i++) {
		if (!(s->v.efer & EFER_LMA))
			c->lin[i] = (u32)c->lin[i];
		if (tlb_fill(s, view, c->lin[i], acc, &f[i]) == FILL_FAULT)
			return STEP_FAULT;
	}
	return STEP_NEXT;
}

/* The x87 status word's summary of unmasked exceptions, when the x87 state is not the initial one. */
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

	if (unlikely(s->mode & (M_DEBUG | M_ALIGN)) && access_special(s, ea, len, acc))
		return fault_in_block(s, ea, desc, ret);
	if (pieces(s, ea, len, acc, f))
		return fault_in_block(s, ea, desc, ret);
	plain = !c->len[1] && f[0].host && !(acc && (f[0].code || f[0].rom));
	if (plain) {
		go_on(s, ea, (u64)(uintptr_t)f[0].host);
		return ret;
	}
	s->v.stats.n[STAT_slow_access]++;
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

	if ((ea & (GUEST_PAGE_SIZE - 1)) + len > GUEST_PAGE_SIZE || (s->mode & (M_DEBUG | M_ALIGN)) ||
	    !tlb_fill_quietly(s, view_of_mode(s->mode), ea, desc & DESC_W))
		return ret + 5;
	s->hreg[T1] = ((ea >> GUEST_PAGE_SHIFT) & (TLB_N - 1)) * sizeof(struct tlb_entry);
	return ret;
}

u64 soft_seg(struct soft_vcpu *s, u64 off, u32 desc, u64 ret)
{
	u64 lin;

	if (seg_linear(s, desc >> DESC_SEG_SHIFT, off, desc & DESC_SIZE, desc & DESC_W ? ACC_W : ACC_R, &lin)) {
		BUG_ON(!soft_state_at(s, ret - 1));
		return leave_faulted(s);
	}
	s->hreg[T0] = lin;
	return ret;
}

/* ---- instructions done in C ---- */

/* Vector instructions while CR0.TS, CR0.EM or CR4.OSFXSR say no. SDM 3A 2.5, tables 2-2 and 2-3. */
static enum step fpu_check(struct soft_vcpu *s, const struct insn *in)
{
	bool fwait = in->x87 && in->map == 0 && in->opcode == 0x9b;
	u64 cr0 = s->v.cr0;

	if (fwait && !(cr0 & CR0_MP))
		cr0 &= ~(u64)CR0_TS;
	if (fwait || in->vlen)
		cr0 &= ~(u64)CR0_EM;
	if (!in->x87 && !in->vlen && ((cr0 & CR0_EM) || (!in->mmx && !(s->v.cr4 & CR4_OSFXSR))))
		return fault_ud(s);
	if (cr0 & (CR0_EM | CR0_TS))
		return soft_fault(s, EXC_NM, false, 0);
	s->one_mode = M_ONE;
	return STEP_AGAIN;
}

static enum step insn_run(struct soft_vcpu *s, const struct insn *in)
{
	s->v.stats.n[STAT_helper]++;
	s->v.rip = in->pc;
	s->insn_left = in->left;
	if (in->vector && (s->mode & M_FPU_TRAP))
		return fpu_check(s, in);
	if (!in->row)
		return fault_ud(s);
	if (!(in->row->flags & ROW_LIGHT))
		vec_save(s);
	return in->row->fn(s, in);
}

/* What every ending has in common; false: the instruction did not complete. */
static bool insn_done(struct soft_vcpu *s, const struct insn *in, enum step step)
{
	switch (step) {
	case STEP_EXIT:
		s->exiting = true;
		/* fall through */
	case STEP_NEXT:
		s->v.rip = in->pc + in->len;
		if (!in_64bit(&s->v))
			s->v.rip = (u32)s->v.rip;
		return true;
	case STEP_JUMP:
		return true;
	case STEP_FAULT:
		s->budget += in->left;
		s->insn_left = 0;
		if (s->fault.trap) { /* rip is past the instruction already */
			s->budget--;
		}
		soft_deliver_fault(s);
		return false;
	case STEP_AGAIN:
		s->budget += in->left;
		s->again = true;
		return false;
	}
	return true;
}

u64 soft_call(struct soft_vcpu *s, const struct insn *in)
{
	u32 mode = s->mode;
	bool done;

	soft_flags_pack(s);
	done = insn_done(s, in, insn_run(s, in));
	s->insn_left = 0;
	if (!done)
		return 1;
	if (s->exiting || s->left || s->inhibit || s->mode != mode || (s->soft->deterministic && !s->vec_live)) {
		s->budget += in->left - 1;
		return 1;
	}
	soft_flags_unpack(s);
	vec_load(s);
	return 0;
}

static void ras_apply(struct soft_vcpu *s)
{
	if (!s->ras_reset)
		return;
	s->ras_reset = false;
	s->ras_rsp = s->ras_top;
}

u64 soft_end(struct soft_vcpu *s, const struct insn *in)
{
	u64 to;

	soft_flags_pack(s);
	if (insn_done(s, in, insn_run(s, in)))
		s->budget += in->left - 1;
	s->insn_left = 0;
	soft_mode_changed(s);
	if (s->exiting || s->left || s->inhibit || s->again || s->one_mode || s->v.events ||
	    (s->v.rflags & FL_TF) || (s->irq_waits && (s->v.rflags & FL_IF)) || s->soft->single_step || s->soft->deterministic ||
	    (s->mode & M_CS_BASE) || s->run_one)
		return 0;
	to = *(u64 *)((u8 *)s + s->jc_now + (s->v.rip & (JC_N - 1)) * 8);
	if (to == (u64)(uintptr_t)s->soft->code_rx + s->soft->thunk.jump)
		return 0;
	ras_apply(s);
	soft_flags_unpack(s);
	vec_load(s);
	return to;
}

/* ---- events ---- */

static void poll_arm(struct soft_vcpu *s)
{
	u64 good = (u64)(uintptr_t)s->soft->poll_page;

	__atomic_store_n(&s->poll, good, __ATOMIC_SEQ_CST);
	if (s->v.events)
		__atomic_store_n(&s->poll, good + GUEST_PAGE_SIZE, __ATOMIC_SEQ_CST);
}

static void look_for_irq(struct soft_vcpu *s)
{
	const struct engine_host *h = &s->soft->en.config.host;

	__atomic_fetch_and((u32 *)&s->v.events, ~(u32)(EV_IRQ | EV_SYNC), __ATOMIC_SEQ_CST);
	vec_save(s);
	s->irq_waits = h->irq_pending && h->irq_pending(h->ctx, &s->v);
}

static void take_irq(struct soft_vcpu *s)
{
	const struct engine_host *h = &s->soft->en.config.host;
	struct fault f = { 0 };
	int vec;

	vec_save(s);
	vec = h->irq_ack(h->ctx, &s->v);
	s->irq_waits = h->irq_pending(h->ctx, &s->v);
	if (vec < 0)
		return;
	f.vec = (u8)vec;
	deliver(s, INTR_EXTERNAL, &f);
}

/* Interrupts and requests; true: leave run() with RUN_EVENT. */
static bool take_events(struct soft_vcpu *s)
{
	u32 ev = __atomic_load_n((u32 *)&s->v.events, __ATOMIC_SEQ_CST);

	if (ev & (EV_STOP | EV_INIT | EV_SIPI))
		return true;
	if (ev & (EV_IRQ | EV_SYNC))
		look_for_irq(s);
	if (!s->inhibit) {
		if ((ev & EV_NMI) && !s->v.nmi_masked) {
			struct fault f = { .vec = EXC_NMI };

			__atomic_fetch_and((u32 *)&s->v.events, ~(u32)EV_NMI, __ATOMIC_SEQ_CST);
			deliver(s, INTR_NMI, &f);
		} else if (s->irq_waits && (s->v.rflags & FL_IF)) {
			take_irq(s);
		}
	}
	s->sti_poll = (u64)(uintptr_t)s->soft->poll_page + (s->irq_waits ? GUEST_PAGE_SIZE : 0);
	poll_arm(s);
	return false;
}

/* ---- finding blocks ---- */

static enum step code_gpa(struct soft_vcpu *s, gpa_t *ret)
{
	struct vcpu *v = &s->v;
	u64 lin = soft_linear_pc(v);
	u64 tag = ~s->itlb[v->cpl == 3][itlb_index(lin)];

	if (!in_64bit(v) && (u32)v->rip > v->seg[SEG_CS].limit)
		return fault_gp(s, 0);
	if (~tag && canonical(lin) && tag >> 28 == ((lin >> 12) & 0xfffffffff)) {
		*ret = GPA((tag & 0xfffffff) << 12 | (lin & (GUEST_PAGE_SIZE - 1)));
		return STEP_NEXT;
	}
	return itlb_fill(s, lin, ret);
}

static void jump_cache_add(struct soft_vcpu *s, const struct block *b)
{
	int slot;

	if ((b->mode & (M_ONE | M_NOMERGE | M_CS_BASE)) || s->soft->single_step)
		return;
	slot = soft_mode_slot(s->soft, b->mode);
	if (slot >= 0)
		s->jc[slot][b->pc & (JC_N - 1)] = (u64)(uintptr_t)s->soft->code_rx + b->indirect;
}

static struct block *find(struct soft_vcpu *s, u32 mode)
{
	struct soft *so = s->soft;
	struct block *b;
	gpa_t gpa;

	if (code_gpa(s, &gpa))
		return NULL;
	spin_lock(&so->lock);
	b = cache_find(s, s->v.rip, gpa, mode, in_64bit(&s->v) ? 0 : s->v.seg[SEG_CS].base);
	if (!b) {
		u64 drops = so->drops;

		vec_save(s);
		b = block_make(s, gpa, mode);
		if (so->drops != drops)
			s->ras_reset = true;
	}
	if (b)
		jump_cache_add(s, b);
	spin_unlock(&so->lock);
	return b;
}

/* ---- single steps of the guest's own ---- */

/* After an instruction that ran alone; tf: it was begun with TF. */
static void step_done(struct soft_vcpu *s, u32 mode, bool tf)
{
	struct fault f;

	if (s->faulted || s->fault_waits || s->one_mode) {
		s->watch_hits = 0;
		return;
	}
	if (mode & M_DEBUG) /* RF has let one instruction pass; an iteration of many is none */
		s->v.rflags = s->again ? s->v.rflags | FL_RF : s->v.rflags & ~(s->rf ? FL_RF : 0ull);
	if (!debug_trap(s, tf, &f))
		return;
	if (s->exit_why == RUN_HALT)
		s->exiting = false; /* the trap wakes the processor */
	deliver(s, INTR_EXCEPTION, &f);
}

/* ---- deterministic ---- */

static void digest_points(struct soft_vcpu *s)
{
	const struct engine_config *c = &s->soft->en.config;
	u64 now = icount(s);

	if (s->next_digest && now >= s->next_digest) {
		vec_save(s);
		c->host.digest(c->host.ctx, &s->v, now);
		s->next_digest += c->digest_every;
	}
	if (c->host.advance) {
		vec_save(s);
		s->next_tick = c->host.advance(c->host.ctx, &s->v, now);
	}
}

/* Set the budget so that the next thing bound to an instruction count is met exactly. */
static void budget_set(struct soft_vcpu *s)
{
	u64 now = icount(s), end = now + 1000000;

	if (s->next_digest && s->next_digest < end)
		end = s->next_digest;
	if (s->next_tick && s->next_tick < end)
		end = s->next_tick > now ? s->next_tick : now + 1;
	s->icount_end = end;
	s->budget = (i64)(end - now);
}

/* Timers are asked for again when they may have changed: once the board was called. */
static void deterministic_turn(struct soft_vcpu *s)
{
	if (!s->called_out && s->budget > 0 && icount(s) < s->next_tick)
		return;
	s->called_out = false;
	digest_points(s);
	budget_set(s);
	s->called_out = false;
}

/* ---- the dispatcher ---- */

static u64 enter(struct soft_vcpu *s, const struct block *b)
{
	struct soft *so = s->soft;
	u64 (*go)(u64) = (u64 (*)(u64))(uintptr_t)(so->code_rx + so->thunk.enter);
	u64 ret;

	ras_apply(s);
	vec_load(s);
	soft_flags_unpack(s);
	s->left = s->again = s->faulted = false;
	s->v.stats.n[STAT_dispatch]++;
	ret = go((u64)(uintptr_t)(so->code_rx + b->entry));
	if (s->exit_kind != X_STATE)
		soft_flags_pack(s);
	if (s->left)
		s->ras_reset = true;
	return ret;
}

static void link(struct soft_vcpu *s, struct exit *x, struct block *b)
{
	struct soft *so = s->soft;

	spin_lock(&so->lock);
	exit_link(so, x, b);
	spin_unlock(&so->lock);
	s->v.stats.n[STAT_links]++;
}

static u32 next_mode(struct soft_vcpu *s)
{
	u32 m = s->mode | s->one_mode;

	if (s->one_mode)
		m &= ~(u32)M_FPU_TRAP;
	if (s->inhibit || (s->v.rflags & FL_TF) || (m & M_DEBUG) || s->run_one)
		m |= M_ONE;
	return m;
}

static bool pc_allowed(const struct soft_vcpu *s)
{
	return in_64bit(&s->v) ? canonical(s->v.rip) : s->v.rip <= s->v.seg[SEG_CS].limit;
}

/* A branch of b led to no address: it faults itself, and has popped nothing. SDM 2A JMP, RET. */
static struct exit *branch_fault(struct soft_vcpu *s, const struct block *b, u16 from, u64 popped)
{
	if (b) {
		s->v.rip = b->pc + from;
		s->v.gpr[RSP] -= popped;
		s->budget++;
	}
	fault_gp(s, 0);
	soft_deliver_fault(s);
	return NULL;
}

/* One block (and what is chained to it); x: the exit that led here, to be linked. */
static struct exit *turn(struct soft_vcpu *s, struct exit *x)
{
	u32 mode = x ? x->mode : next_mode(s);
	bool tf = s->v.rflags & FL_TF, one;
	u64 drops = s->soft->drops, ret;
	struct block *b;

	if (mode & M_ONE)
		x = NULL;
	b = find(s, mode);
	if (!b) {
		soft_deliver_fault(s);
		return NULL;
	}
	if (x && s->soft->drops == drops)
		link(s, x, b);
	one = mode & M_ONE;
	if (one) {
		if ((mode & M_DEBUG) && !s->ss_shadow && debug_stops(s)) {
			soft_deliver_fault(s);
			return NULL;
		}
		s->rf = s->v.rflags & FL_RF;
		s->inhibit = s->ss_shadow = s->no_step = s->run_one = false;
		s->one_mode = 0;
	}
	ret = enter(s, b);
	soft_mode_changed(s);
	switch (s->exit_kind) {
	case X_LINK:
		x = (struct exit *)(uintptr_t)ret;
		s->v.rip = x->pc;
		if (unlikely(!pc_allowed(s)) && x->pc != x->owner->pc + x->owner->len)
			return branch_fault(s, x->owner, x->from, 0);
		return x;
	case X_JUMP:
		s->v.rip = ret;
		if (unlikely(!pc_allowed(s)) && s->branch) {
			b = cache_block_at(s->soft, (u64)(uintptr_t)s->soft->code_rx + (s->branch & (CACHE_SIZE - 1)));
			return branch_fault(s, b, b ? b->last : 0, s->branch >> CACHE_BITS);
		}
		s->v.stats.n[STAT_jump_miss]++;
		break;
	case X_BUDGET:
		s->v.rip = ret;
		s->run_one = s->budget > 0;
		return NULL;
	default:
		break;
	}
	if (one && (tf || (mode & M_DEBUG)))
		step_done(s, mode, tf);
	return NULL;
}

static bool linkable(struct soft_vcpu *s, const struct exit *x)
{
	return x && !s->inhibit && !s->one_mode && !s->run_one && !(s->v.rflags & FL_TF) &&
	       (x->mode & ~(u32)M_NOMERGE) == s->mode && !x->owner->dead;
}

enum run_exit soft_run(struct vcpu *v, struct err *e)
{
	struct soft_vcpu *s = soft_of(v);
	struct exit *x = NULL;
	enum run_exit why = RUN_EVENT;

	(void)e;
	v->stats.n[STAT_exits]++;
	for (;;) {
		u64 rip = v->rip;

		if (s->fault_waits) {
			s->fault_waits = false;
			soft_deliver_fault(s);
			soft_mode_changed(s);
		}
		if (s->exiting) {
			s->exiting = false;
			why = s->exit_why;
			break;
		}
		if (s->soft->deterministic)
			deterministic_turn(s);
		if (take_events(s))
			break;
		if (s->exiting)
			continue;
		if (v->rip != rip || !linkable(s, x))
			x = NULL;
		x = turn(s, x);
	}
	vec_save(s);
	if (s->irq_waits)
		__atomic_fetch_or((u32 *)&v->events, EV_IRQ, __ATOMIC_SEQ_CST);
	return why;
}
