/* boot_kit.h - kernels built in memory, and one machine to load them into. */
#ifndef TEST_BOOT_KIT_H
#define TEST_BOOT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <asm/bootparam.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/boot_int.h"
#include "vm/layout.h"

/* A file that grows. */
struct bytes {
	u8 *data;
	u64 len;
};

static inline void *bytes_at(struct bytes *b, u64 at, u64 len)
{
	if (at + len > b->len) {
		b->data = realloc(b->data, at + len);
		assert_non_null(b->data);
		memset(b->data + b->len, 0, at + len - b->len);
		b->len = at + len;
	}
	return b->data + at;
}

static inline void bytes_put(struct bytes *b, u64 at, const void *src, u64 len)
{
	memcpy(bytes_at(b, at, len), src, len);
}

static inline void bytes_put32(struct bytes *b, u64 at, u32 v)
{
	bytes_put(b, at, &v, 4);
}

static inline void bytes_free(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){ 0 };
}

/* One segment to build; type 0 stands for PT_LOAD. Contents are i * 7 + 1 for byte i. */
struct seg_spec {
	u64 vaddr, paddr, filesz, memsz;
	u32 type;
	const void *data;
};

static inline struct bytes elf64_make(u64 entry, const struct seg_spec *s, unsigned n)
{
	struct bytes b = { 0 };
	Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			 .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1,
			 .e_entry = entry, .e_phoff = sizeof(h), .e_ehsize = sizeof(h),
			 .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = (u16)n };
	u64 at = sizeof(h) + n * sizeof(Elf64_Phdr);

	bytes_put(&b, 0, &h, sizeof(h));
	for (unsigned i = 0; i < n; i++) {
		Elf64_Phdr p = { .p_type = s[i].type ? s[i].type : PT_LOAD, .p_flags = 7,
				 .p_offset = at, .p_vaddr = s[i].vaddr, .p_paddr = s[i].paddr,
				 .p_filesz = s[i].filesz, .p_memsz = s[i].memsz, .p_align = 4 };

		bytes_put(&b, sizeof(h) + i * sizeof(p), &p, sizeof(p));
		for (u64 j = 0; j < s[i].filesz; j++)
			*(u8 *)bytes_at(&b, at + j, 1) =
				s[i].data ? ((const u8 *)s[i].data)[j] : (u8)(j * 7 + 1);
		at += s[i].filesz;
	}
	while (b.len % 4)
		bytes_at(&b, b.len, 1);
	return b;
}

static inline struct bytes elf32_make(u32 entry, const struct seg_spec *s, unsigned n)
{
	struct bytes b = { 0 };
	Elf32_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1 },
			 .e_type = ET_EXEC, .e_machine = EM_386, .e_version = 1,
			 .e_entry = entry, .e_phoff = sizeof(h), .e_ehsize = sizeof(h),
			 .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = (u16)n };
	u64 at = sizeof(h) + n * sizeof(Elf32_Phdr);

	bytes_put(&b, 0, &h, sizeof(h));
	for (unsigned i = 0; i < n; i++) {
		Elf32_Phdr p = { .p_type = s[i].type ? s[i].type : PT_LOAD, .p_flags = 7,
				 .p_offset = (u32)at, .p_vaddr = (u32)s[i].vaddr,
				 .p_paddr = (u32)s[i].paddr, .p_filesz = (u32)s[i].filesz,
				 .p_memsz = (u32)s[i].memsz, .p_align = 4 };

		bytes_put(&b, sizeof(h) + i * sizeof(p), &p, sizeof(p));
		for (u64 j = 0; j < s[i].filesz; j++)
			*(u8 *)bytes_at(&b, at + j, 1) =
				s[i].data ? ((const u8 *)s[i].data)[j] : (u8)(j * 7 + 1);
		at += s[i].filesz;
	}
	return b;
}

/* A note as the linker writes it: name "Xen", 4 bytes of number. */
static inline u64 note_make(u8 *to, u32 type, u32 number)
{
	const u32 head[] = { 4, 4, type, 0x006e6558, number };

	memcpy(to, head, sizeof(head));
	return sizeof(head);
}

#define LINUX_MAP 0xffffffff80000000ull
#define LINUX_AT MIB(16)
#define LINUX_LEN 0x6000u

