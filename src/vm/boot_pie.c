/* boot_pie.c - a small dynamic linker: kernels that may be anywhere, and kernels in pieces. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/boot_int.h"
#include "vm/layout.h"

#define BASE_ALIGN MIB(2)
#define BASE_FIRST MIB(16)

typedef unsigned long long ull;

extern const u8 boot_bind[], boot_bind_end[];

/*B:1170 Moving a kernel
 * A position-independent kernel is linked at 0 and wants to be told where it is. It could find out by
 * itself, but the code that does so must not need what it is about to mend. So the loader does it, on a
 * copy of the segments: for each place that the dynamic section lists, the base is added, or the address
 * of a symbol is written that another piece defines. A place whose value only the guest's own code could
 * tell (an ifunc) is refused. Then the copy goes to guest memory like any other kernel.
 * @test pie-got
 * @test refused.sh
 */

/* One ELF file on its way into memory. */
struct object {
	const char *name;
	struct elf elf;
	struct elf_dynamic dyn;
	bool dynamic;
	u64 lo, len;  /* as linked */
	u8 *image;    /* len bytes */
	u64 at;       /* where it goes */
	u64 *bind;    /* pairs (slot, target), one for each lazy slot; NULL: bound at once */
};

#define OBJECTS 8

struct link {
	struct boot *b;
	struct object o[OBJECTS];
	unsigned n;
	bool lazy;
};

static u64 bias(const struct object *o)
{
	return o->at - o->lo;
}

static void tell(const struct link *l, const char *fmt, ...) PRINTF(2, 3);
static void tell(const struct link *l, const char *fmt, ...)
{
	char line[400];
	va_list ap;

	if (!l->b->c->explain)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	l->b->c->explain(l->b->c->explain_ctx, line);
}

/* ---- placing ---- */

static int same_addresses(const struct object *o, struct err *e)
{
	struct elf_segment s;

	for (unsigned i = 0; i < o->elf.nseg; i++) {
		elf_segment(&o->elf, i, &s);
		if (s.type == PT_LOAD && s.memsz && s.vaddr != s.paddr)
			return err_set(e, -ENOEXEC, "segment %u has two addresses, 0x%llx and 0x%llx, "
				       "in a file that is to be relocated", i, (ull)s.vaddr,
				       (ull)s.paddr);
	}
	return 0;
}

/* Where it may go: anywhere, where the user said, or nowhere else than linked. */
static int place(struct link *l, struct object *o, struct boot_piece *piece, struct err *e)
{
	const struct boot_config *c = l->b->c;
	struct boot_want want = { BASE_ALIGN, BASE_FIRST, MEM_LOW_MAX, false };
	u64 n;

	if (o->elf.type != ET_DYN) {
		piece->at = o->lo;
		return boot_plan_add(&l->b->plan, piece, e);
	}
	if (o == l->o && c->load_at) {
		piece->at = c->load_at;
		return boot_plan_add(&l->b->plan, piece, e);
	}
	if (o == l->o && c->load_random) {
		n = boot_plan_slots(&l->b->plan, &want, piece->len);
		if (n) {
			piece->at = boot_plan_slot(&l->b->plan, &want, piece->len,
						   boot_random(l->b) % n);
			return boot_plan_add(&l->b->plan, piece, e);
		}
	}
	return boot_plan_place(&l->b->plan, &want, piece, e);
}

