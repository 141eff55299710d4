/* build.c - the domain builder: lays out a domain's memory and starts its processor. */
#include "xen/int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*H:800 A domain is built
 * Xen's tools load a guest in a fixed order, each part behind the other from the base that the kernel
 * names: kernel, initial RAM disk, the list of frame numbers, start info, the two rings, page tables,
 * a stack, and room to at least half a MiB, up to a multiple of 4 MiB. All of it is mapped when the
 * kernel starts. Which machine frame stands behind a page is anybody's guess: we deal them out like
 * cards, because numbers in order would hide a guest (or a Xen) that confuses the two.
 * @test xen-example
 */
#define PAGES(len) (((len) + GUEST_PAGE_SIZE - 1) >> GUEST_PAGE_SHIFT)
#define PAD KIB(512)
#define END_ALIGN MIB(4)
#define TABLES_MAX 4096 /* pages of them: maps 8 GiB, more than any kernel is given at its start */

struct builder {
	struct xen *x;
	const struct xen_image *im;
	struct elf_xen note;
	u64 base;      /* virtual address of page 0 */
	u64 kernel_end, module, p2m, info, store, console, tables, stack, end; /* virtual */
	u64 ntables;
	u64 rng;
};

static u64 random64(struct builder *b)
{
	u64 z = b->rng += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* ---- frames ---- */

/* Consecutive frames for Xen, from the end of the low RAM down. */
static u64 heap_take(struct xen *x, u64 n)
{
	x->heap_next -= n;
	for (u64 i = 0; i < n; i++) {
		x->frame[x->heap_next + i] = (struct frame){ .owner = OWN_XEN };
		memset(frame_host(x, x->heap_next + i), 0, GUEST_PAGE_SIZE);
	}
	return x->heap_next;
}

static void frames_init(struct xen *x)
{
	const struct mem_block *low = &x->mem->block[0];

	memset(x->frame, 0, x->nframes * sizeof(*x->frame));
	for (unsigned i = 0; i < x->mem->n; i++) {
		const struct mem_block *b = &x->mem->block[i];

		for (u64 k = 0; k < b->len >> GUEST_PAGE_SHIFT && !b->rom; k++)
			x->frame[(b->at.at >> GUEST_PAGE_SHIFT) + k].owner = OWN_GUEST;
	}
	x->heap_next = (low->at.at + low->len) >> GUEST_PAGE_SHIFT;
}

/* The guest's read-only view of the table of pseudo-physical numbers: L3, L2 and L1s of Xen's. */
static void m2p_map(struct xen *x)
{
	u64 nl1 = (x->nm2p + 511) / 512, l1 = heap_take(x, nl1), l2 = heap_take(x, (nl1 + 511) / 512);
	u64 *t;

	x->l3_m2p = heap_take(x, 1);
	t = (u64 *)(void *)frame_host(x, x->l3_m2p);
	for (u64 i = 0; i < (nl1 + 511) / 512; i++)
		t[i] = (l2 + i) << GUEST_PAGE_SHIFT | PTE_P | PTE_U | PTE_A;
	for (u64 i = 0; i < nl1; i++) {
		t = (u64 *)(void *)frame_host(x, l2 + i / 512);
		t[i % 512] = (l1 + i) << GUEST_PAGE_SHIFT | PTE_P | PTE_U | PTE_A;
	}
	for (u64 i = 0; i < x->nm2p; i++) {
		t = (u64 *)(void *)frame_host(x, l1 + i / 512);
		t[i % 512] = (x->m2p_mfn + i) << GUEST_PAGE_SHIFT | PTE_P | PTE_U | PTE_A | PTE_NX;
	}
}

static void domain_area_map(struct xen *x)
{
	u64 l2 = heap_take(x, 1);

	x->l3_domain = heap_take(x, 1);
	x->gdt_l1 = heap_take(x, 1);
	x->gdt_reserved = heap_take(x, 1);
	((u64 *)(void *)frame_host(x, x->l3_domain))[0] =
		l2 << GUEST_PAGE_SHIFT | PTE_P | PTE_W | PTE_A;
	((u64 *)(void *)frame_host(x, l2))[0] =
		x->gdt_l1 << GUEST_PAGE_SHIFT | PTE_P | PTE_W | PTE_A;
}

static int xen_frames(struct xen *x, struct err *e)
{
	u64 need;

	x->nm2p = PAGES(x->nframes * 8);
	need = x->nm2p + PAGES(x->nm2p * 8) + GRANT_FRAMES + 64;
	if (x->heap_next <= need + 512)
		return err_set(e, -ENOMEM, "%llu MiB of memory are too little for a Xen domain",
			       (ull)(x->mem->ram >> 20));
	x->m2p_mfn = heap_take(x, x->nm2p);
	memset(mem_host(x->mem, GPA(x->m2p_mfn << GUEST_PAGE_SHIFT), x->nm2p << GUEST_PAGE_SHIFT), 0xff,
	       x->nm2p << GUEST_PAGE_SHIFT);
	m2p_map(x);
	domain_area_map(x);
	x->shared_mfn = heap_take(x, 1);
	x->frame[x->shared_mfn].owner = OWN_SHARED;
	x->grant_mfn = heap_take(x, GRANT_FRAMES);
	for (unsigned i = 0; i < GRANT_FRAMES; i++)
		x->frame[x->grant_mfn + i].owner = OWN_SHARED;
	return 0;
}

/* Deal the guest's frames out. */
static void shuffle(struct builder *b)
{
	struct xen *x = b->x;
	u64 n = 0;

	for (u64 mfn = 0; mfn < x->nframes; mfn++)
		if (x->frame[mfn].owner == OWN_GUEST)
			x->p2m[n++] = mfn;
	for (u64 i = n; i > 1; i--) {
		u64 j = random64(b) % i, t = x->p2m[i - 1];

		x->p2m[i - 1] = x->p2m[j];
		x->p2m[j] = t;
	}
	x->npages = x->owned = n;
	for (u64 pfn = 0; pfn < n; pfn++)
		m2p_set(x, x->p2m[pfn], pfn);
}

/* ---- contents ---- */

/* Copy to the domain's address va; what is behind the last frame was checked by layout(). */
static void put(struct builder *b, u64 va, const void *data, u64 len)
{
	u64 at = va - b->base;

	for (u64 n; len; len -= n, at += n, data = (const u8 *)data + n) {
		n = GUEST_PAGE_SIZE - at % GUEST_PAGE_SIZE;
		n = n < len ? n : len;
		memcpy(frame_host(b->x, b->x->p2m[at >> GUEST_PAGE_SHIFT]) + at % GUEST_PAGE_SIZE,
		       data, n);
	}
}

static u64 mfn_at(struct builder *b, u64 va)
{
	return b->x->p2m[(va - b->base) >> GUEST_PAGE_SHIFT];
}

static u64 target(const struct builder *b, const struct elf_segment *s)
{
	return s->paddr - b->note.offset + b->note.base;
}

static int kernel_span(struct builder *b, struct err *e)
{
	u64 lo = UINT64_MAX, hi = 0;
	struct elf_segment s;
	int rc;

	for (unsigned i = 0; i < b->im->elf.nseg; i++) {
		elf_segment(&b->im->elf, i, &s);
		if (s.type != PT_LOAD || !s.memsz)
			continue;
		rc = elf_segment_check(&b->im->elf, i, e);
		if (rc)
			return rc;
		lo = target(b, &s) < lo ? target(b, &s) : lo;
		hi = target(b, &s) + s.memsz > hi ? target(b, &s) + s.memsz : hi;
	}
	if (hi <= lo || lo < b->note.base || hi - b->note.base > b->x->npages << GUEST_PAGE_SHIFT)
		return err_set(e, -ENOMEM, "its segments 0x%llx-0x%llx do not fit into %llu MiB from its "
			       "base 0x%llx", (ull)lo, (ull)hi, (ull)(b->x->mem->ram >> 20),
			       (ull)b->note.base);
	b->kernel_end = (hi + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	return 0;
}

static void kernel_put(struct builder *b)
{
	struct elf_segment s;

	for (unsigned i = 0; i < b->im->elf.nseg; i++) {
		elf_segment(&b->im->elf, i, &s);
		if (s.type == PT_LOAD && s.memsz)
			put(b, target(b, &s), b->im->elf.data + s.offset, s.filesz);
	}
}

/* Tables of one level that map [lo, hi). */
static u64 tables_of(u64 lo, u64 hi, unsigned shift)
{
	return ((hi - 1) >> shift) - (lo >> shift) + 1;
}

static int layout(struct builder *b, struct err *e)
{
	struct xen *x = b->x;
	u64 at, n = 0, more;

	b->module = b->kernel_end;
	b->p2m = b->module + (PAGES(b->im->module_len) << GUEST_PAGE_SHIFT);
	b->info = b->p2m + (PAGES(x->npages * 8) << GUEST_PAGE_SHIFT);
	b->store = b->info + GUEST_PAGE_SIZE;
	b->console = b->store + GUEST_PAGE_SIZE;
	b->tables = b->console + GUEST_PAGE_SIZE;
	do { /* they map themselves, too */
		b->ntables = n;
		b->stack = b->tables + (n << GUEST_PAGE_SHIFT);
		at = b->stack + GUEST_PAGE_SIZE + PAD;
		b->end = (at + END_ALIGN - 1) & ~(END_ALIGN - 1);
		more = 1 + tables_of(b->base, b->end, 39) + tables_of(b->base, b->end, 30) +
		       tables_of(b->base, b->end, 21);
		n = more;
	} while (n != b->ntables);
	if (n > TABLES_MAX || (b->end - b->base) >> GUEST_PAGE_SHIFT > x->npages)
		return err_set(e, -ENOMEM, "kernel and initrd do not fit into %llu MiB",
			       (ull)(x->mem->ram >> 20));
	return 0;
}

/* The table of the next level that maps va; made when it is not there. next: pages used so far. */
static u64 *descend(struct builder *b, u64 *t, unsigned shift, u64 va, u64 *next)
{
	u64 *e = &t[va >> shift & 511];

	if (!(*e & PTE_P)) {
		*e = mfn_at(b, b->tables + (*next << GUEST_PAGE_SHIFT)) << GUEST_PAGE_SHIFT |
		     PTE_P | PTE_W | PTE_U | PTE_A | PTE_D;
		++*next;
	}
	return (u64 *)(void *)frame_host(b->x, ENTRY_MFN(*e));
}

static void tables_put(struct builder *b)
{
	u64 *l4 = (u64 *)(void *)frame_host(b->x, mfn_at(b, b->tables)), next = 1;

	for (u64 va = b->base; va != b->end; va += GUEST_PAGE_SIZE) {
		u64 *l1 = descend(b, descend(b, descend(b, l4, 39, va, &next), 30, va, &next), 21, va,
				  &next);
		bool table = va >= b->tables && va < b->stack;

		l1[va >> 12 & 511] = mfn_at(b, va) << GUEST_PAGE_SHIFT | PTE_P | PTE_A | PTE_U |
				     (table ? 0 : PTE_W | PTE_D);
	}
	BUG_ON(next > b->ntables);
}

static void info_put(struct builder *b)
{
	struct xen *x = b->x;
	struct start_info *s = (void *)frame_host(x, mfn_at(b, b->info));

	strcpy(s->magic, "xen-3.0-x86_64");
	s->nr_pages = x->npages;
	s->shared_info = x->shared_mfn << GUEST_PAGE_SHIFT;
	s->store_mfn = x->store_mfn = mfn_at(b, b->store);
	s->store_evtchn = x->store_port;
	s->console.domU.mfn = x->console_frame = mfn_at(b, b->console);
	s->console.domU.evtchn = x->console_port;
	s->pt_base = b->tables;
	s->nr_pt_frames = b->ntables;
	s->mfn_list = b->p2m;
	s->mod_start = b->im->module_len ? b->module : 0;
	s->mod_len = b->im->module_len;
	if (b->note.mod_start_pfn.v && b->im->module_len) {
		s->mod_start = (b->module - b->base) >> GUEST_PAGE_SHIFT;
		s->flags |= SIF_MOD_START_PFN;
	}
	s->first_p2m_pfn = (b->p2m - b->base) >> GUEST_PAGE_SHIFT;
	s->nr_p2m_frames = PAGES(x->npages * 8);
	strncpy((char *)s->cmd_line, b->im->cmdline, sizeof(s->cmd_line) - 1);
}

static void shared_put(struct xen *x)
{
	struct shared_info *s = shared_info(x);

	for (unsigned i = 0; i < ARRAY_SIZE(s->vcpu_info); i++)
		s->vcpu_info[i].evtchn_upcall_mask = 1;
	memset(s->evtchn_mask, 0xff, sizeof(s->evtchn_mask));
}

static int hypercall_page(struct builder *b, struct err *e)
{
	u64 va = b->note.hypercall_page.v & ~(GUEST_PAGE_SIZE - 1);

	if (!b->note.hypercall_page.given)
		return 0;
	if (va < b->base || va >= b->end)
		return err_set(e, -ENOEXEC, "its hypercall page 0x%llx is outside the domain", (ull)va);
	hypercall_page_fill(frame_host(b->x, mfn_at(b, va)));
	return 0;
}

/* ---- the processor ---- */

static void cpu_set(struct builder *b, struct vcpu *v)
{
	memset(v->gpr, 0, sizeof(v->gpr));
	v->gpr[RSI] = b->info;
	v->gpr[RSP] = b->stack + GUEST_PAGE_SIZE;
	v->rip = b->note.entry.v;
	v->rflags = FL_1 | FL_IF;
	for (unsigned i = 0; i < SEG_N; i++)
		v->seg[i] = (struct seg){ 0 };
	v->ldt = v->tr = (struct seg){ 0 };
	v->idt = (struct dtr){ 0, 0 };
	v->cr0 = CR0_PG | CR0_PE | CR0_WP | CR0_MP | CR0_ET | CR0_NE;
	v->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_PCIDE;
	v->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
	v->kernel_gs_base = 0;
	segment_cs(v, FLAT_RING3_CS64);
}

static int begin(struct builder *b, struct vcpu *v, struct err *e)
{
	struct xen *x = b->x;

	x->v = v;
	x->kernel = true;
	x->user_base = MFN_NONE;
	x->kernel_base = mfn_at(b, b->tables);
	if (type_get(x, x->kernel_base, T_L4))
		return err_set(e, -EINVAL, "the domain's first page tables do not pass Xen's checks");
	x->frame[x->kernel_base].refs++;
	if (type_get(x, x->kernel_base, T_L4))
		return err_set(e, -EINVAL, "the domain's first page table cannot be pinned");
	x->frame[x->kernel_base].refs++;
	x->frame[x->kernel_base].pinned = true;
	x->flush = false;
	cpu_set(b, v);
	v->cr3 = x->kernel_base << GUEST_PAGE_SHIFT | PCID_KERNEL;
	return segments_init(x);
}

static void forget(struct xen *x)
{
	x->ended = x->blocked = x->stepping = x->flush = x->user_stale = false;
	x->grants = x->line_len = x->ntyped = 0;
	x->kernel_sp = x->event_entry = x->failsafe_entry = x->syscall_entry = 0;
	x->syscall_masks = x->failsafe_masks = false;
	x->runstate = x->cr2 = 0;
	x->iopl = 0;
	memset(x->trap, 0, sizeof(x->trap));
	memset(x->channel, 0, sizeof(x->channel));
	memset(x->dr, 0, sizeof(x->dr));
}

static int fill(struct builder *b, struct err *e)
{
	struct xen *x = b->x;
	int rc = kernel_span(b, e);

	if (!rc)
		rc = layout(b, e);
	if (rc)
		return rc;
	kernel_put(b);
	put(b, b->module, b->im->module, b->im->module_len);
	put(b, b->p2m, x->p2m, x->npages * 8);
	x->vcpu_info = GPA(x->shared_mfn << GUEST_PAGE_SHIFT);
	shared_put(x);
	x->console_port = event_back_end(x, con_drain, NULL);
	x->store_port = event_back_end(x, store_serve, NULL);
	info_put(b);
	tables_put(b);
	return hypercall_page(b, e);
}

int xen_build(struct xen *x, const struct xen_image *im, struct vcpu *v, struct err *e)
{
	struct builder b = { .x = x, .im = im, .rng = im->seed };
	int rc;

	if (!im->elf.is64 || im->elf.machine != EM_X86_64)
		return err_set(e, -ENOEXEC, "it is a 32-bit kernel, and only 64-bit ones are started as "
			       "Xen guests");
	if (!elf_xen(&im->elf, &b.note))
		return err_set(e, -ENOEXEC, "it has neither Xen's notes nor a __xen_guest section");
	rc = elf_xen_check(&im->elf, &b.note, e);
	if (rc)
		return rc;
	b.base = b.note.base;
	forget(x);
	frames_init(x);
	rc = xen_frames(x, e);
	if (rc)
		return rc;
	shuffle(&b);
	rc = fill(&b, e);
	if (!rc)
		rc = begin(&b, v, e);
	if (!rc)
		rc = store_new(x, e);
	if (!rc)
		time_init(x);
	return rc;
}