/* Places in linux_make()'s kernel that its relocation table names. */
#define RELOC_64 0x100u
#define RELOC_32 0x200u
#define RELOC_INVERSE 0x300u

/* A tiny vmlinux of two segments; with a table of one relocation of each kind behind it. */
static inline struct bytes linux_make(bool relocs)
{
	const struct seg_spec s[] = {
		{ LINUX_MAP + LINUX_AT, LINUX_AT, 0x1000, 0x1000, 0, NULL },
		{ 0, LINUX_AT + 0x2000, 0x800, LINUX_LEN - 0x2000, 0, NULL },
	};
	struct bytes b = elf64_make(LINUX_AT + 0x10, s, 2);
	const u32 base = 0x80000000u + LINUX_AT;
	const u32 table[] = { 0, base + RELOC_64, 0, base + RELOC_INVERSE, 0, base + RELOC_32 };

	if (relocs)
		bytes_put(&b, b.len, table, sizeof(table));
	return b;
}

/* What linux_make() has at an offset, before relocation. */
static inline u64 linux_value(u64 at, unsigned size)
{
	u64 v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (u64)(u8)((at + i) * 7 + 1) << (8 * i);
	return v;
}

/* A bzImage around a packed payload (its unpacked length at the end already). */
static inline struct bytes bzimage_make(const struct bytes *payload)
{
	struct setup_header h = { .setup_sects = 1, .boot_flag = 0xaa55, .jump = 0x6aeb,
				  .header = 0x53726448, .version = 0x20f, .loadflags = LOADED_HIGH,
				  .initrd_addr_max = 0x7fffffff, .kernel_alignment = MIB(2),
				  .relocatable_kernel = 1, .xloadflags = XLF_KERNEL_64,
				  .cmdline_size = 2047, .pref_address = LINUX_AT,
				  .init_size = MIB(1), .payload_offset = 0x400,
				  .payload_length = (u32)payload->len };
	struct bytes b = { 0 };

	bytes_put(&b, 0x1f1, &h, sizeof(h));
	bytes_put(&b, 1024 + 0x400, payload->data, payload->len);
	return b;
}

/* ---- a machine ---- */

struct kit {
	struct mem *m;
	struct vcpu v;
	struct boot_report report;
	struct err e;
	struct boot_config c;
	struct boot_file initrd[4];
};

static inline struct kit *kit_new(u64 ram)
{
	struct kit *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->c.kernel = "kernel";
	k->c.cmdline = "";
	k->c.random_seed = 1;
	assert_int_equal(mem_new(ram, &k->m, &k->e), 0);
	return k;
}

static inline void kit_free(struct kit *k)
{
	mem_free(k->m);
	free(k);
}

static inline void kit_initrd(struct kit *k, const char *path, const void *data, u64 len)
{
	k->initrd[k->c.ninitrd++] = (struct boot_file){ .path = path, .data = (u8 *)data, .len = len, .fd = -1 };
}

static inline int kit_load(struct kit *k, const struct bytes *file)
{
	struct boot b = { .c = &k->c, .m = k->m, .v = &k->v, .report = &k->report,
			  .initrd = k->initrd };

	b.kernel = (struct boot_file){ .path = k->c.kernel, .data = file->data, .len = file->len,
				      .fd = -1 };
	return boot_load_files(&b, &k->e);
}

/* Loading fails with a sentence that has these words in it, and the guest's RAM stays as it was. */
static inline void kit_refuses(struct kit *k, const struct bytes *file, const char *words)
{
	u64 low = k->m->block[0].len;

	k->v.rip = 0x1234;
	assert_true(kit_load(k, file) < 0);
	if (!strstr(k->e.text, words))
		fail_msg("'%s' is not in '%s'", words, k->e.text);
	assert_int_equal(k->v.rip, 0x1234);
	for (u64 i = 0; i < low; i += 8)
		assert_int_equal(*(u64 *)(k->m->block[0].host + i), 0);
}

static inline void *kit_at(struct kit *k, u64 at, u64 len)
{
	void *p = mem_host(k->m, GPA(at), len);

	assert_non_null(p);
	return p;
}

#endif