static int object_place(struct link *l, struct object *o, struct err *e)
{
	struct boot_piece piece = { .what = "kernel" };
	u64 hi;
	int rc = boot_elf_span(&o->elf, &o->lo, &hi, e);

	if (!rc)
		rc = same_addresses(o, e);
	if (rc)
		return rc;
	o->lo &= ~(GUEST_PAGE_SIZE - 1);
	o->len = (hi - o->lo + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	if (o->len > l->b->m->ram)
		return err_set(e, -ENOMEM, "it needs %llu MiB of memory, and the guest has %llu",
			       (ull)(o->len >> 20), (ull)(l->b->m->ram >> 20));
	o->image = boot_alloc(l->b, o->len);
	if (!o->image)
		return err_set(e, -ENOMEM, "out of memory");
	boot_elf_copy(&o->elf, o->lo, o->image, o->len);
	piece.len = piece.data_len = o->len;
	piece.data = o->image;
	rc = place(l, o, &piece, e);
	if (rc)
		return rc;
	o->at = piece.at;
	tell(l, "%s: linked at 0x%llx, loaded at 0x%llx", o->name, (ull)o->lo, (ull)o->at);
	return 0;
}

/* ---- binding ---- */

static u32 dynamic_symbols(const struct object *o)
{
	struct elf_section s;

	for (unsigned i = 0; i < o->elf.nsec; i++) {
		elf_section(&o->elf, i, &s);
		if (s.type == SHT_DYNSYM)
			return (u32)(s.size / sizeof(Elf64_Sym));
	}
	return 0;
}

/* Who defines name: the kernel first, then the libraries in the order given. */
static const struct object *definition(const struct link *l, const char *name, u64 *ret)
{
	struct elf_symbol s;

	for (unsigned i = 0; i < l->n; i++) {
		const struct object *o = &l->o[i];
		u32 n = o->dynamic ? dynamic_symbols(o) : 0;

		for (u32 k = 1; k < n && elf_dynamic_symbol(&o->elf, &o->dyn, k, &s); k++) {
			if (s.section == SHN_UNDEF || s.bind == STB_LOCAL || strcmp(s.name, name))
				continue;
			*ret = s.value + bias(o);
			return o;
		}
	}
	return NULL;
}

static int symbol_find(const struct link *l, const struct object *o, const struct elf_reloc *r,
		       u64 *ret, const char **from, struct err *e)
{
	const struct object *owner;
	struct elf_symbol s;

	*ret = 0;
	*from = "nobody";
	if (!r->sym)
		return 0;
	if (!elf_dynamic_symbol(&o->elf, &o->dyn, r->sym, &s))
		return err_set(e, -ENOEXEC, "'%s': a relocation names symbol %u, which is not there",
			       o->name, r->sym);
	if (s.bind == STB_LOCAL && s.section != SHN_UNDEF) {
		*ret = s.value + bias(o);
		*from = o->name;
		return 0;
	}
	owner = definition(l, s.name, ret);
	if (!owner && s.bind != STB_WEAK)
		return err_set(e, -ENOEXEC, "'%s' needs '%s', which no piece defines (give the one that "
			       "does with --library)", o->name, s.name);
	if (owner)
		*from = owner->name;
	return 0;
}

static u8 *in_image(const struct object *o, u64 at, u64 len)
{
	return at < o->lo || at - o->lo > o->len || len > o->len - (at - o->lo) ?
	       NULL : o->image + (at - o->lo);
}

/* The slot keeps its way back into the linkage table, moved; the target waits in the binder's table. */
static void bind_later(struct object *o, const struct elf_reloc *r, u64 target, u8 *slot)
{
	u64 back;

	memcpy(&back, slot, 8);
	back += bias(o);
	memcpy(slot, &back, 8);
	o->bind[2 * r->index] = r->at + bias(o);
	o->bind[2 * r->index + 1] = target;
}

static int reloc_refuse(const struct object *o, const struct elf_reloc *r, struct err *e)
{
	const char *name = elf_reloc_name(r->type);

	if (r->type == R_X86_64_IRELATIVE)
		return err_set(e, -ENOEXEC, "'%s': the slot at 0x%llx is an ifunc's (%s): only the guest's "
			       "own code could tell its value; compile without ifuncs", o->name,
			       (ull)r->at, name);
	return err_set(e, -ENOEXEC, "'%s': relocation %s (%u) at 0x%llx is none that a loader can apply",
		       o->name, name ? name : "of unknown type", r->type, (ull)r->at);
}

static int reloc_apply(struct link *l, struct object *o, const struct elf_reloc *r, struct err *e)
{
	const char *from, *name = elf_reloc_name(r->type);
	u64 symbol, old = 0, v;
	unsigned size;
	u8 *to;
	int rc = symbol_find(l, o, r, &symbol, &from, e);

	if (rc)
		return rc;
	to = in_image(o, r->at, 8);
	if (to)
		memcpy(&old, to, 8);
	if (!elf_reloc_value(r, bias(o), symbol, old, &v, &size))
		return reloc_refuse(o, r, e);
	if (!to)
		return err_set(e, -ENOEXEC, "'%s': a relocation is of 0x%llx, outside the file's memory",
			       o->name, (ull)r->at);
	if (r->lazy && o->bind && r->type == R_X86_64_JUMP_SLOT) {
		tell(l, "%s: 0x%llx %s: 0x%llx of %s, at its first call", o->name,
		     (ull)(r->at + bias(o)), name, (ull)v, from);
		bind_later(o, r, v, to);
		return 0;
	}
	memcpy(to, &v, size);
	tell(l, "%s: 0x%llx %s: 0x%llx -> 0x%llx%s%s", o->name, (ull)(r->at + bias(o)),
	     r->in_place ? "RELR" : name, (ull)old, (ull)v, r->sym ? " of " : "", r->sym ? from : "");
	return 0;
}

static int object_bind(struct link *l, struct object *o, struct err *e)
{
	struct elf_reloc_walk w = { 0 };
	struct elf_reloc r;
	int rc = 0;

	while (!rc && o->dynamic && elf_reloc_next(&o->elf, &o->dyn, &w, &r))
		rc = reloc_apply(l, o, &r, e);
	return rc;
}

/* ---- binding at the first call ---- */

static int binder_place(struct link *l, u64 *ret, struct err *e)
{
	struct boot_want want = { 16, BASE_FIRST, MEM_LOW_MAX, false };
	struct boot_piece piece = { .data = boot_bind, .what = "binder" };
	int rc;

	piece.len = piece.data_len = (u64)(boot_bind_end - boot_bind);
	rc = boot_plan_place(&l->b->plan, &want, &piece, e);
	*ret = piece.at;
	return rc;
}

/* A table for the slots of o, and its address in the object's second entry, the binder's in the third. */
static int bind_table(struct link *l, struct object *o, u64 binder, struct err *e)
{
	struct boot_want want = { 16, BASE_FIRST, MEM_LOW_MAX, false };
	u64 n = o->dyn.jmprel.len / sizeof(Elf64_Rela);
	struct boot_piece piece = { .len = n * 16, .data_len = n * 16, .what = "binder's table" };
	u8 *got = in_image(o, o->dyn.got, 24);
	int rc;

	if (!n || !o->dyn.got || !got)
		return 0;
	if (!elf_at(&o->elf, o->dyn.jmprel.at, o->dyn.jmprel.len))
		return err_set(e, -ENOEXEC, "'%s': its table of slots is outside the file", o->name);
	o->bind = boot_alloc(l->b, n * 16);
	if (!o->bind)
		return err_set(e, -ENOMEM, "out of memory");
	piece.data = o->bind;
	rc = boot_plan_place(&l->b->plan, &want, &piece, e);
	if (rc)
		return rc;
	memcpy(got + 8, &piece.at, 8);
	memcpy(got + 16, &binder, 8);
	return 0;
}

static int prepare_lazy(struct link *l, struct err *e)
{
	u64 binder;
	int rc;

	if (!l->b->c->bind_lazy)
		return 0;
	rc = binder_place(l, &binder, e);
	for (unsigned i = 0; i < l->n && !rc; i++)
		if (l->o[i].dynamic)
			rc = bind_table(l, &l->o[i], binder, e);
	return rc;
}

/* ---- all together ---- */

static int library_add(struct link *l, const struct boot_file *f, struct err *e)
{
	struct object *o = &l->o[l->n];
	int rc;

	if (l->n == OBJECTS)
		return err_set(e, -EINVAL, "more than %d libraries", OBJECTS - 1);
	o->name = f->path;
	rc = elf_open(f->data, f->len, &o->elf, e);
	if (!rc && (o->elf.type != ET_DYN || !o->elf.is64 || o->elf.machine != EM_X86_64))
		rc = err_set(e, -ENOEXEC, "not a shared object for x86-64");
	if (rc)
		return err_in(e, rc, "library '%s'", f->path);
	o->dynamic = elf_dynamic(&o->elf, &o->dyn);
	l->n++;
	return 0;
}

static int link_all(struct link *l, struct err *e)
{
	int rc = 0;

	for (unsigned i = 0; i < l->b->c->nlibrary && !rc; i++)
		rc = library_add(l, &l->b->library[i], e);
	if (!rc && l->o[0].dynamic && l->o[0].dyn.nneeded && !l->b->c->nlibrary)
		rc = err_set(e, -ENOEXEC, "it needs '%s': give that file with --library",
			     elf_dynamic_name(&l->o[0].elf, &l->o[0].dyn, l->o[0].dyn.needed[0]));
	for (unsigned i = 0; i < l->n && !rc; i++)
		rc = object_place(l, &l->o[i], e);
	if (!rc)
		rc = prepare_lazy(l, e);
	for (unsigned i = 0; i < l->n && !rc; i++)
		rc = object_bind(l, &l->o[i], e);
	return rc;
}

bool boot_pie_is(const struct boot *b, const struct elf *elf)
{
	return elf->is64 && elf->machine == EM_X86_64 && (elf->type == ET_DYN || b->c->nlibrary);
}

int boot_pie(struct boot *b, const struct elf *elf, u64 *ret, struct err *e)
{
	struct link *l = boot_alloc(b, sizeof(*l));
	int rc;

	if (!l)
		return err_set(e, -ENOMEM, "out of memory");
	l->b = b;
	l->n = 1;
	l->o[0].name = b->kernel.path;
	l->o[0].elf = *elf;
	l->o[0].dynamic = elf_dynamic(elf, &l->o[0].dyn);
	rc = link_all(l, e);
	if (!rc)
		*ret = bias(&l->o[0]);
	return rc;
}
