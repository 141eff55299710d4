/* elf.c - the ELF reader, on files that are right and on files that lie.
 * @links src/elf src/base/err.c src/mem */
#include "boot_kit.h"

static const struct seg_spec two[] = {
	{ 0x1000, 0x1000, 32, 64, 0, NULL },
	{ 0x2000, 0x3000, 16, 16, 0, NULL },
};

static void elf_reads_both_classes(void **unused)
{
	struct bytes file[] = { elf64_make(0x1004, two, 2), elf32_make(0x1004, two, 2) };
	struct elf_segment s;
	struct elf elf;
	struct err e;

	(void)unused;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(elf_open(file[i].data, file[i].len, &elf, &e), 0);
		assert_int_equal(elf.is64, i == 0);
		assert_int_equal(elf.entry, 0x1004);
		assert_int_equal(elf.nseg, 2);
		assert_int_equal(elf.nsec, 0);
		elf_segment(&elf, 1, &s);
		assert_int_equal(s.vaddr, 0x2000);
		assert_int_equal(s.paddr, 0x3000);
		assert_int_equal(s.filesz, 16);
		assert_int_equal(elf_segment_check(&elf, 1, &e), 0);
		assert_int_equal(elf_extent(&elf), file[i].len);
		bytes_free(&file[i]);
	}
}

static void elf_refuses_truncated_tables(void **unused)
{
	struct bytes file = elf64_make(0x1004, two, 2);
	struct elf elf;
	struct err e;

	(void)unused;
	for (u64 len = 0; len < sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr); len++) {
		u8 *copy = malloc(len + 1);

		memcpy(copy, file.data, len);
		assert_int_equal(elf_open(copy, len, &elf, &e), -ENOEXEC);
		free(copy);
	}
	assert_int_equal(elf_open(file.data, file.len - 8, &elf, &e), 0);
	assert_int_equal(elf_segment_check(&elf, 0, &e), 0);
	assert_int_equal(elf_segment_check(&elf, 1, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "truncated"));
	bytes_free(&file);
}

static void elf_refuses_odd_headers(void **unused)
{
	struct bytes file = elf64_make(0x1004, two, 2);
	Elf64_Ehdr *h = (Elf64_Ehdr *)file.data;
	struct elf elf;
	struct err e;

	(void)unused;
	h->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), -ENOEXEC);
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_CLASS] = 3;
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), -ENOEXEC);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_phentsize = 55;
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), -ENOEXEC);
	h->e_phentsize = sizeof(Elf64_Phdr);
	h->e_phoff = UINT64_MAX - 10;
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), -ENOEXEC);
	h->e_phoff = sizeof(*h);
	h->e_phnum = 0xffff;
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), -ENOEXEC);
	h->e_phnum = 2;
	h->e_shnum = 9;
	h->e_shoff = file.len;
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), 0);
	assert_int_equal(elf.nsec, 0);
	bytes_free(&file);
}

static void elf_refuses_wrapping_segments(void **unused)
{
	const struct seg_spec s[] = {
		{ 0, UINT64_MAX - 10, 0, 64, 0, NULL },
		{ UINT64_MAX - 63, 0, 0, 64, 0, NULL },
		{ 0x1000, 0x1000, 64, 32, 0, NULL },
	};
	struct bytes file = elf64_make(0, s, 3);
	struct elf elf;
	struct err e;

	(void)unused;
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), 0);
	assert_int_equal(elf_segment_check(&elf, 0, &e), -ENOEXEC);
	assert_int_equal(elf_segment_check(&elf, 1, &e), 0);
	assert_int_equal(elf_segment_check(&elf, 2, &e), -ENOEXEC);
	bytes_free(&file);
}

