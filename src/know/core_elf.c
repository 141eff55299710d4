/* core_elf.c - a machine as an ELF core file: all RAM, holes where it is zero. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "elf/elf.h"
#include "know/core.h"

#define DIRECT_MAP 0xffff888000000000ull /* where Linux maps all RAM, when it does not say */

/* ---- writing ------------------------------------------------------------------------------ */

static bool is_zero(const u8 *p)
{
	return !p[0] && !memcmp(p, p + 1, GUEST_PAGE_SIZE - 1);
}

static u64 direct_map(struct kernel *k)
{
	u64 at = k ? k_sym(k, "page_offset_base") : 0, base;

	return at && k_u64(k, at, &base) ? base : DIRECT_MAP;
}

static Elf64_Phdr load(u64 offset, u64 va, u64 pa, u64 len)
{
	return (Elf64_Phdr){ PT_LOAD, ELF_R | ELF_W | ELF_X, offset, va, pa, len, len, 0 };
}

/* The file offset that holds a physical address; 0: not in RAM. */
static u64 offset_of(const struct target *t, u64 data, u64 pa, u64 len)
{
	for (unsigned i = 0; i < t->nram; data += t->ram[i++].len)
		if (pa - t->ram[i].at < t->ram[i].len && len <= t->ram[i].len - (pa - t->ram[i].at))
			return data + (pa - t->ram[i].at);
	return 0;
}

/* First the kernel's image where it is linked, so that gdb finds its symbols; then all RAM. */
static unsigned headers(struct target *t, struct kernel *k, u64 data, Elf64_Phdr *p)
{
	u64 at = data, direct = direct_map(k), offset;
	struct trail tr;
	unsigned n = 0;

	if (k && k->end && space_walk(t, &k->space, k->base, &tr)) {
		offset = offset_of(t, data, tr.pa, k->end - k->base);
		if (offset)
			p[n++] = load(offset, k->base, tr.pa, k->end - k->base);
	}
	for (unsigned i = 0; i < t->nram; at += t->ram[i++].len)
		p[n++] = load(at, direct + t->ram[i].at, t->ram[i].at, t->ram[i].len);
	return n;
}

static void write_ram(struct target *t, struct sink *s)
{
	for (unsigned i = 0; i < t->nram; i++)
		for (u64 at = 0; at < t->ram[i].len && !s->rc; at += GUEST_PAGE_SIZE) {
			const u8 *p = t->page(t, (t->ram[i].at + at) >> GUEST_PAGE_SHIFT);

			if (!p || is_zero(p))
				sink_zero(s, GUEST_PAGE_SIZE);
			else
				sink_put(s, p, GUEST_PAGE_SIZE);
		}
}

int core_elf_write(struct target *t, struct kernel *k, int fd, struct err *e)
{
	Elf64_Phdr p[TARGET_RAMS + 2] = { { .p_type = PT_NOTE } };
	struct sink s = { .fd = fd };
	struct notes notes;
	u64 data;
	Elf64_Ehdr h = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_phoff = sizeof(h), .e_ehsize = sizeof(h), .e_phentsize = sizeof(*p),
	};
	int rc = notes_make(t, k, &notes, e);

	if (rc)
		return rc;
	p[0].p_offset = sizeof(h) + sizeof(p);
	p[0].p_filesz = p[0].p_memsz = notes.len;
	data = (p[0].p_offset + notes.len + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	h.e_phnum = (Elf64_Half)(1 + headers(t, k, data, p + 1));
	sink_put(&s, &h, sizeof(h));
	sink_put(&s, p, sizeof(p));
	sink_put(&s, notes.at, notes.len);
	sink_zero(&s, data - (s.at + s.used));
	write_ram(t, &s);
	free(notes.at);
	errno = -sink_end(&s);
	return errno ? err_sys(e, "cannot write it") : 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

struct map {
	u8 *at;
	u64 len;
	unsigned n;
	struct { u64 at, len, offset; } part[TARGET_RAMS];
};

static const u8 *map_page(struct target *t, u64 pfn)
{
	const struct map *m = t->back;
	u64 pa = pfn << GUEST_PAGE_SHIFT;

	for (unsigned i = 0; i < m->n; i++) {
		u64 off = pa - m->part[i].at;

		if (off < m->part[i].len && m->part[i].len - off >= GUEST_PAGE_SIZE)
			return m->at + m->part[i].offset + off;
	}
	return NULL;
}

static void map_close(struct target *t)
{
	struct map *m = t->back;

	munmap(m->at, m->len);
	free(m);
}

static void take_segment(struct target *t, struct map *m, const struct elf *elf, unsigned i)
{
	struct elf_segment seg;
	struct err e;

	elf_segment(elf, i, &seg);
	if (elf_segment_check(elf, i, &e) || !seg.filesz)
		return;
	if (seg.type == PT_NOTE)
		core_notes(t, m->at + seg.offset, seg.filesz);
	if (seg.type != PT_LOAD || m->n == TARGET_RAMS || seg.paddr % GUEST_PAGE_SIZE)
		return;
	m->part[m->n].at = t->ram[t->nram].at = seg.paddr;
	m->part[m->n].len = t->ram[t->nram++].len = seg.filesz & ~(GUEST_PAGE_SIZE - 1);
	m->part[m->n++].offset = seg.offset;
}

int core_elf_open(struct target *t, int fd, u64 len, struct err *e)
{
	struct map *m;
	struct elf elf;
	void *at;
	int rc;

	if (!len)
		return err_set(e, -EBADMSG, "it is empty");
	at = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return err_sys(e, "cannot map it");
	rc = elf_open(at, len, &elf, e);
	if (!rc && elf.type != ET_CORE)
		rc = err_set(e, -EBADMSG, "it is an ELF file, but no core");
	m = rc ? NULL : calloc(1, sizeof(*m));
	if (!m) {
		munmap(at, len);
		return rc ? rc : err_set(e, -ENOMEM, "out of memory");
	}
	m->at = at;
	m->len = len;
	t->back = m;
	t->page = map_page;
	t->close = map_close;
	for (unsigned i = 0; i < elf.nseg; i++)
		take_segment(t, m, &elf, i);
	return 0;
}
