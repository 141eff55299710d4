/* boot.c - looks what a kernel file is and hands it to the loader that knows; knows no format. */
#include "vm/boot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vm/boot_int.h"
#include "vm/layout.h"

/*B:150 Which kernel is it?
 * Each loader is a row with a question ("is this yours?") and a function that loads. The first
 * row that says yes has it: a bzImage also begins like an EFI program, and an ELF file may also
 * hold a Multiboot header, so the order of the rows is the order of preference. A loader ends by
 * setting the processor to the state that its protocol promises; then the machine is switched on.
 * @test boot_names_what_is_wrong
 */
static const struct boot_loader *const loaders[] = {
	&boot_bzimage,
	&boot_multiboot,
	&boot_elf,
};

/* What a file without a loader looks like, for the sentence that refuses it. */
static const struct {
	u32 at;
	u8 len;
	const char *magic, *is;
} known[] = {
	{ 0x38, 4, "ARMd", "an arm64 kernel image" },
	{ 0x30, 5, "RISCV", "a RISC-V kernel image" },
	{ 0, 2, "\x1f\x8b", "a gzip file; unpack it first" },
	{ 0, 6, "\xfd" "7zXZ", "an xz file; unpack it first" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "a zstd file; unpack it first" },
	{ 0, 6, "070701", "a cpio archive (is it the initrd?)" },
	{ 0, 4, "QFI\xfb", "a qcow2 disk image: --block boots it" },
	{ 0, 8, "!<arch>\n", "an archive (a Debian package?)" },
	{ 0, 2, "#!", "a script" },
	{ 0x8001, 5, "CD001", "a CD image: --cdrom boots it" },
	{ 0, 2, "MZ", "an EFI program without a Linux setup header" },
	{ 0x1fe, 2, "\x55\xaa", "a disk image or boot sector: --block boots it" },
};

static int unknown(const struct boot_file *f, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		if (f->len >= known[i].at + known[i].len &&
		    !memcmp(f->data + known[i].at, known[i].magic, known[i].len))
			return err_set(e, -ENOEXEC, "not a kernel: it is %s", known[i].is);
	return err_set(e, -ENOEXEC, "not a kernel: neither a bzImage, nor ELF, nor with a "
		       "Multiboot header");
}

static int load_by_kind(struct boot *b, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(loaders); i++)
		if (loaders[i]->probe(&b->kernel))
			return loaders[i]->load(b, e);
	return unknown(&b->kernel, e);
}

int boot_load_files(struct boot *b, struct err *e)
{
	int rc;

	boot_map_fill(b->m, &b->plan.map);
	b->random = b->c->random_seed;
	for (unsigned i = 0; i < b->c->ninitrd; i++)
		b->initrd_len += (b->initrd[i].len + 3) & ~3ull;
	rc = load_by_kind(b, e);
	boot_payload_close(&b->payload);
	while (b->nheap)
		free(b->heap[--b->nheap]);
	if (rc)
		return err_in(e, rc, "kernel '%s'", b->kernel.path);
	LOG(boot, INFO, "%s: %s, entry 0x%llx, %s", b->kernel.path, b->report->protocol,
	    (unsigned long long)b->report->entry.at, b->report->detail);
	return 0;
}

static int libraries_open(struct boot *b, unsigned *n, struct err *e)
{
	int rc = 0;

	b->library = calloc(b->c->nlibrary + 1, sizeof(*b->library));
	if (!b->library)
		return err_set(e, -ENOMEM, "out of memory");
	for (; *n < b->c->nlibrary; ++*n) {
		rc = boot_file_open(b->c->library[*n], true, &b->library[*n], e);
		if (rc)
			return err_in(e, rc, "library");
	}
	return 0;
}

