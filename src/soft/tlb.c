/* tlb.c - the software TLB: filled by page walks, flushed by what was filled. General registers
 * only. */
#include "soft/state.h"

/*E:200 The software TLB
 * A direct-mapped table per view of memory (supervisor, user, supervisor with SMAP overridden),
 * consulted inline by translated code. Read and write have tags of their own: a page whose
 * dirty bit is clear, or that holds translated code, has no write tag, so that the first
 * write comes here. A flush visits only the slots that were filled since the last one, and
 * what the guest marked global survives a CR3 write.
 */
static unsigned slot_of(u64 lin) { return (lin >> GUEST_PAGE_SHIFT) & (TLB_N - 1); }

static void log_fill(struct fill_log *l, unsigned slot)
{
	if (l->n < FILL_LOG)
		l->slot[l->n] = (u16)slot;
	l->n++;
}

static void entry_clear(struct tlb_entry *t, unsigned slot)
{
	t->tag_r = t->tag_w = TLB_NO_MATCH(slot);
	t->host = t->addend = 0;
}

void tlb_init(struct soft_vcpu *s)
{
	for (unsigned v = 0; v <= VIEW_NONE; v++)
		for (unsigned i = 0; i < TLB_N; i++)
			entry_clear(&s->tlb[v][i], i);
	for (unsigned v = 0; v < 2; v++)
		for (unsigned i = 0; i < ITLB_N; i++)
			s->itlb[v][i] = 0;
}

static void flush_view(struct soft_vcpu *s, unsigned view, bool global)
{
	struct fill_log *l = &s->fills[view][global];

	if (l->n <= FILL_LOG)
		for (unsigned i = 0; i < l->n; i++)
			entry_clear(&s->tlb[view][l->slot[i]], l->slot[i]);
	else
		for (unsigned i = 0; i < TLB_N; i++)
			entry_clear(&s->tlb[view][i], i);
	l->n = 0;
}

static void flush_iview(struct soft_vcpu *s, unsigned view, bool global)
{
	struct fill_log *l = &s->ifills[view][global];

	if (l->n <= FILL_LOG)
		for (unsigned i = 0; i < l->n; i++)
			s->itlb[view][l->slot[i]] = 0;
	else
		for (unsigned i = 0; i < ITLB_N; i++)
			s->itlb[view][i] = 0;
	l->n = 0;
}

static void flush_present(struct soft_vcpu *s, bool global)
{
	s->v.stats.n[STAT_tlb_flush]++;
	for (unsigned g = 0; g <= global; g++) {
		for (unsigned v = 0; v < VIEW_N; v++)
			flush_view(s, v, g);
		for (unsigned v = 0; v < 2; v++)
			flush_iview(s, v, g);
	}
}

void soft_tlb_flush(struct soft_vcpu *s, bool global)
{
	flush_present(s, global);
	for (unsigned i = 0; i < SPACES; i++)
		s->space[i].pcid = 0;
}

/*E:210 Address spaces that wait
 * A kernel that tags its address spaces (PCID) comes back to them soon, and says that what was
 * cached is still good. So a CR3 write puts the present space's entries aside, and
 * takes out those of the one that is entered: a copy an entry instead of a page walk.
 */
static struct space *space_of(struct soft_vcpu *s, u32 pcid)
{
	for (unsigned i = 0; i < SPACES; i++)
		if (s->space[i].pcid == pcid + 1)
			return &s->space[i];
	return NULL;
}

static struct space *space_room(struct soft_vcpu *s, u32 pcid)
{
	struct space *best = space_of(s, pcid);

	for (unsigned i = 0; !best && i < SPACES; i++)
		if (!s->space[i].pcid)
			best = &s->space[i];
	if (best)
		return best;
	best = &s->space[0];
	for (unsigned i = 1; i < SPACES; i++)
		if (s->space[i].left_at < best->left_at)
			best = &s->space[i];
	return best;
}

static void put_aside(struct soft_vcpu *s, struct space *sp)
{
	sp->pcid = s->pcid + 1;
	sp->left_at = ++s->spaces_left;
	sp->n = sp->ni = 0;
	for (unsigned v = 0; v < VIEW_N; v++) {
		const struct fill_log *l = &s->fills[v][0];

		for (unsigned i = 0; i < l->n && i < FILL_LOG && sp->n < SPACE_TLB; i++) {
			u16 slot = l->slot[i];
			struct tlb_entry *t = &s->tlb[v][slot];

			if (s->tlb_global[v][slot] || t->tag_r == TLB_NO_MATCH(slot))
				continue;
			sp->tlb[sp->n].view = (u8)v;
			sp->tlb[sp->n].slot = slot;
			sp->tlb[sp->n++].entry = *t;
			entry_clear(t, slot); /* it may be in the log twice */
		}
	}
	for (unsigned v = 0; v < 2; v++) {
		const struct fill_log *l = &s->ifills[v][0];

		for (unsigned i = 0; i < l->n && i < FILL_LOG && sp->ni < SPACE_ITLB; i++) {
			u16 slot = l->slot[i];

			if (s->itlb_global[v][slot] || !s->itlb[v][slot])
				continue;
			sp->itlb[sp->ni].view = (u8)v;
			sp->itlb[sp->ni].slot = slot;
			sp->itlb[sp->ni++].tag = s->itlb[v][slot];
			s->itlb[v][slot] = 0;
		}
	}
}

