/* boot_bzimage.c - Linux bzImage files: what the setup header says and where the kernel is. */
#include "vm/boot_int.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vm/layout.h"

#define HEADER_AT offsetof(struct boot_params, hdr)
#define HEADER_MIN (offsetof(struct boot_params, hdr.payload_length) + 4)
#define ENTRY_64 0x200
#define CMDLINE_OLD 255 /* before protocol 2.06 */

struct bzimage {
	struct setup_header h;
	u64 header_len;
	const u8 *code; /* the protected-mode part */
	u64 code_len;
	const u8 *payload; /* inside code; NULL when the header names none */
	u64 payload_len;
};

static bool bzimage_probe(const struct boot_file *f)
{
	return f->len >= HEADER_AT + 0x15 && f->data[0x1fe] == 0x55 && f->data[0x1ff] == 0xaa &&
	       !memcmp(f->data + 0x202, "HdrS", 4);
}

/* The header's own numbers, before anything they point to. */
static int header_check(const struct setup_header *h, struct err *e)
{
	if (!(h->loadflags & LOADED_HIGH))
		return err_set(e, -ENOEXEC, "it is a zImage, older than any 64-bit kernel");
	if (h->version < 0x208)
		return err_set(e, -ENOEXEC, "its boot protocol %u.%02u is older than 2.08 "
			       "(Linux 2.6.26)", h->version >> 8, h->version & 255);
	if (h->version >= 0x20c && !(h->xloadflags & XLF_KERNEL_64))
		return err_set(e, -ENOEXEC, "it is a 32-bit Linux kernel; only 64-bit ones boot "
			       "here");
	if (h->kernel_alignment < MIB(2) || h->kernel_alignment > GIB(1) ||
	    (h->kernel_alignment & (h->kernel_alignment - 1)))
		return err_set(e, -ENOEXEC, "its kernel alignment 0x%x is not a power of two from "
			       "2 MiB to 1 GiB", h->kernel_alignment);
	return 0;
}

static int bzimage_parse(const struct boot_file *f, struct bzimage *ret, struct err *e)
{
	struct bzimage z = { 0 };
	u64 end, setup;
	int rc;

	if (f->len < HEADER_MIN)
		return err_set(e, -ENOEXEC, "it ends inside its setup header (is it truncated?)");
	end = 0x202 + f->data[0x201];
	z.header_len = end > HEADER_AT + sizeof(z.h) ? sizeof(z.h) : end - HEADER_AT;
	if (end < HEADER_MIN || f->len < HEADER_AT + z.header_len)
		return err_set(e, -ENOEXEC, "its setup header of %llu bytes cannot be right",
			       (unsigned long long)(end - HEADER_AT));
	memcpy(&z.h, f->data + HEADER_AT, z.header_len);
	rc = header_check(&z.h, e);
	if (rc)
		return rc;
	setup = ((z.h.setup_sects ? z.h.setup_sects : 4) + 1) * 512ull;
	if (setup >= f->len)
		return err_set(e, -ENOEXEC, "it ends before the kernel begins (is it truncated?)");
	z.code = f->data + setup;
	z.code_len = f->len - setup;
	if (z.h.payload_offset > z.code_len || z.h.payload_length > z.code_len - z.h.payload_offset)
		return err_set(e, -ENOEXEC, "its payload of %u bytes does not lie within the file of "
			       "%llu bytes (is it truncated?)", z.h.payload_length,
			       (unsigned long long)f->len);
	if (z.h.payload_offset && z.h.payload_length) {
		z.payload = z.code + z.h.payload_offset;
		z.payload_len = z.h.payload_length;
	}
	*ret = z;
	return 0;
}

static u64 cmdline_max(const struct setup_header *h)
{
	return h->version >= 0x206 && h->cmdline_size ? h->cmdline_size : CMDLINE_OLD;
}

/* An initrd anywhere below what the header allows; 2.03 and later say. */
static u64 initrd_max(const struct setup_header *h)
{
	u64 max = h->initrd_addr_max ? h->initrd_addr_max + 1ull : MIB(896);

	return max < MEM_LOW_MAX ? max : MEM_LOW_MAX;
}

/*
 * Let the guest unpack itself: load the protected-mode part as a boot loader does, enter it at its
 * 64-bit entry. Its own KASLR then chooses the address.
 */
