/* bios.c - finds a BIOS and puts it where a PC's processor starts; knows no disk. */
#include "vm/bios.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm/boot_int.h"
#include "vm/layout.h"

#define BIOS_MIN KIB(64)
#define BIOS_MAX MIB(16)
#define SHADOW_MAX KIB(128) /* the BIOS is also below 1 MiB: its last 128 KiB */
#define VGA_ROM_MAX KIB(64)

/* Where Debian's package seabios has them. */
static const char *const bios_paths[] = {
	"/usr/share/seabios/bios-256k.bin",
	"/usr/share/seabios/bios.bin",
};
static const char vga_rom_path[] = "/usr/share/seabios/vgabios-isavga.bin";

/* The whole file, malloc()ed. */
static int read_whole(const char *path, u64 max, u8 **ret, u32 *len, struct err *e)
{
	struct boot_file f;
	int rc = boot_file_open(path, false, &f, e);
	u8 *data = NULL;

	if (rc)
		return rc;
	if (f.len > max)
		rc = err_set(e, -EFBIG, "'%s' is larger than %llu KiB", path,
			     (unsigned long long)max >> 10);
	if (!rc && !(data = malloc(f.len)))
		rc = err_set(e, -ENOMEM, "out of memory");
	if (!rc)
		rc = boot_file_copy(&f, data, e);
	if (rc) {
		free(data);
	} else {
		*ret = data;
		*len = (u32)f.len;
	}
	boot_file_close(&f);
	return rc;
}

static int find(const char *path, const char **ret, struct err *e)
{
	for (unsigned i = 0; !path && i < ARRAY_SIZE(bios_paths); i++)
		if (access(bios_paths[i], R_OK) == 0)
			path = bios_paths[i];
	if (!path)
		return err_set(e, -ENOENT, "there is no BIOS to start the disk with: install Debian's "
			       "package seabios, or name a file with --bios");
	*ret = path;
	return 0;
}

static int check(const struct bios *b, const char *path, struct err *e)
{
	static const u8 jumps[] = { 0xea, 0xe9, 0xeb };

	if (b->len < BIOS_MIN || b->len % GUEST_PAGE_SIZE)
		return err_set(e, -ENOEXEC, "'%s' is no BIOS: %u bytes are not whole pages, at least "
			       "64 KiB of them", path, b->len);
	if (!memchr(jumps, b->rom[b->len - 16], sizeof(jumps)))
		return err_set(e, -ENOEXEC, "'%s' is no BIOS: it has no jump where a processor starts",
			       path);
	return 0;
}

int bios_open(const char *path, struct mem *m, struct bios *ret, struct err *e)
{
	struct bios b = { 0 };
	struct err quiet;
	int rc = find(path, &path, e);

	if (!rc)
		rc = read_whole(path, BIOS_MAX, &b.rom, &b.len, e);
	if (!rc)
		rc = check(&b, path, e);
	if (!rc)
		rc = mem_add_rom(m, GPA(MEM_HIGH - b.len), b.rom, b.len, e);
	if (rc) {
		bios_close(&b);
		return err_in(e, rc, "bios");
	}
	/* Without one there is no screen, but a serial console. */
	if (read_whole(vga_rom_path, VGA_ROM_MAX, &b.vga_rom, &b.vga_len, &quiet))
		b.vga_len = 0;
	*ret = b;
	return 0;
}

void bios_close(struct bios *b)
{
	free(b->rom);
	free(b->vga_rom);
	*b = (struct bios){ 0 };
}

/*B:1400 A machine that starts itself
 * Given a disk and no kernel, nothing is loaded at all: the processor starts as hardware does, at
 * the last 16 bytes below 4 GiB, in real mode, and there is a BIOS. A PC shows its last 128 KiB below
 * 1 MiB, too. On ours that is plain RAM with a copy in it, which is what the BIOS wants in the end:
 * it switches the shadow RAM of the host bridge on, copies itself there and writes to itself.
 * @test bios_is_at_both_places
 */
int bios_load(const struct bios *b, struct mem *m, struct err *e)
{
	u64 len = b->len < SHADOW_MAX ? b->len : SHADOW_MAX;
	int rc = mem_write(m, GPA(LAYOUT_HIGH - len), len, b->rom + b->len - len);

	return rc ? err_set(e, rc, "bios: the guest's memory is too small") : 0;
}
