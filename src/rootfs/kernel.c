/* kernel.c - finds a kernel, and what a kernel file says its release is. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rootfs/int.h"

int text_read(const char *path, struct text *ret)
{
	FILE *f = fopen(path, "re");
	struct text t = { NULL, 0 };
	size_t n = 1, size = 0;

	if (!f)
		return -errno;
	while (n) {
		if (t.len + 1 >= size) {
			char *more = realloc(t.data, size = size * 2 + KIB(64));

			if (!more)
				break;
			t.data = more;
		}
		n = fread(t.data + t.len, 1, size - t.len - 1, f);
		t.len += n;
	}
	if (n || ferror(f)) {
		fclose(f);
		free(t.data);
		return n ? -ENOMEM : -EIO;
	}
	fclose(f);
	t.data[t.len] = 0;
	*ret = t;
	return 0;
}

/* A bzImage says where its version string is, an ELF file has the banner that Linux prints. Source:
 * Linux Documentation/arch/x86/boot.rst, kernel_version. */
static const char *find_release(const struct text *t)
{
	static const char banner[] = "Linux version ";
	const u8 *p = (const u8 *)t->data;
	const char *at = t->data;

	if (t->len > 0x210 && !memcmp(p + 0x202, "HdrS", 4)) {
		size_t off = (p[0x20e] | (size_t)p[0x20f] << 8) + 0x200;

		return off > 0x200 && off < t->len ? t->data + off : NULL;
	}
	while ((at = memmem(at, t->len - (size_t)(at - t->data), banner, sizeof(banner) - 1))) {
		at += sizeof(banner) - 1;
		if (isdigit((u8)*at))
			return at;
	}
	return NULL;
}

void release_of(const char *kernel, char *ret, size_t size)
{
	struct text t;
	const char *at;
	size_t n;

	*ret = 0;
	if (text_read(kernel, &t))
		return;
	at = find_release(&t);
	n = at ? strcspn(at, " \n/") : 0;
	if (n < size && n < t.len) {
		memcpy(ret, at ? at : "", n);
		ret[n] = 0;
	}
	free(t.data);
}

static int is_kernel(const struct dirent *d)
{
	return !strncmp(d->d_name, "vmlinuz-", 8);
}

/* The newest by its version, as it is in dir/boot. */
static bool newest(const char *dir, char **ret)
{
	struct dirent **list;
	char path[PATH_MAX];
	int n;

	snprintf(path, sizeof(path), "%s/boot", dir);
	n = scandir(path, &list, is_kernel, versionsort);
	if (n < 0)
		return false;
	if (n && asprintf(ret, "%s/%s", path, list[n - 1]->d_name) < 0)
		*ret = NULL;
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return n && *ret;
}

int rootfs_kernel(const char *dir, char **ret, struct err *e)
{
	if (newest(dir, ret) || newest("", ret))
		return 0;
	return err_set(e, -ENOENT, "no kernel given, and there is none in /boot: give one, such as what "
		       "'apt-get download' and 'dpkg -x' make of linux-image-cloud-amd64's package");
}
