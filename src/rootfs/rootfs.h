/* rootfs.h - front of this folder: what a Linux kernel needs to come up in a directory as its root. */
#ifndef PANDOK_ROOTFS_ROOTFS_H
#define PANDOK_ROOTFS_ROOTFS_H

#include <limits.h>

#include "base/err.h"
#include "base/types.h"

/* Tags of the shares that guest/init/init.c mounts. */
#define ROOTFS_TAG "pandok.root"       /* the tree, which is only read */
#define ROOTFS_TAG_MODULES "pandok.modules" /* rootfs.modules; only with rootfs.share_modules */
#define ROOTFS_TAG_IO "pandok.io"      /* files stdin, stdout, stderr, status */

struct rootfs_config {
	const char *dir;     /* the tree */
	const char *kernel;  /* path of a bzImage or vmlinux */
	const char *exec;    /* for the guest's /bin/sh; NULL: a shell on the console */
	const char *cwd;     /* in the tree; NULL: its top */
	const char *term;    /* name of the terminal behind the console; NULL: none */
	unsigned rows, columns; /* of that; 0: not known */
};

struct rootfs {
	int fd;
	char initrd[32];         /* path of the initial RAM disk, while fd is open */
	char release[128];       /* of the kernel; empty: not known */
	char modules[PATH_MAX];  /* the folder of its modules; empty: none was found */
	bool share_modules;      /* the tree does not have them */
};

/* rootfs_kernel - the newest kernel in dir/boot, or else in the host's. ret: malloc()ed. -ENOENT
 * with a sentence. */
MUST_CHECK int rootfs_kernel(const char *dir, char **ret, struct err *e);

/*
 * rootfs_make - an initial RAM disk with our init and those modules that it needs and the kernel
 * has not built in. Close in both cases.
 * Without modules to be found anywhere all is taken to be built in. -ENOENT when the modules are
 * there, and one of them is missing.
 */
MUST_CHECK int rootfs_make(const struct rootfs_config *c, struct rootfs *ret, struct err *e);
void rootfs_close(struct rootfs *r);

#endif
