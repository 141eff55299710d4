/* mode.c - what a block's translation depends on, and flags, vectors and time between their two
 * homes. General registers only. */
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

	s->flags_ax = (u32)((f & (FL_ARITH & ~FL_OF)) << 8 | FL_1 << 8 | !!(f & FL_OF));
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
	__asm__ volatile("xsave64 %0"
			 : "+m"(s->v.xsave)
			 : "a"((u32)s->vec_mask), "d"(0u)
			 : "memory");
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
	return g->base == 0 && g->limit == 0xffffffff &&
	       (g->attr & (SEG_P | SEG_S)) == (SEG_P | SEG_S) &&
	       (g->attr & 0xe) == 2; /* writable data, not expand-down */
}

static bool flat(const struct vcpu *v)
{
	const struct seg *cs = &v->seg[SEG_CS];

	return (v->cr0 & CR0_PE) && !(v->rflags & FL_VM) && cs->base == 0 &&
	       cs->limit == 0xffffffff && flat_data(&v->seg[SEG_DS]) &&
	       flat_data(&v->seg[SEG_ES]) && flat_data(&v->seg[SEG_SS]);
}

static u32 code_size(const struct vcpu *v)
{
	if (in_64bit(v))
		return M_CODE64 | M_FLAT;
	return (v->seg[SEG_CS].attr & SEG_DB ? M_CODE32 : 0) |
	       (v->seg[SEG_SS].attr & SEG_DB ? M_SS32 : 0) | (flat(v) ? M_FLAT : 0) |
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
	if (debug_on(v) || s->soft->nwatches)
		m |= M_DEBUG;
	if (v->cpl == 3 && (v->cr0 & CR0_AM) && (v->rflags & FL_AC))
		m |= M_ALIGN;
	if (v->tsc_offset || s->soft->deterministic || ((v->cr4 & CR4_TSD) && v->cpl))
		m |= M_TSC_CALL;
	return m;
}

static int slot_of_mode(const struct soft *so, u32 mode)
{
	for (unsigned i = 0; i < MODE_SLOTS; i++)
		if (__atomic_load_n(&so->slot_mode[i], __ATOMIC_ACQUIRE) == (u64)mode + 1)
			return (int)i;
	return -1;
}

static int slot_take(struct soft *so, u32 mode)
{
	unsigned i = 0;

	while (i < MODE_SLOTS && so->slot_mode[i])
		i++;
	if (i == MODE_SLOTS)
		return -1;
	for (unsigned c = 0; c < so->nvcpus; c++)
		for (unsigned k = 0; k < JC_N; k++)
			so->vcpu[c]->jc[i][k] = (u64)(uintptr_t)so->code_rx + so->thunk.jump;
	__atomic_store_n(&so->slot_mode[i], (u64)mode + 1, __ATOMIC_RELEASE);
	return (int)i;
}

int soft_mode_slot(struct soft *so, u32 mode)
{
	int slot = slot_of_mode(so, mode);

	if (slot >= 0 || (mode & M_DEBUG))
		return slot;
	spin_lock(&so->slot_lock);
	slot = slot_of_mode(so, mode);
	if (slot < 0)
		slot = slot_take(so, mode);
	spin_unlock(&so->slot_lock);
	return slot;
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

const struct engine_host *soft_host(struct soft_vcpu *s) { return &s->soft->en.config.host; }

enum step soft_trapped(struct soft_vcpu *s, enum trap_end end)
{
	if (end != TRAP_GO) {
		s->exiting = true;
		s->exit_why = end == TRAP_HALT ? RUN_HALT : RUN_EVENT;
	}
	return STEP_JUMP;
}

const struct cpuid_config *soft_cpuid(struct soft_vcpu *s) { return &s->soft->cpuid; }

/* ---- deterministic time ---- */

u64 soft_icount(struct vcpu *v)
{
	const struct soft_vcpu *s = soft_of(v);

	return s->icount_end - (u64)s->budget - s->insn_left;
}

u64 soft_tsc(struct soft_vcpu *s)
{
	if (s->soft->deterministic)
		return soft_icount(&s->v) + s->v.tsc_offset;
	return __builtin_ia32_rdtsc() + s->v.tsc_offset;
}
