/* boot_elf.c - ELF kernels: which protocol each one wants. */
#include "vm/boot_int.h"

#include <errno.h>
#include <string.h>

#define KERNEL_MAP 0xffffffff80000000ull /* where every x86-64 Linux has physical 0 */
#define CMDLINE_MAX 2047 /* COMMAND_LINE_SIZE - 1 of x86; a bare vmlinux does not say */

static bool elf_probe(const struct boot_file *f)
{
	return elf_is(f->data, f->len);
}

static int kind_check(const struct elf *elf, struct err *e)
{
	if (elf->machine != EM_X86_64 && elf->machine != EM_386)
		return err_set(e, -ENOEXEC, "it is for %s (machine %u), not for x86",
			       elf_machine_name(elf->machine), elf->machine);
	if (elf->type == ET_REL)
		return err_set(e, -ENOEXEC, "it is an object file; link it first");
	if (elf->type == ET_CORE)
		return err_set(e, -ENOEXEC, "it is a core dump, not a kernel");
	if (elf->type != ET_EXEC && elf->type != ET_DYN)
		return err_set(e, -ENOEXEC, "ELF type %u is not an executable", elf->type);
	return 0;
}

/* Is the code at the physical entry address linked where Linux links its kernel? */
static bool is_linux(const struct elf *elf)
{
	struct elf_segment s;

	if (!elf->is64 || elf->machine != EM_X86_64)
		return false;
	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (s.type == PT_LOAD && elf->entry >= s.paddr &&
		    elf->entry - s.paddr < s.filesz)
			return s.vaddr - s.paddr == KERNEL_MAP;
	}
	return false;
}

static int load_linux(struct boot *b, const struct elf *elf, u64 end, struct err *e)
{
	struct boot_linux k = { .elf = *elf, .align = MIB(2), .initrd_max = MIB(2048),
				.cmdline_max = CMDLINE_MAX };

	if (boot_relocs_is(elf->data + end, elf->len - end)) {
		k.relocs = elf->data + end;
		k.relocs_len = elf->len - end;
		k.relocatable = true;
	}
	return boot_linux(b, &k, e);
}

static bool has_segment(const struct elf *elf, u32 type)
{
	struct elf_segment s;

	for (unsigned i = 0; i < elf->nseg; i++) {
		elf_segment(elf, i, &s);
		if (s.type == type)
			return true;
	}
	return false;
}

static int no_protocol(const struct elf *elf, struct err *e)
{
	if (has_segment(elf, PT_INTERP))
		return err_set(e, -ENOEXEC, "it is a program for an operating system (it asks for "
			       "a dynamic linker), not a kernel");
	if (boot_multiboot2(elf->data, elf->len))
		return err_set(e, -ENOEXEC, "it has a Multiboot 2 header only; Multiboot 1 and PVH "
			       "are the ELF protocols that boot here so far");
	return err_set(e, -ENOEXEC, "this %u-bit ELF file names no boot protocol: it has no PVH note, "
		       "no Multiboot header in its first 8 KiB%s", elf->is64 ? 64 : 32,
		       elf->is64 ? ", and is not linked like a Linux kernel" : "");
}

/*B:400 An ELF kernel says how it wants to start
 * A note says PVH. A Linux vmlinux without the note is known by its addresses and gets the 64-bit
 * protocol; so does one that still has its relocation table behind it, note or not, because only
 * then can KASLR move it.
 * @test elf_protocol_choice
 */
static int elf_load(struct boot *b, struct err *e)
{
	u64 end, entry;
	struct elf elf;
	int rc;

	rc = elf_open(b->kernel.data, b->kernel.len, &elf, e);
	if (!rc)
		rc = kind_check(&elf, e);
	if (rc)
		return rc;
	end = elf_extent(&elf);
	if (is_linux(&elf) && boot_relocs_is(elf.data + end, elf.len - end))
		return load_linux(b, &elf, end, e);
	if (boot_pvh_note(&elf, &entry))
		return boot_pvh(b, &elf, entry, e);
	if (is_linux(&elf))
		return load_linux(b, &elf, end, e);
	return no_protocol(&elf, e);
}

const struct boot_loader boot_elf = { "ELF", elf_probe, elf_load };
