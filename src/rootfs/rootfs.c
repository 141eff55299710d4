/* rootfs.c - puts init, its configuration and its modules into an initial RAM disk. */
#define _GNU_SOURCE
#include "rootfs/rootfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rootfs/int.h"

/*B:1050 A directory as the guest's root
 * No image has to be made to try a kernel in a system: the directory is a share, which the guest
 * mounts below a RAM disk of its own, so that it may write as it likes and nothing comes back. A
 * stock kernel has the drivers for that as modules, and they have to be loaded before there is a
 * root to load them from; so they come in an initial RAM disk, with a small init program of ours.
 * @test test/share/run
 */
static const char *const needed[] = { "virtio_pci", "virtiofs", "overlay" };

static void put_modules(FILE *f, const struct modules *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		const char *slash = strrchr(m->path[i], '/');
		char path[2 * PATH_MAX];
		struct text t;

		snprintf(path, sizeof(path), "%s/%s", m->dir, m->path[i]);
		if (text_read(path, &t))
			continue; /* init says which one is missing */
		cpio_file(f, slash ? slash + 1 : m->path[i], 0644, t.data, t.len);
		free(t.data);
	}
}

static void put_word(FILE *f, const char *key, const char *value)
{
	if (value) {
		fprintf(f, "%s=%s", key, value);
		fputc(0, f);
	}
}

static void put_number(FILE *f, const char *key, unsigned n)
{
	if (n) {
		fprintf(f, "%s=%u", key, n);
		fputc(0, f);
	}
}

static int put_config(FILE *to, const struct rootfs_config *c, const struct rootfs *r,
		      const struct modules *m)
{
	char *text = NULL, modules[sizeof(r->release) + 16];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	for (unsigned i = 0; i < m->n; i++) {
		const char *slash = strrchr(m->path[i], '/');

		put_word(f, "module", slash ? slash + 1 : m->path[i]);
	}
	snprintf(modules, sizeof(modules), "/lib/modules/%s", r->release);
	put_word(f, "modules", r->share_modules ? modules : NULL);
	put_word(f, "exec", c->exec);
	put_word(f, "cwd", c->cwd);
	put_word(f, "term", c->term);
	put_number(f, "rows", c->rows);
	put_number(f, "columns", c->columns);
	fclose(f);
	cpio_file(to, "config", 0644, text, len);
	free(text);
	return 0;
}

static int find_modules(const struct rootfs_config *c, struct rootfs *r, struct modules *m,
			struct err *e)
{
	int rc;

	if (!modules_find(c, r))
		return 0;
	rc = modules_open(r->modules, m, e);
	for (unsigned i = 0; i < ARRAY_SIZE(needed) && !rc; i++)
		rc = modules_need(m, needed[i], e);
	return rc;
}

static int write_all(const struct rootfs_config *c, struct rootfs *r, const struct modules *m,
		     struct err *e)
{
	int fd = dup(r->fd), rc;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		return err_sys(e, "cannot write the initial RAM disk");
	cpio_dir(f, "dev");
	cpio_file(f, "init", 0755, rootfs_init, (size_t)(rootfs_init_end - rootfs_init));
	put_modules(f, m);
	rc = put_config(f, c, r, m);
	cpio_end(f);
	if (ferror(f))
		rc = -EIO;
	if (fclose(f) && !rc)
		rc = -EIO;
	return rc ? err_set(e, rc, "cannot write the initial RAM disk: %s", strerror(-rc)) : 0;
}

int rootfs_make(const struct rootfs_config *c, struct rootfs *ret, struct err *e)
{
	struct modules m = { 0 };
	int rc;

	*ret = (struct rootfs){ .fd = memfd_create("initrd", MFD_CLOEXEC) };
	if (ret->fd < 0)
		return err_sys(e, "cannot make the initial RAM disk");
	snprintf(ret->initrd, sizeof(ret->initrd), "/proc/self/fd/%d", ret->fd);
	release_of(c->kernel, ret->release, sizeof(ret->release));
	rc = find_modules(c, ret, &m, e);
	if (!rc)
		rc = write_all(c, ret, &m, e);
	modules_close(&m);
	return rc;
}

void rootfs_close(struct rootfs *r)
{
	if (r->fd > 0)
		close(r->fd);
	r->fd = -1;
}
