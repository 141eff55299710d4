/* check_link.c - what compiler and linker did that a kernel did not mean. */
#include <string.h>

#include "doctor/int.h"

CHECK(check_text_start)
{
	static const char *const names[] = { "_text", "_start" };
	struct elf_segment load;
	struct elf_section text;
	struct elf_symbol s;

	if (!d->is_elf || !elf_section_find(&d->elf, ".text", &text))
		return;
	if (load_of(d, text.addr, &load) && text.addr != load.vaddr)
		doctor_add(d, c, ".text", text.addr, ".text begins at 0x%llx, its segment at 0x%llx",
			   (ull)text.addr, (ull)load.vaddr);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		/* A Multiboot kernel begins with its header. */
		if (elf_symbol_find(&d->symbols, names[i], &s) && s.value != text.addr &&
		    !d->multiboot.found && !d->multiboot2.found)
			doctor_add(d, c, s.name, s.value, "%s is 0x%llx, .text begins at 0x%llx", s.name,
				   (ull)s.value, (ull)text.addr);
}

/* A header for Multiboot that is nearly right has a check of its own. */
CHECK(check_protocol)
{
	unsigned missing = d->want & ~d->can;

	if (d->is_elf && d->elf.machine != EM_X86_64 && d->elf.machine != EM_386)
		return;
	if (!d->can && (d->multiboot.late || d->multiboot.misaligned || d->multiboot.bad_sum))
		return;
	for (unsigned bit = 1; bit < DOCTOR_ANY; bit <<= 1)
		if (missing & bit)
			doctor_add(d, c, "", 0, "nothing in it says that it can be started by %s",
				   doctor_protocol(bit));
	if (!d->can && !d->want)
		doctor_add(d, c, "", 0, d->is_elf ? "it has no PVH note, no Xen notes, no Multiboot "
			   "header, and is not linked like a Linux kernel" :
			   "it is neither ELF nor a bzImage, and has no Multiboot header");
}

CHECK(check_for_x86)
{
	if (!d->is_elf)
		return;
	if (d->elf.machine != EM_X86_64 && d->elf.machine != EM_386)
		doctor_add(d, c, "ELF header", 0, "it is for %s (machine %u)",
			   elf_machine_name(d->elf.machine), d->elf.machine);
	else if (d->elf.type == ET_REL)
		doctor_add(d, c, "ELF header", 0, "it is an object file, not linked yet");
	else if (d->elf.type != ET_EXEC && d->elf.type != ET_DYN)
		doctor_add(d, c, "ELF header", 0, "ELF type %u is not an executable", d->elf.type);
}

static bool has_segment(const struct doctor *d, u32 type)
{
	struct elf_segment s;

	for (unsigned i = 0; i < d->elf.nseg; i++) {
		elf_segment(&d->elf, i, &s);
		if (s.type == type && s.filesz)
			return true;
	}
	return false;
}

CHECK(check_pie)
{
	if (!d->is_elf)
		return;
	if (has_segment(d, PT_INTERP))
		doctor_add(d, c, "PT_INTERP", 0, "it asks for a dynamic linker: it is a program for an "
			   "operating system");
	else if (d->elf.type == ET_DYN)
		doctor_add_as(d, c, DOCTOR_NOTE, "ELF header", 0, "it is position-independent (ET_DYN): "
			      "the loader has to relocate it");
	else if (has_segment(d, PT_DYNAMIC))
		doctor_add_as(d, c, DOCTOR_NOTE, "PT_DYNAMIC", 0, "it has a dynamic section, which "
			      "nobody reads in a fixed kernel");
	if (d->has_dynamic && d->dynamic.nneeded)
		doctor_add_as(d, c, DOCTOR_NOTE, "DT_NEEDED", 0, "it needs '%s': give it with --library",
			      elf_dynamic_name(&d->elf, &d->dynamic, d->dynamic.needed[0]));
}

static void reloc_check(struct doctor *d, const struct doctor_check *c, const struct elf_reloc *r)
{
	const char *name = elf_reloc_name(r->type);
	struct elf_segment s;
	unsigned size;
	u64 v;

	if (r->type == R_X86_64_IRELATIVE)
		doctor_add(d, c, name, r->at, "the slot at 0x%llx is filled by calling guest code (an "
			   "ifunc) before the kernel runs", (ull)r->at);
	else if (!elf_reloc_value(r, 0, 0, 0, &v, &size))
		doctor_add(d, c, name ? name : "relocation", r->at, "relocation type %u at 0x%llx is "
			   "none that a loader can apply", r->type, (ull)r->at);
	else if (!load_of(d, r->at, &s) || r->at - s.vaddr > s.memsz - size)
		doctor_add(d, c, name, r->at, "a relocation is of 0x%llx, outside what is loaded",
			   (ull)r->at);
}

