/* boot_elf.c - which protocol an ELF file gets, PVH, and what is said about other files.
 * @links src/vm/boot*.c src/vm/boot_bind.S src/elf src/mem src/base/err.c src/base/log.c */
#include "boot_kit.h"

#include <unistd.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>

#define AT MIB(2)

/* A kernel at 2 MiB whose PVH note names entry; not Linux unless it says so. */
static struct bytes pvh_make(u64 entry, const char *os)
{
	u8 notes[64];
	u64 n = note_make(notes, XEN_ELFNOTE_PHYS32_ENTRY, (u32)entry);
	u32 head[] = { 4, os ? (u32)strlen(os) + 1 : 0, XEN_ELFNOTE_GUEST_OS, 0x006e6558 };
	struct seg_spec s[] = {
		{ AT, AT, 0x1000, 0x2000, 0, NULL },
		{ 0, 0, 0, 0, PT_NOTE, notes },
	};

	if (os) {
		memcpy(notes + n, head, sizeof(head));
		strcpy((char *)notes + n + sizeof(head), os);
		n += sizeof(head) + ((head[1] + 3) & ~3u);
	}
	s[1].filesz = n;
	return elf64_make(AT, s, 2);
}

static void pvh_start_info(void **unused)
{
	struct bytes file = pvh_make(AT + 0x20, NULL);
	struct kit *k = kit_new(MIB(64));
	const struct hvm_memmap_table_entry *map;
	const struct hvm_modlist_entry *mod;
	const struct hvm_start_info *i;

	(void)unused;
	k->c.cmdline = "a=b c";
	k->c.acpi_rsdp = GPA(0xe0000);
	kit_initrd(k, "one", "abc", 3);
	kit_initrd(k, "two", "defg", 4);
	assert_int_equal(kit_load(k, &file), 0);
	assert_string_equal(k->report.protocol, "PVH");
	assert_int_equal(k->v.rip, AT + 0x20);
	assert_int_equal(k->v.cr0, CR0_PE | CR0_ET);
	assert_int_equal(k->v.efer, 0);
	i = kit_at(k, k->v.gpr[RBX], sizeof(*i));
	assert_int_equal(i->magic, XEN_HVM_START_MAGIC_VALUE);
	assert_int_equal(i->version, 1);
	assert_int_equal(i->flags, 0);
	assert_string_equal(kit_at(k, i->cmdline_paddr, 16), "a=b c");
	assert_int_equal(i->rsdp_paddr, 0xe0000);
	assert_int_equal(i->memmap_entries, 4);
	map = kit_at(k, i->memmap_paddr, 4 * sizeof(*map));
	assert_int_equal(map[3].addr, MIB(1));
	assert_int_equal(map[3].size, MIB(63));
	assert_int_equal(map[3].type, XEN_HVM_MEMMAP_TYPE_RAM);
	assert_int_equal(i->nr_modules, 2);
	mod = kit_at(k, i->modlist_paddr, 2 * sizeof(*mod));
	assert_int_equal(mod[1].size, 4);
	assert_memory_equal(kit_at(k, mod[1].paddr, 4), "defg", 4);
	assert_true(mod[0].paddr >= AT + 0x2000 && mod[0].paddr % 4096 == 0);
	assert_memory_equal(kit_at(k, AT, 8), "\x01\x08\x0f\x16\x1d\x24\x2b\x32", 8);
	kit_free(k);
	bytes_free(&file);
}

static void pvh_linux_has_one_initrd(void **unused)
{
	struct bytes file = pvh_make(AT + 0x20, "linux");
	struct kit *k = kit_new(MIB(64));
	const struct hvm_modlist_entry *mod;
	const struct hvm_start_info *i;

	(void)unused;
	kit_initrd(k, "one", "abc", 3);
	kit_initrd(k, "two", "defg", 4);
	assert_int_equal(kit_load(k, &file), 0);
	i = kit_at(k, k->v.gpr[RBX], sizeof(*i));
	assert_int_equal(i->nr_modules, 1);
	mod = kit_at(k, i->modlist_paddr, sizeof(*mod));
	assert_int_equal(mod->size, 8);
	assert_memory_equal(kit_at(k, mod->paddr, 8), "abc\0defg", 8);
	kit_free(k);
	bytes_free(&file);
}

