/* boot_multiboot.c - Multiboot 1 kernels: ELF of either class, or any file by address fields. */
#include "vm/boot_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vm/layout.h"

/* Source for all of these: Multiboot Specification 0.6.96, sections 3.1 and 3.3. */
#define HEADER_MAGIC 0x1badb002u
#define LOADER_MAGIC 0x2badb002u
#define SEARCH 8192
#define HEADER_REFUSE 0xfff8u /* of the bits that must be understood: those we do not know */
#define HEADER_ADDRESSES (1u << 16)

#define MULTIBOOT2_MAGIC 0xe85250d6u
#define MULTIBOOT2_SEARCH 32768

struct header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

enum { INFO_MEMORY = 1 << 0, INFO_CMDLINE = 1 << 2, INFO_MODULES = 1 << 3, INFO_MAP = 1 << 6,
       INFO_LOADER = 1 << 9 };

struct info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr, config_table, boot_loader_name, apm_table;
	u32 vbe[4];
};

struct module {
	u32 start, end, string, reserved;
};

struct map_entry {
	u32 size; /* of what follows */
	u64 at, len;
	u32 type;
} __attribute__((packed));

struct tables {
	struct info info;
	struct map_entry map[BOOT_MAP_MAX];
	char name[16];
	struct module module[];
};

/* The header's offset in the file, or false. h gets zeros for fields past the file's end. */
static bool header_find(const u8 *data, u64 len, u64 *at, struct header *h)
{
	u64 end = len < SEARCH ? len : SEARCH;

	for (u64 i = 0; i + 12 <= end; i += 4) {
		memset(h, 0, sizeof(*h));
		memcpy(h, data + i, len - i < sizeof(*h) ? len - i : sizeof(*h));
		if (h->magic == HEADER_MAGIC && h->magic + h->flags + h->checksum == 0) {
			*at = i;
			return true;
		}
	}
	return false;
}

bool boot_multiboot2(const u8 *data, u64 len)
{
	u64 end = len < MULTIBOOT2_SEARCH ? len : MULTIBOOT2_SEARCH;
	u32 w[4];

	for (u64 i = 0; i + sizeof(w) <= end; i += 8) {
		memcpy(w, data + i, sizeof(w));
		if (w[0] == MULTIBOOT2_MAGIC && w[0] + w[1] + w[2] + w[3] == 0)
			return true;
	}
	return false;
}

static bool multiboot_probe(const struct boot_file *f)
{
	struct header h;
	u64 at;

	return header_find(f->data, f->len, &at, &h);
}

/* The header's address fields say what goes where, whatever the file's format is. */
static int plan_addresses(struct boot *b, const struct header *h, u64 at, u64 *entry,
			  struct err *e)
{
	struct boot_piece piece = { .at = h->load_addr, .what = "the kernel" };
	const struct boot_file *f = &b->kernel;
	u64 before = (u64)h->header_addr - h->load_addr, first = at - before;
	u64 len = (u64)h->load_end_addr - h->load_addr;

	if (f->len - at < sizeof(*h))
		return err_set(e, -ENOEXEC, "it ends inside its Multiboot header");
	if (h->header_addr < h->load_addr || before > at)
		return err_set(e, -ENOEXEC, "its Multiboot header says that it is loaded at 0x%x "
			       "with the header at 0x%x, but the header is 0x%llx bytes into the "
			       "file", h->load_addr, h->header_addr, (unsigned long long)at);
	if (!h->load_end_addr)
		len = f->len - first;
	if ((h->load_end_addr && h->load_end_addr < h->load_addr) || len > f->len - first)
		return err_set(e, -ENOEXEC, "its Multiboot header has it end at 0x%x, but the file "
			       "ends before (is it truncated?)", h->load_end_addr);
	if (h->bss_end_addr && h->bss_end_addr < h->load_addr + len)
		return err_set(e, -ENOEXEC, "its Multiboot header has its zeroed memory end at 0x%x, "
			       "inside what is loaded", h->bss_end_addr);
	piece.data = f->data + first;
	piece.data_len = len;
	piece.len = h->bss_end_addr ? h->bss_end_addr - h->load_addr : len;
	*entry = h->entry_addr;
	if (h->entry_addr < h->load_addr || h->entry_addr - h->load_addr >= len)
		return err_set(e, -ENOEXEC, "its entry point 0x%x lies outside what is loaded",
			       h->entry_addr);
	return boot_plan_add(&b->plan, &piece, e);
}

static int plan_elf(struct boot *b, u64 *entry, struct err *e)
{
	struct elf elf;
	u64 lo, hi;
	int rc;

	if (!elf_is(b->kernel.data, b->kernel.len))
		return err_set(e, -ENOEXEC, "it has a Multiboot header without addresses, but is no "
			       "ELF file");
	rc = elf_open(b->kernel.data, b->kernel.len, &elf, e);
	if (rc)
		return rc;
	if (elf.machine != EM_386 && elf.machine != EM_X86_64)
		return err_set(e, -ENOEXEC, "it is for %s, not for x86",
			       elf_machine_name(elf.machine));
	rc = boot_elf_span(&elf, &lo, &hi, e);
	if (!rc && hi > GIB(4))
		rc = err_set(e, -ENOEXEC, "it is loaded up to 0x%llx, but Multiboot ends at 4 GiB",
			     (unsigned long long)hi);
	if (!rc)
		rc = boot_elf_entry(&elf, elf.entry, entry, e);
	return rc ? rc : boot_elf_plan(b, &elf, e);
}