/* Static programs that are not position-independent keep their ifuncs in a section of their own. */
static void leftover_check(struct doctor *d, const struct doctor_check *c)
{
	static const char *const names[] = { ".rela.dyn", ".rela.plt", ".relr.dyn", ".rel.dyn" };
	struct elf_section s;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (elf_section_find(&d->elf, names[i], &s) && s.size)
			doctor_add_as(d, c, DOCTOR_WARNING, s.name, s.addr, "section %s has 0x%llx bytes "
				      "of relocations that nothing will apply", s.name, (ull)s.size);
}

CHECK(check_relocs)
{
	struct elf_reloc_walk w = { 0 };
	struct elf_reloc r;

	if (!d->is_elf || d->elf.type == ET_REL)
		return;
	if (!d->has_dynamic) {
		leftover_check(d, c);
		return;
	}
	while (d->n < DOCTOR_FINDINGS && elf_reloc_next(&d->elf, &d->dynamic, &w, &r))
		reloc_check(d, c, &r);
	if (d->dynamic.textrel)
		doctor_add_as(d, c, DOCTOR_WARNING, "DT_TEXTREL", 0, "relocations write into code: it "
			      "was compiled without -fpic");
}

/* Input sections that linker scripts forget. */
static bool is_orphan(const char *name)
{
	static const char *const names[] = { ".got", ".got.plt", ".iplt", ".igot", ".note.gnu.property",
					     ".note.gnu.build-id", ".note.ABI-tag", ".tdata", ".tbss",
					     ".eh_frame_hdr", ".gcc_except_table", ".interp", ".hash",
					     ".gnu.hash" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return !strncmp(name, ".rela.", 6) || !strncmp(name, ".text.", 6) ||
	       !strncmp(name, ".data.rel", 9);
}

CHECK(check_orphan)
{
	struct elf_section s;

	/* Who links for a dynamic linker wants most of them. */
	for (unsigned i = 0; d->elf.type != ET_DYN && alloc_next(d, &i, &s);)
		if (s.size && is_orphan(s.name))
			doctor_add(d, c, s.name, s.addr, "section %s (0x%llx bytes at 0x%llx) is one that "
				   "linker scripts of kernels seldom place", s.name, (ull)s.size,
				   (ull)s.addr);
}

CHECK(check_init_array)
{
	static const char *const names[] = { ".init_array", ".ctors", ".preinit_array" };
	struct elf_section s;

	for (unsigned i = 0; d->is_elf && i < ARRAY_SIZE(names); i++)
		if (elf_section_find(&d->elf, names[i], &s) && s.size)
			doctor_add(d, c, s.name, s.addr, "section %s has %llu constructors", s.name,
				   (ull)s.size / (d->elf.is64 ? 8 : 4));
}

CHECK(check_stripped)
{
	struct elf_note n;
	struct elf_section s;

	if (!d->is_elf || d->symbols.n > 1 || d->elf.type == ET_REL)
		return;
	if (elf_note_find(&d->elf, "GNU", NT_GNU_BUILD_ID, &n) && n.descsz >= 4)
		doctor_add(d, c, "", 0, "it has no symbol table; its build-id begins with %02x%02x%02x%02x",
			   n.desc[0], n.desc[1], n.desc[2], n.desc[3]);
	else if (elf_section_find(&d->elf, ".gnu_debuglink", &s))
		doctor_add(d, c, s.name, 0, "it has no symbol table; .gnu_debuglink names where it is");
	else
		doctor_add(d, c, "", 0, "it has no symbol table");
}

/* Symbols that the hardware or Xen uses, and what their addresses have to be a multiple of. */
static const struct {
	const char *name;
	unsigned align;
} aligned[] = {
	{ "shared_info", 4096 }, { "_shared_info", 4096 }, { "HYPERVISOR_shared_info", 4096 },
	{ "start_info_page", 4096 }, { "pml4", 4096 }, { "boot_pml4", 4096 }, { "p4_table", 4096 },
	{ "p3_table", 4096 }, { "p2_table", 4096 }, { "page_table_l4", 4096 }, { "l4_table", 4096 },
	{ "boot_page_table", 4096 }, { "page_directory", 4096 }, { "boot_page_directory", 4096 },
	{ "stack_bottom", 16 }, { "stack_top", 16 }, { "boot_stack", 16 }, { "stack", 16 },
};

CHECK(check_alignment)
{
	struct elf_symbol s;

	for (unsigned i = 0; i < ARRAY_SIZE(aligned); i++)
		/* HYPERVISOR_shared_info and the like may also be pointers. */
		if (elf_symbol_find(&d->symbols, aligned[i].name, &s) && s.type != STT_FUNC &&
		    s.value % aligned[i].align && s.section != SHN_ABS && s.size != 8)
			doctor_add(d, c, s.name, s.value, "%s at 0x%llx is not aligned to %u", s.name,
				   (ull)s.value, aligned[i].align);
}
