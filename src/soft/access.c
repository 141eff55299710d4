/* access.c - guest memory accessed from C, byte by byte where pages, devices or code demand it. */
#include "soft/state.h"

enum step soft_fault(struct soft_vcpu *s, u8 vec, bool has_err, u32 err)
{
	s->fault = (struct fault){ .vec = vec, .has_err = has_err, .err = err };
	return STEP_FAULT;
}

struct fault *soft_fault_noted(struct soft_vcpu *s) { return &s->fault; }

enum step soft_exit(struct soft_vcpu *s, enum run_exit why)
{
	s->exit_why = why;
	return STEP_EXIT;
}

static enum tlb_view view_of(const struct soft_vcpu *s, unsigned acc)
{
	const struct vcpu *v = &s->v;

	if (acc & ACC_USER)
		return VIEW_USER;
	if (acc & ACC_IMPLICIT)
		return VIEW_SUPER;
	return (v->cr4 & CR4_SMAP) && (v->rflags & FL_AC) && v->cpl != 3 ? VIEW_AC : VIEW_SUPER;
}

static struct tlb_entry *entry_of(struct soft_vcpu *s, enum tlb_view view, u64 lin)
{
	return &s->tlb[view][(lin >> GUEST_PAGE_SHIFT) & (TLB_N - 1)];
}

static void copy(void *to, const void *from, unsigned len)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

/* Natural alignment, as far as a Zen 5 looks: 8 for the ten bytes of the x87, 16 for 32. SDM
 * 3A 6.15, #AC. */
static bool misaligned(u64 lin, unsigned len)
{
	if (len == 10)
		len = 8;
	else if (len == 32)
		len = 16;
	else if (len & (len - 1))
		len = len == 6 || !(len & 3) ? 4 : 2;
	return lin & (len - 1);
}

enum step lin_align(struct soft_vcpu *s, u64 lin, unsigned len)
{
	return (s->mode & M_ALIGN) && misaligned(lin, len) ? soft_fault(s, EXC_AC, true, 0)
							   : STEP_NEXT;
}

enum step access_special(struct soft_vcpu *s, u64 lin, unsigned len, unsigned acc)
{
	if ((acc & ACC_USER) && !(acc & ACC_ANY_ALIGNMENT) && lin_align(s, lin, len))
		return STEP_FAULT;
	if (s->mode & M_DEBUG)
		debug_access(s, lin, len, acc & ACC_W);
	return STEP_NEXT;
}

static bool is_special(const struct soft_vcpu *s, unsigned acc)
{
	return unlikely(s->mode & (M_DEBUG | M_ALIGN)) && !(acc & ACC_IMPLICIT);
}

u8 *lin_host(struct soft_vcpu *s, u64 lin, unsigned acc)
{
	enum tlb_view view = view_of(s, acc);
	struct tlb_entry *t = entry_of(s, view, lin);
	u64 page = lin & ~(GUEST_PAGE_SIZE - 1);
	struct filled f;

	if (is_special(s, acc))
		return NULL;
	if ((acc & ACC_W ? t->tag_w : t->tag_r) == page)
		return (u8 *)(uintptr_t)(lin + t->addend);
	return tlb_fill(s, view, lin, acc & ACC_W, &f) == FILL_RAM ? f.host : NULL;
}

/* One piece inside a page. Devices are asked in naturally aligned powers of two. */
static u64 device_size(u64 at, u64 len)
{
	u64 size = 8;

	while (size > len || (at & (size - 1)))
		size >>= 1;
	return size;
}

static void device_read(struct soft_vcpu *s, gpa_t at, u8 *buf, unsigned len)
{
	const struct engine_host *h = &s->soft->en.config.host;

	vec_save(s);
	while (len) {
		unsigned n = (unsigned)device_size(at.at, len);
		u64 val = h->mmio_read(h->ctx, &s->v, at, n);

		s->v.stats.n[STAT_mmio]++;
		copy(buf, &val, n);
		buf += n;
		at.at += n;
		len -= n;
	}
}