/* The command line, whose first word is by custom the kernel's path. */
static int cmdline_plan(struct boot *b, u32 *ret, struct err *e)
{
	size_t room = strlen(b->kernel.path) + strlen(b->c->cmdline) + 2;
	char *line = boot_alloc(b, room);
	u64 at;
	int rc;

	if (!line)
		return err_set(e, -ENOMEM, "out of memory");
	snprintf(line, room, "%s%s%s", b->kernel.path, *b->c->cmdline ? " " : "", b->c->cmdline);
	rc = boot_table(b, "command line", line, strlen(line) + 1, 16, &at, e);
	if (!rc)
		*ret = (u32)at;
	return rc;
}

static int modules_plan(struct boot *b, struct tables *t, struct err *e)
{
	u64 at;
	int rc;

	for (unsigned i = 0; i < b->c->ninitrd; i++) {
		rc = boot_module(b, i, &at, e);
		if (rc)
			return rc;
		t->module[i].start = (u32)at;
		t->module[i].end = (u32)(at + b->initrd[i].len);
	}
	for (unsigned i = 0; i < b->c->ninitrd; i++) {
		const char *path = b->initrd[i].path;

		rc = boot_table(b, "module name", path, strlen(path) + 1, 1, &at, e);
		if (rc)
			return rc;
		t->module[i].string = (u32)at;
	}
	return 0;
}

static void map_fill(const struct boot_map *map, struct tables *t)
{
	for (unsigned i = 0; i < map->n; i++) {
		const struct boot_range *r = &map->range[i];

		t->map[i] = (struct map_entry){ sizeof(struct map_entry) - sizeof(u32), r->at,
						r->len, r->type };
		if (r->type == BOOT_RAM && r->at == 0)
			t->info.mem_lower = (u32)(r->len >> 10);
		if (r->type == BOOT_RAM && r->at == LAYOUT_HIGH)
			t->info.mem_upper = (u32)(r->len >> 10);
	}
	t->info.mmap_length = map->n * sizeof(struct map_entry);
}

static int info_plan(struct boot *b, u64 *ret, struct err *e)
{
	u64 len = sizeof(struct tables) + b->c->ninitrd * sizeof(struct module);
	struct tables *t = boot_alloc(b, len);
	int rc;

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	rc = modules_plan(b, t, e);
	if (!rc)
		rc = cmdline_plan(b, &t->info.cmdline, e);
	if (!rc)
		rc = boot_table(b, "Multiboot info", t, len, 16, ret, e);
	if (rc)
		return rc;
	t->info.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_LOADER;
	map_fill(&b->plan.map, t);
	memcpy(t->name, "pandok", sizeof("pandok"));
	t->info.mmap_addr = (u32)(*ret + offsetof(struct tables, map));
	t->info.boot_loader_name = (u32)(*ret + offsetof(struct tables, name));
	t->info.mods_addr = (u32)(*ret + offsetof(struct tables, module));
	t->info.mods_count = b->c->ninitrd;
	return 0;
}

/*B:600 Multiboot
 * The protocol of hobby kernels: a magic number in the first 8 KiB of the file makes any file a
 * kernel. If the file is not ELF, or does not want to be taken as such, the header itself says
 * which bytes go where. At entry eax holds a magic number and ebx points to what the loader knows.
 * @test multiboot_info
 * Source: Multiboot Specification 0.6.96.
 */
static int multiboot_load(struct boot *b, struct err *e)
{
	struct boot_entry_state s = { .rax = LOADER_MAGIC };
	struct header h;
	u64 at;
	int rc;

	if (!header_find(b->kernel.data, b->kernel.len, &at, &h))
		return err_set(e, -ENOEXEC, "it has no Multiboot header");
	if (h.flags & HEADER_REFUSE)
		return err_set(e, -ENOEXEC, "its Multiboot header asks for features that do not "
			       "exist (flags 0x%x)", h.flags);
	if (h.flags & HEADER_ADDRESSES)
		rc = plan_addresses(b, &h, at, &s.rip, e);
	else
		rc = plan_elf(b, &s.rip, e);
	if (!rc)
		rc = info_plan(b, &s.rbx, e);
	if (!rc)
		rc = boot_state_plan(b, &s, e);
	if (!rc)
		rc = boot_plan_commit(&b->plan, b->m, e);
	if (rc)
		return rc;
	boot_state_set(&s, b->v);
	b->report->protocol = "Multiboot 1";
	b->report->entry = GPA(s.rip);
	snprintf(b->report->detail, sizeof(b->report->detail), "%s, %u modules",
		 h.flags & HEADER_ADDRESSES ? "loaded by its header's addresses" : "ELF",
		 b->c->ninitrd);
	return 0;
}

const struct boot_loader boot_multiboot = { "Multiboot", multiboot_probe, multiboot_load };
