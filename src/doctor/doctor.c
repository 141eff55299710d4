/* doctor.c - reads a file once, asks every check, sorts what they found. */
#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/int.h"

#define KERNEL_MAP 0xffffffff80000000ull /* where every x86-64 Linux has physical 0 */

const char *doctor_protocol(unsigned bit)
{
	switch (bit) {
	case DOCTOR_XEN: return "Xen PV";
	case DOCTOR_PVH: return "PVH";
	case DOCTOR_MULTIBOOT: return "Multiboot";
	case DOCTOR_MULTIBOOT2: return "Multiboot 2";
	case DOCTOR_LINUX: return "Linux";
	}
	return "none";
}

static const char *elf_kind(const struct elf *elf)
{
	if (elf->machine == EM_X86_64)
		return elf->type == ET_DYN ? "ELF64 x86-64, position-independent" :
		       elf->type == ET_REL ? "ELF64 x86-64 object file" :
		       elf->is64 ? "ELF64 x86-64 executable" : "ELF32 x86-64 executable";
	return elf->machine == EM_386 ? "ELF32 i386 executable" : "ELF file for another machine";
}

/* Linux's vmlinux names no protocol; its addresses do. */
static bool is_vmlinux(const struct doctor *d)
{
	struct elf_segment s;

	return d->elf.is64 && d->elf.machine == EM_X86_64 && load_of_phys(d, d->elf.entry, &s) &&
	       s.vaddr - s.paddr == KERNEL_MAP;
}

static void read_elf(struct doctor *d)
{
	struct elf_note n;

	d->kind = elf_kind(&d->elf);
	elf_symtab(&d->elf, &d->symbols);
	d->has_xen = elf_xen(&d->elf, &d->xen);
	d->has_dynamic = elf_dynamic(&d->elf, &d->dynamic);
	d->has_pvh = elf_note_find(&d->elf, "Xen", 18, &n) && elf_note_number(&n, &d->pvh_entry);
	if (d->has_xen)
		d->can |= DOCTOR_XEN;
	if (d->has_pvh)
		d->can |= DOCTOR_PVH;
	if (is_vmlinux(d))
		d->can |= DOCTOR_LINUX;
}

static void read_file(struct doctor *d)
{
	struct err e;

	d->kind = "raw bytes";
	d->is_elf = !elf_open(d->data, d->len, &d->elf, &e);
	d->is_bzimage = d->len >= 0x230 && !memcmp(d->data + 0x202, "HdrS", 4);
	if (d->is_elf)
		read_elf(d);
	if (d->is_bzimage) {
		d->kind = "bzImage";
		d->can |= DOCTOR_LINUX;
	}
	multiboot_find(d);
	if (d->multiboot.found)
		d->can |= DOCTOR_MULTIBOOT;
	if (d->multiboot2.found)
		d->can |= DOCTOR_MULTIBOOT2;
}

/* What stops only some of the protocols that it can be started by is no reason to stop. */
static unsigned severity_of(const struct doctor *d, const struct doctor_check *c, unsigned severity)
{
	if (severity == DOCTOR_FATAL && c->protocols != DOCTOR_ANY && d->want & ~c->protocols)
		return DOCTOR_WARNING;
	return severity;
}

static void add(struct doctor *d, const struct doctor_check *c, unsigned severity, const char *where,
		u64 addr, const char *fmt, va_list ap)
{
	struct doctor_finding *f = &d->finding[d->n];

	if (d->n == DOCTOR_FINDINGS)
		return;
	d->n++;
	*f = (struct doctor_finding){ .check = c, .severity = (u8)severity_of(d, c, severity),
				      .addr = addr };
	snprintf(f->where, sizeof(f->where), "%s", where ? where : "");
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
}

void doctor_add(struct doctor *d, const struct doctor_check *c, const char *where, u64 addr,
		const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, c, c->severity, where, addr, fmt, ap);
	va_end(ap);
}

void doctor_add_as(struct doctor *d, const struct doctor_check *c, unsigned severity,
		   const char *where, u64 addr, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, c, severity, where, addr, fmt, ap);
	va_end(ap);
}

static int by_severity(const void *a, const void *b)
{
	const struct doctor_finding *x = a, *y = b;

	if (x->severity != y->severity)
		return (int)y->severity - (int)x->severity;
	return (int)x->check->id - (int)y->check->id;
}

struct doctor *doctor_look(const u8 *data, u64 len, unsigned want)
{
	struct doctor *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->data = data;
	d->len = len;
	read_file(d);
	d->want = want ? want : d->can;
	for (const struct doctor_check *c = doctor_checks; c->id; c++)
		if (c->protocols == DOCTOR_ANY || c->protocols & d->want ||
		    (!d->want && c->look == check_multiboot))
			c->look(d, c);
	qsort(d->finding, d->n, sizeof(d->finding[0]), by_severity);
	return d;
}

void doctor_free(struct doctor *d)
{
	free(d);
}

const struct doctor_finding *doctor_worst(const struct doctor *d)
{
	return d->n ? &d->finding[0] : NULL;
}

const struct doctor_finding *doctor_trap(const struct doctor *d, u64 rip)
{
	u64 page = d->xen.hypercall_page.v;

	for (unsigned i = 0; i < d->n; i++)
		if (d->finding[i].check->look == check_hypercall_moved && rip > page &&
		    rip - page <= 2 * GUEST_PAGE_SIZE)
			return &d->finding[i];
	return NULL;
}