static void device_write(struct soft_vcpu *s, gpa_t at, const u8 *buf, unsigned len)
{
	const struct engine_host *h = &s->soft->en.config.host;

	vec_save(s);
	while (len) {
		unsigned n = (unsigned)device_size(at.at, len);
		u64 val = 0;

		s->v.stats.n[STAT_mmio]++;
		copy(&val, buf, n);
		h->mmio_write(h->ctx, &s->v, at, n, val);
		buf += n;
		at.at += n;
		len -= n;
	}
}

void phys_read(struct soft_vcpu *s, const struct filled *f, gpa_t at, u8 *buf, unsigned len)
{
	if (f->host)
		copy(buf, f->host, len);
	else
		device_read(s, at, buf, len);
}

void phys_write(struct soft_vcpu *s, const struct filled *f, gpa_t at, const u8 *buf, unsigned len)
{
	if (!f->host) {
		device_write(s, at, buf, len);
		return;
	}
	if (f->rom)
		return;
	copy(f->host, buf, len);
	if (f->code && code_written(s->soft, at, len))
		s->left = true;
}

/* The one or two pieces of [lin, lin+len), at most a page long, each translated. */
struct pieces {
	unsigned n;
	struct filled f[2];
	unsigned len[2];
};

static enum step pieces_of(struct soft_vcpu *s, u64 lin, unsigned len, unsigned acc,
			   struct pieces *ret)
{
	enum tlb_view view = view_of(s, acc);
	u64 room = GUEST_PAGE_SIZE - (lin & (GUEST_PAGE_SIZE - 1));

	if (!(s->v.efer & EFER_LMA))
		lin = (u32)lin;
	else if (!canonical(lin + len - 1))
		return fault_gp(s, 0);
	ret->n = len > room ? 2 : 1;
	ret->len[0] = len > room ? (unsigned)room : len;
	ret->len[1] = len - ret->len[0];
	for (unsigned i = 0; i < ret->n; i++) {
		u64 at = i ? lin + room : lin;

		if (!(s->v.efer & EFER_LMA))
			at = (u32)at;
		if (tlb_fill(s, view, at, acc & ACC_W, &ret->f[i]) == FILL_FAULT)
			return STEP_FAULT;
	}
	return STEP_NEXT;
}

enum step lin_read(struct soft_vcpu *s, u64 lin, void *buf, unsigned len, unsigned acc)
{
	enum tlb_view view = view_of(s, acc);
	struct tlb_entry *t = entry_of(s, view, lin);
	struct pieces p;
	u8 *to = buf;

	if (is_special(s, acc) && access_special(s, lin, len, acc & ~(unsigned)ACC_W))
		return STEP_FAULT;
	if (lin - t->tag_r <= GUEST_PAGE_SIZE - len) {
		copy(buf, (void *)(uintptr_t)(lin + t->addend), len);
		return STEP_NEXT;
	}
	if (pieces_of(s, lin, len, acc & ~(unsigned)ACC_W, &p))
		return STEP_FAULT;
	for (unsigned i = 0; i < p.n; to += p.len[i++])
		phys_read(s, &p.f[i], p.f[i].gpa, to, p.len[i]);
	return STEP_NEXT;
}

enum step lin_write(struct soft_vcpu *s, u64 lin, const void *buf, unsigned len, unsigned acc)
{
	enum tlb_view view = view_of(s, acc);
	struct tlb_entry *t = entry_of(s, view, lin);
	const u8 *from = buf;
	struct pieces p;

	if (is_special(s, acc) && access_special(s, lin, len, acc | ACC_W))
		return STEP_FAULT;
	if (lin - t->tag_w <= GUEST_PAGE_SIZE - len) {
		copy((void *)(uintptr_t)(lin + t->addend), buf, len);
		return STEP_NEXT;
	}
	if (pieces_of(s, lin, len, acc | ACC_W, &p))
		return STEP_FAULT;
	for (unsigned i = 0; i < p.n; from += p.len[i++])
		phys_write(s, &p.f[i], p.f[i].gpa, from, p.len[i]);
	return STEP_NEXT;
}

enum step lin_probe_w(struct soft_vcpu *s, u64 lin, unsigned len, unsigned acc)
{
	struct pieces p;

	return pieces_of(s, lin, len, acc | ACC_W, &p);
}