static void elf_finds_notes(void **unused)
{
	u8 notes[64];
	u64 n = note_make(notes, 6, 1), number;
	struct seg_spec s = { 0, 0, 0, 0, PT_NOTE, notes };
	struct elf_note note;
	struct bytes file;
	struct elf elf;
	struct err e;

	(void)unused;
	n += note_make(notes + n, 18, 0x123456);
	s.filesz = n;
	file = elf64_make(0, &s, 1);
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), 0);
	assert_true(elf_note_find(&elf, "Xen", 18, &note));
	assert_true(elf_note_number(&note, &number));
	assert_int_equal(number, 0x123456);
	assert_false(elf_note_find(&elf, "Xen", 19, &note));
	assert_false(elf_note_find(&elf, "GNU", 18, &note));
	bytes_free(&file);
	s.filesz = n - 1; /* the second note loses its last byte */
	file = elf64_make(0, &s, 1);
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), 0);
	assert_true(elf_note_find(&elf, "Xen", 6, &note));
	assert_false(elf_note_find(&elf, "Xen", 18, &note));
	bytes_free(&file);
}

static void elf_names_sections(void **unused)
{
	struct bytes file = elf64_make(0, two, 2);
	Elf64_Shdr sh[2] = { { .sh_name = 1, .sh_type = SHT_STRTAB, .sh_size = 6 },
			     { .sh_name = 99, .sh_type = SHT_NOBITS, .sh_size = 1 << 30 } };
	u64 at = file.len;
	struct elf_section s;
	struct elf elf;
	struct err e;

	(void)unused;
	sh[0].sh_offset = at;
	bytes_put(&file, at, "\0.str\0\0", 8);
	bytes_put(&file, at + 8, sh, sizeof(sh));
	((Elf64_Ehdr *)file.data)->e_shoff = at + 8;
	((Elf64_Ehdr *)file.data)->e_shnum = 2;
	((Elf64_Ehdr *)file.data)->e_shentsize = sizeof(sh[0]);
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), 0);
	assert_int_equal(elf.nsec, 2);
	elf_section(&elf, 0, &s);
	assert_string_equal(s.name, ".str");
	elf_section(&elf, 1, &s);
	assert_string_equal(s.name, "");
	assert_int_equal(elf_extent(&elf), file.len);
	bytes_free(&file);
}

/* Three words and a bitmap: an address, then bits for the words behind it. */
static void relr_bitmaps(void **unused)
{
	struct { Elf64_Dyn dyn[4]; u64 relr[3]; } at = {
		{ { DT_RELR, { 0x1000 + 4 * sizeof(Elf64_Dyn) } }, { DT_RELRSZ, { 24 } } },
		{ 0x5000, 1 | 1 << 1 | 1 << 3, 1 | 1ull << 63 },
	};
	const struct seg_spec segs[] = {
		{ 0x1000, 0x1000, sizeof(at), sizeof(at), 0, &at },
		{ 0x1000, 0x1000, 4 * sizeof(Elf64_Dyn), 4 * sizeof(Elf64_Dyn), PT_DYNAMIC, &at },
	};
	const u64 want[] = { 0x5000, 0x5008, 0x5018, 0x5008 + 63 * 8 + 62 * 8 };
	struct bytes file = elf64_make(0x1000, segs, 2);
	struct elf_reloc_walk w = { 0 };
	struct elf_dynamic dyn;
	struct elf_reloc r;
	struct elf elf;
	struct err e;

	(void)unused;
	assert_int_equal(elf_open(file.data, file.len, &elf, &e), 0);
	assert_true(elf_dynamic(&elf, &dyn));
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		assert_true(elf_reloc_next(&elf, &dyn, &w, &r));
		assert_int_equal(r.at, want[i]);
		assert_true(r.in_place);
	}
	assert_false(elf_reloc_next(&elf, &dyn, &w, &r));
	bytes_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elf_reads_both_classes),
		cmocka_unit_test(relr_bitmaps),
		cmocka_unit_test(elf_refuses_truncated_tables),
		cmocka_unit_test(elf_refuses_odd_headers),
		cmocka_unit_test(elf_refuses_wrapping_segments),
		cmocka_unit_test(elf_finds_notes),
		cmocka_unit_test(elf_names_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