static void pvh_entry_outside_is_refused(void **unused)
{
	static const u64 bad[] = { 0, AT - 1, AT + 0x1000, 0xffffffff };
	struct kit *k = kit_new(MIB(64));

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bytes file = pvh_make(bad[i], NULL);

		kit_refuses(k, &file, "PVH note names the entry");
		bytes_free(&file);
	}
	kit_free(k);
}

static void elf_protocol_choice(void **unused)
{
	u8 notes[20];
	struct seg_spec s[] = {
		{ LINUX_MAP + LINUX_AT, LINUX_AT, 0x1000, 0x1000, 0, NULL },
		{ 0, 0, sizeof(notes), 0, PT_NOTE, notes },
	};
	const u32 table[] = { 0, 0x81000100, 0, 0x81000200 };
	struct bytes file;
	struct kit *k = kit_new(MIB(64));

	(void)unused;
	note_make(notes, XEN_ELFNOTE_PHYS32_ENTRY, LINUX_AT + 4);
	file = elf64_make(LINUX_AT, s, 2);
	assert_int_equal(kit_load(k, &file), 0);
	assert_string_equal(k->report.protocol, "PVH");
	bytes_put(&file, file.len, table, sizeof(table));
	assert_int_equal(kit_load(k, &file), 0);
	assert_string_equal(k->report.protocol, "Linux 64-bit");
	bytes_free(&file);
	file = elf64_make(LINUX_AT, s, 1);
	assert_int_equal(kit_load(k, &file), 0);
	assert_string_equal(k->report.protocol, "Linux 64-bit");
	bytes_free(&file);
	kit_free(k);
}

/* Tables step aside for a kernel that wants the memory they would take. */
static void low_kernel_keeps_its_place(void **unused)
{
	u8 notes[20];
	struct seg_spec s[] = {
		{ 0, 0, 0x1000, 0x1000, 0, NULL },
		{ 0x1000, 0x1000, 0x2000, LAYOUT_LOW_END - 0x2000, 0, NULL },
		{ 0, 0, sizeof(notes), 0, PT_NOTE, notes },
	};
	struct kit *k = kit_new(MIB(4));
	struct bytes file;

	(void)unused;
	note_make(notes, XEN_ELFNOTE_PHYS32_ENTRY, 0x1004);
	file = elf64_make(0, s, 3);
	assert_int_equal(kit_load(k, &file), 0);
	assert_true(k->v.gpr[RBX] >= LAYOUT_LOW_END - 0x1000 && k->v.gpr[RBX] < LAYOUT_LOW_END);
	bytes_free(&file);
	s[1].memsz = LAYOUT_LOW_END - 0x1000;
	file = elf64_make(0, s, 3);
	assert_int_equal(kit_load(k, &file), 0);
	assert_true(k->v.gpr[RBX] >= MIB(1));
	bytes_free(&file);
	kit_free(k);
}

static void segments_that_cannot_be_loaded(void **unused)
{
	static const struct { struct seg_spec a, b; const char *words; } bad[] = {
		{ { AT, AT, 16, 0x2000, 0, NULL }, { 0, AT + 0x1000, 16, 16, 0, NULL },
		  "overlap in physical memory" },
		{ { AT, AT, 16, 16, 0, NULL }, { 0, MIB(63), 16, MIB(2), 0, NULL },
		  "segment 1 at 0x3f00000-0x40fffff does not lie in the guest's RAM" },
		{ { AT, AT, 16, 16, 0, NULL }, { 0, 0xb8000, 16, 16, 0, NULL },
		  "hole below 1 MiB" },
		{ { AT, AT, 16, 16, 0, NULL }, { 0, LINUX_MAP, 16, 16, 0, NULL },
		  "no processor can reach" },
		{ { AT, AT, 16, 8, 0, NULL }, { 0, 0, 0, 0, 0, NULL }, "more than its" },
		{ { AT, AT, 0, 0, 0, NULL }, { 0, 0, 0, 0, 0, NULL }, "nothing to load" },
	};
	struct kit *k = kit_new(MIB(64));

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		u8 notes[20];
		struct seg_spec s[] = { bad[i].a, bad[i].b,
					{ 0, 0, sizeof(notes), 0, PT_NOTE, notes } };
		struct bytes file;

		note_make(notes, XEN_ELFNOTE_PHYS32_ENTRY, AT);
		file = elf64_make(0, s, 3);
		kit_refuses(k, &file, bad[i].words);
		bytes_free(&file);
	}
	kit_free(k);
}

