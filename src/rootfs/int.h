/* int.h - the parts of an initial RAM disk: an archive, a kernel's release, its modules. */
#ifndef PANDOK_ROOTFS_INT_H
#define PANDOK_ROOTFS_INT_H

#include <stdio.h>

#include "rootfs/rootfs.h"

/* The init program, made from guest/init. */
extern const u8 rootfs_init[], rootfs_init_end[];

/* A cpio archive that is written; what fails shows in ferror(). */
void cpio_dir(FILE *f, const char *name);
void cpio_file(FILE *f, const char *name, unsigned mode, const void *data, size_t len);
void cpio_end(FILE *f);

/* release_of - the release of the kernel in this file, as uname -r says it; "" when it tells none. */
void release_of(const char *kernel, char *ret, size_t size);

/* A file that was read as a whole; data has a zero byte behind it. */
struct text {
	char *data;
	size_t len;
};
MUST_CHECK int text_read(const char *path, struct text *ret); /* -errno */

#define MODULES_MAX 64

/* Modules to load, in this order; paths below dir. */
struct modules {
	const char *dir;
	struct text dep, order, builtin; /* modules.dep and so on; data is NULL when missing */
	char *path[MODULES_MAX];
	unsigned n;
};

/* modules_find - look for the folder of a kernel's modules. false: there is none. */
bool modules_find(const struct rootfs_config *c, struct rootfs *r);

/* modules_open - dir has modules. Close in both cases. */
MUST_CHECK int modules_open(const char *dir, struct modules *ret, struct err *e);
/* modules_need - name and what it depends on; nothing when it is built in. */
MUST_CHECK int modules_need(struct modules *m, const char *name, struct err *e);
void modules_close(struct modules *m);

#endif
