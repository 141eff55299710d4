/* seed.c - a small CD that tells cloud-init what to do: the NoCloud data source. Source: cloud-init
 * documentation, reference/datasources/nocloud. */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/disk_int.h"

#define SEED_MAX MIB(16)
#define LABEL_AT (16 * 2048 + 40) /* volume identifier of the primary descriptor. ECMA-119 8.4 */

struct blob {
	char *data;
	size_t len;
};

static int blob_read(const char *path, struct blob *ret, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = err_sys(e, "cannot read '%s'", path);
	} else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)SEED_MAX) {
		rc = err_set(e, -EINVAL, "'%s' is no file of at most 16 MiB", path);
	} else {
		ret->data = malloc((size_t)st.st_size + 1);
		n = ret->data ? read(fd, ret->data, (size_t)st.st_size) : 0;
		if (!ret->data)
			rc = err_set(e, -ENOMEM, "out of memory");
		else if (n < 0)
			rc = err_sys(e, "cannot read '%s'", path);
		ret->len = n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* cloud-init runs once for each instance-id, so other data gets another one. FNV-1a. */
static int blob_default(const struct blob *user, struct blob *ret, struct err *e)
{
	u64 hash = 0xcbf29ce484222325ull;
	int n;

	for (size_t i = 0; i < user->len; i++)
		hash = (hash ^ (u8)user->data[i]) * 0x100000001b3ull;
	n = asprintf(&ret->data, "instance-id: pandok-%016llx\nlocal-hostname: pandok\n",
		     (unsigned long long)hash);
	if (n < 0) {
		ret->data = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	ret->len = (size_t)n;
	return 0;
}

static bool add(struct archive *a, const char *name, const struct blob *b)
{
	struct archive_entry *entry = archive_entry_new();
	bool done;

	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (la_int64_t)b->len);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0444);
	done = archive_write_header(a, entry) == ARCHIVE_OK &&
	       archive_write_data(a, b->data, b->len) == (la_ssize_t)b->len;
	archive_entry_free(entry);
	return done;
}

static int write_image(int fd, const struct blob *user, const struct blob *meta, struct err *e)
{
	struct archive *a = archive_write_new();
	int rc = 0;

	if (!a || archive_write_set_format_iso9660(a) != ARCHIVE_OK ||
	    archive_write_set_options(a, "volume-id=CIDATA,rockridge=useful,joliet") != ARCHIVE_OK ||
	    archive_write_open_fd(a, fd) != ARCHIVE_OK || !add(a, "user-data", user) ||
	    !add(a, "meta-data", meta) || archive_write_close(a) != ARCHIVE_OK)
		rc = err_set(e, -EIO, "cannot make the image: %s",
			     a ? archive_error_string(a) : "out of memory");
	archive_write_free(a);
	/* ECMA-119 has capitals only, and cloud-init's manual small letters. */
	if (!rc && pwrite(fd, "cidata", 6, LABEL_AT) != 6)
		rc = err_sys(e, "cannot write a file in memory");
	return rc;
}

static int open_image(const struct blob *user, const struct blob *meta, struct disk **ret, struct err *e)
{
	int fd = memfd_create("seed", MFD_CLOEXEC), rc;
	char path[32];

	if (fd < 0)
		return err_sys(e, "cannot make a file in memory");
	rc = write_image(fd, user, meta, e);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!rc)
		rc = disk_open(path, DISK_READONLY | DISK_RAW, ret, e);
	close(fd);
	return rc;
}

int disk_open_seed(const char *user_data, const char *meta_data, struct disk **ret, struct err *e)
{
	struct blob user = { 0 }, meta = { 0 };
	int rc = blob_read(user_data, &user, e);

	if (!rc)
		rc = meta_data ? blob_read(meta_data, &meta, e) : blob_default(&user, &meta, e);
	if (!rc)
		rc = open_image(&user, &meta, ret, e);
	free(user.data);
	free(meta.data);
	return rc;
}