static void take_out(struct soft_vcpu *s, struct space *sp)
{
	for (unsigned i = 0; i < sp->n; i++) {
		unsigned v = sp->tlb[i].view, slot = sp->tlb[i].slot;

		s->tlb[v][slot] = sp->tlb[i].entry;
		s->tlb_global[v][slot] = 0;
		log_fill(&s->fills[v][0], slot);
	}
	for (unsigned i = 0; i < sp->ni; i++) {
		unsigned v = sp->itlb[i].view, slot = sp->itlb[i].slot;

		s->itlb[v][slot] = sp->itlb[i].tag;
		s->itlb_global[v][slot] = 0;
		log_fill(&s->ifills[v][0], slot);
	}
	sp->pcid = 0;
}

void soft_tlb_cr3(struct soft_vcpu *s, bool keep)
{
	u32 pcid = s->v.cr4 & CR4_PCIDE ? s->v.cr3 & 0xfff : 0;
	struct space *sp;

	if (!(s->v.cr4 & CR4_PCIDE)) {
		s->pcid = 0;
		soft_tlb_flush(s, false);
		return;
	}
	if (pcid == s->pcid) {
		if (!keep)
			flush_present(s, false);
		return;
	}
	put_aside(s, space_room(s, s->pcid));
	flush_present(s, false);
	s->pcid = pcid;
	sp = space_of(s, pcid);
	if (sp && keep)
		take_out(s, sp);
	else if (sp)
		sp->pcid = 0;
}

static unsigned piece_of(u64 lin) { return (lin >> 21) * 0x9e3779b97f4a7c15ull >> 52; }

/* A large page was perhaps cached in many small slots; then everything goes. SDM 3A 4.10.4.1. */
void soft_tlb_flush_page(struct soft_vcpu *s, u64 lin)
{
	s->v.stats.n[STAT_invlpg]++;
	if (s->huge_seen || s->large_seen[piece_of(lin)]) {
		flush_present(s, true);
		return;
	}
	for (unsigned v = 0; v < VIEW_N; v++)
		entry_clear(&s->tlb[v][slot_of(lin)], slot_of(lin));
	for (unsigned v = 0; v < 2; v++)
		s->itlb[v][itlb_index(lin)] = 0;
}

void tlb_protect(struct soft_vcpu *s, u64 host_page)
{
	for (unsigned v = 0; v < VIEW_N; v++)
		for (unsigned i = 0; i < TLB_N; i++)
			if (s->tlb[v][i].host == host_page)
				s->tlb[v][i].tag_w = TLB_NO_MATCH(i);
	for (unsigned i = 0; i < SPACES; i++)
		for (unsigned k = 0; s->space[i].pcid && k < s->space[i].n; k++)
			if (s->space[i].tlb[k].entry.host == host_page)
				s->space[i].tlb[k].entry.tag_w = TLB_NO_MATCH(
				    s->space[i].tlb[k].slot);
}

void tlb_protect_all(struct soft_vcpu *s)
{
	for (unsigned v = 0; v < VIEW_N; v++)
		for (unsigned i = 0; i < TLB_N; i++)
			s->tlb[v][i].tag_w = TLB_NO_MATCH(i);
	for (unsigned i = 0; i < SPACES; i++)
		for (unsigned k = 0; k < s->space[i].n; k++)
			s->space[i].tlb[k].entry.tag_w = TLB_NO_MATCH(s->space[i].tlb[k].slot);
}

/* Said before code_at() is asked: see code_page_claim(). */
static void note_writer(struct soft_vcpu *s, gpa_t at)
{
	u64 *w = &s->soft->writers[at.at >> GUEST_PAGE_SHIFT], bit = 1ull << s->v.index;

	if (!(__atomic_load_n(w, __ATOMIC_SEQ_CST) & bit))
		__atomic_fetch_or(w, bit, __ATOMIC_SEQ_CST);
}

static struct paging paging_of(const struct soft_vcpu *s, bool ac)
{
	const struct vcpu *v = &s->v;