static void elf_without_protocol(void **unused)
{
	const struct seg_spec s[] = { { AT, AT, 16, 16, 0, NULL },
				      { 0, 0, 8, 8, PT_INTERP, NULL } };
	struct bytes file = elf32_make(AT, s, 1);
	struct kit *k = kit_new(MIB(64));

	(void)unused;
	kit_refuses(k, &file, "this 32-bit ELF file names no boot protocol");
	((Elf32_Ehdr *)file.data)->e_machine = EM_ARM;
	kit_refuses(k, &file, "for arm");
	((Elf32_Ehdr *)file.data)->e_machine = EM_386;
	((Elf32_Ehdr *)file.data)->e_type = ET_REL;
	kit_refuses(k, &file, "object file");
	((Elf32_Ehdr *)file.data)->e_type = ET_CORE;
	kit_refuses(k, &file, "core dump");
	file.len = 40;
	kit_refuses(k, &file, "ends inside its header");
	bytes_free(&file);
	file = elf64_make(AT, s, 1);
	kit_refuses(k, &file, "this 64-bit ELF file names no boot protocol");
	bytes_put(&file, 0x200, (u32[]){ 0xe85250d6, 0, 16, -0xe85250d6u - 16 }, 16);
	kit_refuses(k, &file, "Multiboot 2");
	bytes_free(&file);
	file = elf64_make(AT, s, 2);
	kit_refuses(k, &file, "program for an operating system");
	bytes_free(&file);
	kit_free(k);
}

/* boot_load() itself: paths, and files that are no kernels. */
static void boot_names_what_is_wrong(void **unused)
{
	static const struct { const char *bytes; u64 len; const char *words; } files[] = {
		{ "", 0, "is empty" },
		{ "x", 1, "not a kernel: neither" },
		{ "#!/bin/sh\n", 10, "script" },
		{ "070701", 6, "is it the initrd?" },
		{ "\x1f\x8b\x08", 3, "gzip" },
	};
	char path[] = "/tmp/pandok-kernel-XXXXXX";
	const char *initrd = "/nonexistent";
	struct kit *k = kit_new(MIB(64));
	struct bytes file = linux_make(false);
	int fd = mkstemp(path);

	(void)unused;
	assert_true(fd >= 0);
	k->c.kernel = path;
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, files[i].bytes, files[i].len, 0), files[i].len);
		assert_true(boot_load(&k->c, k->m, &k->v, &k->report, &k->e) < 0);
		assert_non_null(strstr(k->e.text, files[i].words));
		assert_non_null(strstr(k->e.text, path));
	}
	assert_int_equal(pwrite(fd, file.data, file.len, 0), file.len);
	assert_int_equal(boot_load(&k->c, k->m, &k->v, &k->report, &k->e), 0);
	k->c.initrd = &initrd;
	k->c.ninitrd = 1;
	assert_int_equal(boot_load(&k->c, k->m, &k->v, &k->report, &k->e), -ENOENT);
	assert_non_null(strstr(k->e.text, "initrd: cannot open '/nonexistent'"));
	k->c.kernel = "/tmp";
	assert_int_equal(boot_load(&k->c, k->m, &k->v, &k->report, &k->e), -EISDIR);
	k->c.kernel = "/dev/null/x";
	assert_int_equal(boot_load(&k->c, k->m, &k->v, &k->report, &k->e), -ENOTDIR);
	close(fd);
	unlink(path);
	bytes_free(&file);
	kit_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pvh_start_info),
		cmocka_unit_test(pvh_linux_has_one_initrd),
		cmocka_unit_test(pvh_entry_outside_is_refused),
		cmocka_unit_test(elf_protocol_choice),
		cmocka_unit_test(low_kernel_keeps_its_place),
		cmocka_unit_test(segments_that_cannot_be_loaded),
		cmocka_unit_test(elf_without_protocol),
		cmocka_unit_test(boot_names_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
