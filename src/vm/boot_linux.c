/* boot_linux.c - places a decompressed Linux kernel (KASLR included) for its 64-bit entry. */
#include "vm/boot_int.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* KERNEL_IMAGE_SIZE of a kernel with CONFIG_RANDOMIZE_BASE: its virtual window. */
#define KERNEL_WINDOW GIB(1)
/* Up to here one page-directory-pointer table maps memory to itself. */
#define PHYS_MAX GIB(512)

/* What kernel_write() needs once the plan is made; lives on the load's heap. */
struct image {
	struct elf elf;
	const u8 *relocs;
	u64 relocs_len;
	u64 lo, delta;
};

static void kernel_write(const struct boot_piece *piece, u8 *host)
{
	const struct image *im = piece->ctx;

	boot_elf_copy(&im->elf, im->lo, host, piece->len);
	if (im->delta)
		boot_relocs_apply(im->relocs, im->relocs_len, im->lo, host, im->delta);
}

/* The number after "mem=" as the kernel reads it; 0 when it is none. */
static u64 size_of(const char *s)
{
	char *end;
	u64 n = strtoull(s, &end, 0);
	unsigned shift = 0;

	switch (*end) {
	case 'k': case 'K': shift = 10; break;
	case 'm': case 'M': shift = 20; break;
	case 'g': case 'G': shift = 30; break;
	case 't': case 'T': shift = 40; break;
	}
	return n << shift >> shift == n ? n << shift : 0;
}

/*
 * The physical places the kernel's own KASLR would draw from. It also keeps out of memory that
 * mem= takes away; with memmap= on the command line we do not move the kernel at all.
 */
static struct boot_want phys_want(const struct boot *b, u64 lo, u64 align)
{
	struct boot_want want = { align, lo < MIB(512) ? lo : MIB(512), PHYS_MAX, false };
	const char *value;
	u64 limit;

	if (boot_word(b->c->cmdline, "mem=", &value)) {
		limit = size_of(value);
		if (limit && limit < want.max)
			want.max = limit;
	}
	return want;
}

static int too_little(const struct boot *b, u64 lo, u64 len, struct err *e)
{
	char initrd[48] = "";

	if (b->initrd_len)
		snprintf(initrd, sizeof(initrd), " and an initrd of %llu KiB",
			 (unsigned long long)(b->initrd_len + 1023) >> 10);
	return err_set(e, -ENOMEM, "too little memory: the kernel takes %llu MiB from 0x%llx on%s, "
		       "and the guest has %llu MiB",
		       (unsigned long long)(len + MIB(1) - 1) >> 20, (unsigned long long)lo,
		       initrd, (unsigned long long)(b->m->ram >> 20));
}

/* Choose the physical address; *ret is set to where the kernel was linked when it may stay. */
static int phys_choose(struct boot *b, const struct boot_linux *k, u64 lo, u64 len, bool random,
		       u64 *ret, struct err *e)
{
	struct boot_want want = phys_want(b, lo, k->align), here = { 1, lo, lo + len, false };
	u64 n;

	if (!k->relocatable) {
		*ret = lo;
		return 0;
	}
	if ((!random || boot_word(b->c->cmdline, "memmap=", NULL)) &&
	    boot_plan_slots(&b->plan, &here, len)) {
		*ret = lo;
		return 0;
	}
	n = boot_plan_slots(&b->plan, &want, len);
	if (!n)
		return too_little(b, lo, len, e);
	*ret = boot_plan_slot(&b->plan, &want, len, random ? boot_random(b) % n : 0);
	return 0;
}

/* How far to move the virtual addresses: 0, or as the decompressor would choose. */
static u64 virt_choose(struct boot *b, const struct boot_linux *k, u64 lo, u64 len)
{
	u64 room = (len + k->align - 1) & ~(k->align - 1);

	if (lo >= KERNEL_WINDOW || room > KERNEL_WINDOW - lo)
		return 0;
	return boot_random(b) % ((KERNEL_WINDOW - lo - room) / k->align + 1) * k->align;
}