	return (struct paging){ v->cr0, v->cr3, v->cr4, v->efer, ac, v->pkru };
}

static void note_large(struct soft_vcpu *s, u64 lin, const struct walk *w)
{
	if (w->page <= GUEST_PAGE_SIZE || !(s->v.cr0 & CR0_PG))
		return;
	if (w->page > MIB(4))
		s->huge_seen = true;
	s->large_seen[piece_of(lin)] = 1;
	s->large_seen[piece_of(lin ^ MIB(2))] = 1; /* a 4 MiB page has two pieces */
}

/* Linear addresses are 32 bits wide outside long mode. */
static bool lin_valid(const struct soft_vcpu *s, u64 lin)
{
	return !(s->v.efer & EFER_LMA) || canonical(lin);
}

enum fill tlb_fill(struct soft_vcpu *s, enum tlb_view view, u64 lin, unsigned acc,
		   struct filled *ret)
{
	struct paging p = paging_of(s, view == VIEW_AC);
	struct mem *m = s->soft->en.config.mem;
	unsigned slot = slot_of(lin);
	struct tlb_entry *t = &s->tlb[view][slot];
	u64 page = lin & ~(GUEST_PAGE_SIZE - 1);
	struct walk w;
	u8 *host;

	if (view == VIEW_USER)
		acc |= ACC_USER;
	if (!lin_valid(s, lin)) {
		soft_fault(s, EXC_GP, true, 0);
		return FILL_FAULT;
	}
	if (mem_walk(m, &p, GVA(lin), acc, &w)) {
		soft_fault(s, EXC_PF, true, w.error);
		s->fault.cr2 = lin;
		return FILL_FAULT;
	}
	note_large(s, lin, &w);
	ret->gpa = w.at;
	host = mem_host(m, GPA(w.at.at & ~(GUEST_PAGE_SIZE - 1)), GUEST_PAGE_SIZE);
	ret->host = host ? host + (w.at.at & (GUEST_PAGE_SIZE - 1)) : NULL;
	ret->rom = host && !mem_host_w(m, GPA(w.at.at & ~(GUEST_PAGE_SIZE - 1)), GUEST_PAGE_SIZE);
	if (host && (acc & ACC_W))
		note_writer(s, w.at);
	ret->code = host && code_at(s->soft, w.at);
	if (!host)
		return FILL_SLOW;
	s->v.stats.n[STAT_tlb_miss]++;
	if (t->host != (u64)(uintptr_t)host || t->tag_r != page)
		entry_clear(t, slot);
	t->host = (u64)(uintptr_t)host;
	t->addend = t->host - page;
	t->tag_r = page;
	s->tlb_global[view][slot] = w.global && (s->v.cr4 & CR4_PGE);
	log_fill(&s->fills[view][s->tlb_global[view][slot]], slot);
	if (!(acc & ACC_W))
		return FILL_RAM;
	if (ret->code || ret->rom)
		return FILL_SLOW;
	t->tag_w = page;
	return FILL_RAM;
}

bool tlb_fill_quietly(struct soft_vcpu *s, enum tlb_view view, u64 lin, bool write)
{
	struct paging p = paging_of(s, view == VIEW_AC);
	struct mem *m = s->soft->en.config.mem;
	unsigned acc = (view == VIEW_USER ? ACC_USER : 0) | (write ? ACC_W : 0);
	struct filled f;
	struct walk w;

	if (!lin_valid(s, lin) || mem_walk(m, &p, GVA(lin), acc | ACC_QUIET, &w))
		return false;
	if (write && (s->v.cr0 & CR0_PG) && !w.dirty)
		return false;
	if (!mem_host(m, w.at, 1) || (write && code_at(s->soft, w.at)))
		return false;
	return tlb_fill(s, view, lin, acc, &f) == FILL_RAM;
}

enum step itlb_fill(struct soft_vcpu *s, u64 lin, gpa_t *ret)
{
	struct paging p = paging_of(s, false);
	unsigned user = s->v.cpl == 3;
	struct walk w;

	if (!lin_valid(s, lin))
		return fault_gp(s, 0);
	if (mem_walk(s->soft->en.config.mem, &p, GVA(lin), ACC_X | (user ? ACC_USER : 0), &w)) {
		soft_fault(s, EXC_PF, true, w.error);
		s->fault.cr2 = lin;
		return STEP_FAULT;
	}
	note_large(s, lin, &w);
	*ret = w.at;
	s->itlb[user][itlb_index(lin)] = itlb_tag(lin, w.at.at);
	s->itlb_global[user][itlb_index(lin)] = w.global && (s->v.cr4 & CR4_PGE);
	log_fill(&s->ifills[user][s->itlb_global[user][itlb_index(lin)]], itlb_index(lin));
	return STEP_NEXT;
}
