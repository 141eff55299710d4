/* boot_file.c - brings in the files a boot needs: regular ones, and pipes. */
#include "vm/boot_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX GIB(4)

/* Reads at most len bytes; fewer at the end of the file. */
static ssize_t read_some(int fd, void *buf, u64 len)
{
	u64 have = 0;

	while (have < len) {
		ssize_t n = read(fd, (u8 *)buf + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (u64)n;
	}
	return (ssize_t)have;
}

/* Make f->data that large. */
static u8 *grow(struct boot_file *f, u64 room)
{
	u8 *p = realloc(f->data, room);

	if (p)
		f->data = p;
	return p;
}

/* All bytes of something whose length nobody knows. A file is not mapped: a writer that makes it
 * shorter would end us with a SIGBUS. */
static int slurp(struct boot_file *f, u64 guess, struct err *e)
{
	u64 room = guess + 1; /* one more, so that a regular file takes one turn */
	ssize_t n;

	do {
		if (!grow(f, room))
			return err_set(e, -ENOMEM, "out of memory for '%s'", f->path);
		n = read_some(f->fd, f->data + f->len, room - f->len);
		if (n < 0)
			return err_sys(e, "cannot read '%s'", f->path);
		f->len += (u64)n;
		if (f->len > FILE_MAX)
			return err_set(e, -EFBIG, "'%s' is larger than 4 GiB", f->path);
		if (f->len < room)
			return 0;
		room *= 2;
	} while (1);
}

static int file_fill(struct boot_file *f, bool whole, struct err *e)
{
	struct stat st;
	int rc = 0;

	f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		return err_sys(e, "cannot open '%s'", f->path);
	if (fstat(f->fd, &st) < 0)
		return err_sys(e, "cannot stat '%s'", f->path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "'%s' is a directory", f->path);
	if (S_ISBLK(st.st_mode))
		return err_set(e, -ENOTSUP, "'%s' is a block device, not a file", f->path);
	if (S_ISREG(st.st_mode) && (u64)st.st_size > FILE_MAX)
		return err_set(e, -EFBIG, "'%s' is larger than 4 GiB", f->path);
	if (whole || !S_ISREG(st.st_mode))
		rc = slurp(f, S_ISREG(st.st_mode) ? (u64)st.st_size : KIB(64), e);
	else
		f->len = (u64)st.st_size;
	if (!rc && !f->len)
		return err_set(e, -ENODATA, "'%s' is empty", f->path);
	return rc;
}

int boot_file_open(const char *path, bool whole, struct boot_file *ret, struct err *e)
{
	struct boot_file f = { .path = path, .fd = -1 };
	int rc = file_fill(&f, whole, e);

	if (rc) {
		boot_file_close(&f);
		return rc;
	}
	if (f.data) {
		close(f.fd);
		f.fd = -1;
	}
	*ret = f;
	return 0;
}

void boot_file_close(struct boot_file *f)
{
	free(f->data);
	f->data = NULL;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int boot_file_copy(const struct boot_file *f, void *buf, struct err *e)
{
	ssize_t n;

	if (f->data) {
		memcpy(buf, f->data, f->len);
		return 0;
	}
	if (lseek(f->fd, 0, SEEK_SET) < 0)
		return err_sys(e, "cannot read '%s'", f->path);
	n = read_some(f->fd, buf, f->len);
	if (n < 0)
		return err_sys(e, "cannot read '%s'", f->path);
	if ((u64)n != f->len)
		return err_set(e, -EIO, "'%s' became shorter while it was read", f->path);
	return 0;
}
