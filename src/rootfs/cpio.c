/* cpio.c - writes a cpio archive in the "newc" form, which Linux unpacks at boot. Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst. */
#include <string.h>
#include <sys/stat.h>

#include "rootfs/int.h"

#define HEAD 110 /* bytes of a header */

static void pad(FILE *f, size_t len)
{
	static const char zeroes[4];

	fwrite(zeroes, 1, -len & 3, f);
}

static void entry(FILE *f, const char *name, unsigned mode, const void *data, size_t len)
{
	size_t n = strlen(name) + 1;

	/* magic, inode, mode, uid, gid, links, time, length, device, its number, length of name, check */
	fprintf(f, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0u, mode, 0u, 0u, 1u,
		0u, (unsigned)len, 0u, 0u, 0u, 0u, (unsigned)n, 0u);
	fwrite(name, 1, n, f);
	pad(f, HEAD + n);
	fwrite(data, 1, len, f);
	pad(f, len);
}

void cpio_dir(FILE *f, const char *name)
{
	entry(f, name, S_IFDIR | 0755, "", 0);
}

void cpio_file(FILE *f, const char *name, unsigned mode, const void *data, size_t len)
{
	entry(f, name, S_IFREG | mode, data, len);
}

void cpio_end(FILE *f)
{
	entry(f, "TRAILER!!!", 0, "", 0);
}