static int load_packed(struct boot *b, const struct bzimage *z, struct err *e)
{
	struct boot_zero zero = { .header = &z->h, .header_len = z->header_len,
				  .initrd_max = initrd_max(&z->h),
				  .cmdline_max = cmdline_max(&z->h) };
	struct boot_want want = { z->h.kernel_alignment, LAYOUT_HIGH, MEM_LOW_MAX, false };
	struct boot_entry_state s = { .long_mode = true };
	struct boot_piece piece = { .data = z->code, .data_len = z->code_len,
				    .what = "the kernel" };
	int rc;

	if (z->h.version < 0x20c)
		return err_set(e, -ENOEXEC, "its payload cannot be unpacked here, and its boot "
			       "protocol %u.%02u has no 64-bit entry", z->h.version >> 8,
			       z->h.version & 255);
	piece.len = z->h.init_size > z->code_len ? z->h.init_size : z->code_len;
	if (piece.len > GIB(1))
		return err_set(e, -ENOEXEC, "it asks for 0x%llx bytes of memory, which no kernel "
			       "does", (unsigned long long)piece.len);
	rc = boot_linux_initrd(b, &zero, e);
	if (rc)
		return rc;
	piece.at = z->h.pref_address;
	rc = boot_plan_add(&b->plan, &piece, e);
	if (rc && z->h.relocatable_kernel)
		rc = boot_plan_place(&b->plan, &want, &piece, e);
	if (rc)
		return err_set(e, rc, "too little memory: the kernel takes %llu MiB from 0x%llx on, "
			       "and the guest has %llu MiB",
			       (unsigned long long)(piece.len + MIB(1) - 1) >> 20,
			       (unsigned long long)z->h.pref_address,
			       (unsigned long long)(b->m->ram >> 20));
	s.rip = piece.at + ENTRY_64;
	s.map_at = piece.at;
	s.map_len = piece.len;
	snprintf(b->report->detail, sizeof(b->report->detail), "packed, at 0x%llx",
		 (unsigned long long)piece.at);
	return boot_linux_enter(b, &zero, &s, e);
}

static int load_unpacked(struct boot *b, const struct bzimage *z, struct err *e)
{
	struct boot_linux k = { .header = &z->h, .header_len = z->header_len,
				.align = z->h.kernel_alignment, .initrd_max = initrd_max(&z->h),
				.cmdline_max = cmdline_max(&z->h),
				.relocatable = z->h.relocatable_kernel };
	const struct boot_payload *p = &b->payload;
	char how[sizeof(b->report->detail)];
	u64 end;
	int rc;

	rc = elf_open(p->data, p->len, &k.elf, e);
	if (rc)
		return err_in(e, rc, "its payload");
	if (!k.elf.is64 || k.elf.machine != EM_X86_64)
		return err_set(e, -ENOEXEC, "its payload is an %s kernel; only x86-64 ones boot here",
			       elf_machine_name(k.elf.machine));
	end = elf_extent(&k.elf);
	if (k.relocatable && boot_relocs_is(p->data + end, p->len - end)) {
		k.relocs = p->data + end;
		k.relocs_len = p->len - end;
	}
	rc = boot_linux(b, &k, e);
	if (rc)
		return rc;
	snprintf(how, sizeof(how), "%s payload%s, %.90s",
		 boot_payload_name(z->payload, z->payload_len),
		 p->cached ? " from the cache" : "", b->report->detail);
	memcpy(b->report->detail, how, sizeof(how));
	return 0;
}

/*B:700 A bzImage, opened here instead of in the guest
 * The setup header says where in the file the compressed vmlinux is. Unpacked, it is an ordinary
 * ELF file with a relocation table behind it, and from here on it is loaded like one. When we
 * cannot unpack it, the guest does it itself, as on real hardware.
 * @test bzimage_boots_unpacked
 */
static int bzimage_load(struct boot *b, struct err *e)
{
	struct bzimage z;
	int rc;

	rc = bzimage_parse(&b->kernel, &z, e);
	if (rc)
		return rc;
	if (!z.payload)
		return load_packed(b, &z, e);
	rc = boot_payload_open(z.payload, z.payload_len, &b->payload, e);
	if (rc == -ENOTSUP) {
		LOG(boot, INFO, "%s: %s; the guest unpacks it", b->kernel.path, e->text);
		return load_packed(b, &z, e);
	}
	return rc ? rc : load_unpacked(b, &z, e);
}

const struct boot_loader boot_bzimage = { "bzImage", bzimage_probe, bzimage_load };

static int extract(const struct boot_file *f, bool relocs, u8 **ret, u64 *len, struct err *e)
{
	struct boot_payload p = { 0 };
	struct bzimage z;
	struct elf elf;
	int rc;

	if (!bzimage_probe(f))
		return err_set(e, -ENOEXEC, "not a bzImage");
	rc = bzimage_parse(f, &z, e);
	if (!rc && !z.payload)
		rc = err_set(e, -ENOEXEC, "its header names no payload");
	if (!rc)
		rc = boot_payload_open(z.payload, z.payload_len, &p, e);
	if (!rc)
		rc = elf_open(p.data, p.len, &elf, e);
	if (!rc) {
		*len = relocs ? p.len : elf_extent(&elf);
		*ret = malloc(*len);
		if (*ret)
			memcpy(*ret, p.data, *len);
		else
			rc = err_set(e, -ENOMEM, "out of memory");
	}
	boot_payload_close(&p);
	return rc;
}

int boot_extract(const char *path, bool relocs, u8 **ret, u64 *len, struct err *e)
{
	struct boot_file f;
	int rc;

	rc = boot_file_open(path, true, &f, e);
	if (rc)
		return rc;
	rc = extract(&f, relocs, ret, len, e);
	boot_file_close(&f);
	return rc ? err_in(e, rc, "'%s'", path) : 0;
}