/*B:1000 Where the kernel goes
 * The decompressor inside a bzImage would choose a physical and a virtual address at random and
 * then unpack the kernel there. We have the unpacked kernel, so both choices are ours: any aligned
 * place in RAM that holds the kernel and nothing else, and any offset in the window of virtual
 * addresses. "nokaslr" is honoured as the decompressor honours it. A kernel without a relocation
 * table was not built for this and stays where it was linked.
 * @test linux_kaslr_moves_kernel
 */
static int kernel_place(struct boot *b, const struct boot_linux *k, bool random,
			struct boot_piece *piece, struct err *e)
{
	struct image *im = boot_alloc(b, sizeof(*im));
	u64 lo, hi;
	int rc;

	if (!im)
		return err_set(e, -ENOMEM, "out of memory");
	rc = boot_elf_span(&k->elf, &lo, &hi, e);
	if (!rc && random)
		rc = boot_relocs_check(k->relocs, k->relocs_len, lo, hi, e);
	if (rc)
		return rc;
	*im = (struct image){ k->elf, k->relocs, k->relocs_len, lo, 0 };
	*piece = (struct boot_piece){ .len = hi - lo, .write = kernel_write, .ctx = im,
				      .what = "the kernel" };
	if (hi - lo > GIB(1) || lo > PHYS_MAX || (k->relocatable && lo % k->align))
		return err_set(e, -ENOEXEC, "a Linux kernel is not laid out like this: 0x%llx "
			       "bytes at 0x%llx", (unsigned long long)(hi - lo),
			       (unsigned long long)lo);
	rc = phys_choose(b, k, lo, hi - lo, random, &piece->at, e);
	if (rc)
		return rc;
	if (random)
		im->delta = virt_choose(b, k, lo, hi - lo);
	snprintf(b->report->detail, sizeof(b->report->detail),
		 "%llu MiB at 0x%llx, virtual addresses + 0x%llx%s",
		 (unsigned long long)(piece->len + MIB(1) - 1) >> 20,
		 (unsigned long long)piece->at, (unsigned long long)im->delta,
		 random ? "" : ", no KASLR");
	rc = boot_plan_add(&b->plan, piece, e);
	if (rc == -ENOMEM && b->m->ram < hi)
		return too_little(b, lo, hi - lo, e);
	return rc;
}

int boot_linux(struct boot *b, const struct boot_linux *k, struct err *e)
{
	struct boot_zero z = { .header = k->header, .header_len = k->header_len,
			       .initrd_max = k->initrd_max, .cmdline_max = k->cmdline_max };
	struct boot_entry_state s = { .long_mode = true };
	struct boot_piece piece;
	u64 lo, hi, entry;
	int rc;

	z.kaslr = k->relocs && !boot_word(b->c->cmdline, "nokaslr", NULL);
	rc = boot_elf_span(&k->elf, &lo, &hi, e);
	if (!rc)
		rc = boot_elf_entry(&k->elf, k->elf.entry, &entry, e);
	if (!rc)
		rc = boot_linux_initrd(b, &z, e);
	if (!rc)
		rc = kernel_place(b, k, z.kaslr, &piece, e);
	if (rc)
		return rc;
	s.rip = piece.at + (entry - lo);
	s.map_at = piece.at;
	s.map_len = piece.len;
	return boot_linux_enter(b, &z, &s, e);
}

int boot_linux_enter(struct boot *b, const struct boot_zero *z, struct boot_entry_state *s,
		     struct err *e)
{
	int rc = boot_zero_page(b, z, &s->rsi, e);

	if (!rc)
		rc = boot_state_plan(b, s, e);
	if (!rc)
		rc = boot_plan_commit(&b->plan, b->m, e);
	if (rc)
		return rc;
	boot_state_set(s, b->v);
	b->report->protocol = "Linux 64-bit";
	b->report->entry = GPA(s->rip);
	return 0;
}