static int files_open(struct boot *b, unsigned *n, unsigned *nlibrary, struct err *e)
{
	int rc = boot_file_open(b->c->kernel, true, &b->kernel, e);

	if (rc)
		return err_in(e, rc, "kernel");
	rc = libraries_open(b, nlibrary, e);
	if (rc)
		return rc;
	b->initrd = calloc(b->c->ninitrd + 1, sizeof(*b->initrd));
	if (!b->initrd)
		return err_set(e, -ENOMEM, "out of memory");
	for (; *n < b->c->ninitrd; ++*n) {
		/* Several are joined piece by piece, so their bytes are wanted beforehand. */
		rc = boot_file_open(b->c->initrd[*n], b->c->ninitrd > 1, &b->initrd[*n], e);
		if (rc)
			return err_in(e, rc, "initrd");
	}
	return 0;
}

int boot_load(const struct boot_config *config, struct mem *m, struct vcpu *v,
	      struct boot_report *ret, struct err *e)
{
	struct boot_config c = *config;
	struct boot_report report = { 0 };
	struct boot b = { .c = &c, .m = m, .v = v, .report = &report, .kernel.fd = -1 };
	unsigned n = 0, nlibrary = 0;
	int rc;

	if (!c.cmdline)
		c.cmdline = "";
	rc = files_open(&b, &n, &nlibrary, e);
	if (!rc)
		rc = boot_load_files(&b, e);
	if (!rc)
		*ret = report;
	while (n)
		boot_file_close(&b.initrd[--n]);
	free(b.initrd);
	while (nlibrary)
		boot_file_close(&b.library[--nlibrary]);
	free(b.library);
	boot_file_close(&b.kernel);
	return rc;
}

void *boot_alloc(struct boot *b, size_t len)
{
	void *p;

	BUG_ON(b->nheap == ARRAY_SIZE(b->heap));
	p = calloc(1, len);
	if (p)
		b->heap[b->nheap++] = p;
	return p;
}

/* Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
u64 boot_random(struct boot *b)
{
	u64 z = b->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

bool boot_word(const char *cmdline, const char *word, const char **value)
{
	size_t n = strlen(word);
	bool prefix = n && word[n - 1] == '=';

	for (const char *p = cmdline; *p;) {
		size_t len = strcspn(p, " \t\n");

		if (len >= n && !memcmp(p, word, n) && (prefix || len == n)) {
			if (value)
				*value = p + n;
			return true;
		}
		p += len;
		p += strspn(p, " \t\n");
	}
	return false;
}

int boot_table(struct boot *b, const char *what, const void *data, u64 len, u64 align, u64 *ret,
	       struct err *e)
{
	struct boot_want low = { align, LAYOUT_TABLES, LAYOUT_LOW_END, false };
	struct boot_want high = { align, LAYOUT_HIGH, MEM_LOW_MAX, true };
	struct boot_piece piece = { .len = len, .data = data, .data_len = len };
	int rc;

	strncpy(piece.what, what, sizeof(piece.what) - 1);
	rc = boot_plan_place(&b->plan, &low, &piece, e);
	if (rc == -ENOMEM)
		rc = boot_plan_place(&b->plan, &high, &piece, e);
	if (!rc)
		*ret = piece.at;
	return rc;
}

int boot_module(struct boot *b, unsigned i, u64 *at, struct err *e)
{
	struct boot_want want = { GUEST_PAGE_SIZE, boot_plan_end(&b->plan), MEM_LOW_MAX, false };
	struct boot_piece piece = { .len = b->initrd[i].len, .file = &b->initrd[i],
				    .what = "module" };
	int rc;

	rc = boot_plan_place(&b->plan, &want, &piece, e);
	if (rc)
		return err_set(e, rc, "the initrd '%s' of %llu KiB does not fit into the guest's "
			       "memory of %llu MiB behind the kernel", b->initrd[i].path,
			       (unsigned long long)(piece.len + 1023) >> 10,
			       (unsigned long long)(b->m->ram >> 20));
	*at = piece.at;
	return 0;
}
