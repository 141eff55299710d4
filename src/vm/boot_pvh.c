/* boot_pvh.c - the PVH protocol: start info, memory map, modules, 32-bit entry. */
#include "vm/boot_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>

/*B:500 PVH
 * Xen's protocol for kernels that need no firmware, spoken by other hypervisors too: an ELF note
 * names a 32-bit entry, and ebx holds the address of a structure with all a boot loader has to
 * say. Linux, FreeBSD and unikernels have the note.
 * @test pvh_start_info
 * Source: Xen, docs/misc/pvh.pandoc.
 */

/* Everything of ours in one run of bytes; modules follow. */
struct tables {
	struct hvm_start_info info;
	struct hvm_memmap_table_entry map[BOOT_MAP_MAX];
	struct hvm_modlist_entry module[];
};

static void map_fill(const struct boot_map *map, struct tables *t)
{
	for (unsigned i = 0; i < map->n; i++)
		t->map[i] = (struct hvm_memmap_table_entry){
			.addr = map->range[i].at, .size = map->range[i].len,
			.type = map->range[i].type };
	t->info.memmap_entries = map->n;
}

static bool is_linux(const struct elf *elf)
{
	struct elf_note n;

	return elf_note_find(elf, "Xen", XEN_ELFNOTE_GUEST_OS, &n) && n.descsz >= 5 &&
	       !memcmp(n.desc, "linux", 5);
}

/* Linux takes one module, its initrd; others take each file as one. */
static int modules_plan(struct boot *b, const struct elf *elf, struct tables *t, struct err *e)
{
	struct boot_want want = { GUEST_PAGE_SIZE, boot_plan_end(&b->plan), MEM_LOW_MAX, true };
	u64 at, len;
	int rc;

	if (is_linux(elf)) {
		rc = boot_initrd(b, &want, &at, &len, e);
		t->module[0] = (struct hvm_modlist_entry){ .paddr = at, .size = len };
		t->info.nr_modules = len != 0;
		return rc;
	}
	for (unsigned i = 0; i < b->c->ninitrd; i++) {
		rc = boot_module(b, i, &at, e);
		if (rc)
			return rc;
		t->module[i] = (struct hvm_modlist_entry){ .paddr = at, .size = b->initrd[i].len };
	}
	t->info.nr_modules = b->c->ninitrd;
	return 0;
}

static int info_plan(struct boot *b, const struct elf *elf, u64 *ret, struct err *e)
{
	u64 len = sizeof(struct tables) +
		  (b->c->ninitrd + 1ull) * sizeof(struct hvm_modlist_entry);
	struct tables *t = boot_alloc(b, len);
	int rc;

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	rc = modules_plan(b, elf, t, e);
	if (!rc)
		rc = boot_table(b, "start info", t, len, 16, ret, e);
	if (!rc)
		rc = boot_table(b, "command line", b->c->cmdline, strlen(b->c->cmdline) + 1, 16,
				&t->info.cmdline_paddr, e);
	if (rc)
		return rc;
	map_fill(&b->plan.map, t);
	t->info.magic = XEN_HVM_START_MAGIC_VALUE;
	t->info.version = 1;
	t->info.rsdp_paddr = b->c->acpi_rsdp.at;
	t->info.memmap_paddr = *ret + offsetof(struct tables, map);
	if (t->info.nr_modules)
		t->info.modlist_paddr = *ret + offsetof(struct tables, module);
	return 0;
}

bool boot_pvh_note(const struct elf *elf, u64 *ret)
{
	struct elf_note n;

	return elf_note_find(elf, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, &n) && elf_note_number(&n, ret);
}

/* The kernel into the plan, where it says or where it is put; entry moves with it. */
static int kernel_plan(struct boot *b, const struct elf *elf, u64 *entry, struct err *e)
{
	u64 lo, hi, moved = 0;
	int rc = boot_elf_span(elf, &lo, &hi, e);

	if (!rc && (*entry > UINT32_MAX || !boot_elf_physical(elf, *entry)))
		rc = err_set(e, -ENOEXEC, "its PVH note names the entry 0x%llx, where no segment "
			     "brings code", (unsigned long long)*entry);
	if (!rc)
		rc = boot_pie_is(b, elf) ? boot_pie(b, elf, &moved, e) : boot_elf_plan(b, elf, e);
	if (rc)
		return rc;
	*entry += moved;
	snprintf(b->report->detail, sizeof(b->report->detail), "kernel at 0x%llx-0x%llx",
		 (unsigned long long)(lo + moved), (unsigned long long)(hi + moved) - 1);
	return 0;
}

int boot_pvh(struct boot *b, const struct elf *elf, u64 entry, struct err *e)
{
	struct boot_entry_state s = { 0 };
	int rc = kernel_plan(b, elf, &entry, e);

	if (!rc)
		rc = info_plan(b, elf, &s.rbx, e);
	if (!rc)
		rc = boot_state_plan(b, &s, e);
	if (!rc)
		rc = boot_plan_commit(&b->plan, b->m, e);
	if (rc)
		return rc;
	s.rip = entry;
	boot_state_set(&s, b->v);
	b->report->protocol = "PVH";
	b->report->entry = GPA(entry);
	return 0;
}
