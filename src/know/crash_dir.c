/* crash_dir.c - keeps dumps in a folder: each gets a number, and its name only when it is whole. */
#define _GNU_SOURCE
#include "know/crash_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART ".part" /* ends the name of what is being written */

static const char *const kinds[] = { "textdump.tar", "vmcore", "info" };

int crash_path(const struct crash_config *c, char *ret, size_t len, struct err *e)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (c->dir)
		n = snprintf(ret, len, "%s", c->dir);
	else if (state && *state == '/')
		n = snprintf(ret, len, "%s/pandok/crash", state);
	else if (home && *home == '/')
		n = snprintf(ret, len, "%s/.local/state/pandok/crash", home);
	else
		return err_set(e, -EINVAL, "neither XDG_STATE_HOME nor HOME says where to keep dumps; "
			       "give --crash-dir");
	if (n < 0 || (size_t)n >= len)
		return err_set(e, -ENAMETOOLONG, "the crash folder's name is too long");
	return 0;
}

static int make_folders(const char *path, struct err *e)
{
	char part[512];

	for (const char *s = path; *s;) {
		s += strspn(s, "/");
		s += strcspn(s, "/");
		snprintf(part, sizeof(part), "%.*s", (int)(s - path), path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_sys(e, "cannot make the folder '%s'", part);
	}
	return 0;
}

/* The number in a dump's name; false: it is not a dump's. */
bool crash_name(const char *name, u64 *number)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i]);
		char *end;

		if (strncmp(name, kinds[i], n) || name[n] != '.' || name[n + 1] < '0' || name[n + 1] > '9')
			continue;
		*number = strtoull(name + n + 1, &end, 10);
		return !*end;
	}
	return false;
}

/* Calls on each dump's number; several files may have the same. */
static void each_number(int dir, void (*fn)(void *ctx, u64 number), void *ctx)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	u64 number;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(d)))
		if (crash_name(de->d_name, &number))
			fn(ctx, number);
	closedir(d);
}

static void take_next(void *ctx, u64 number)
{
	u64 *next = ctx;

	if (number >= *next)
		*next = number + 1;
}

/* bounds holds the next number, but what is there counts more. */
static u64 next_number(const struct crash *c)
{
	char text[32] = "";
	u64 next;

	if (pread(c->bounds, text, sizeof(text) - 1, 0) < 0)
		text[0] = 0;
	next = strtoull(text, NULL, 10);
	each_number(c->dir, take_next, &next);
	return next;
}

/* What a killed process has left. */
static void remove_parts(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		size_t n = strlen(de->d_name);

		if (n > strlen(PART) && !strcmp(de->d_name + n - strlen(PART), PART))
			unlinkat(dir, de->d_name, 0);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

static void close_all(struct crash *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->bounds >= 0)
		close(c->bounds);
	if (c->dir >= 0)
		close(c->dir);
	c->fd = c->bounds = c->dir = -1;
}

static void part_name(const struct crash *c, const char *kind, char *ret, size_t len)
{
	snprintf(ret, len, "%s.%" PRIu64 PART, kind, c->number);
}

void crash_abandon(struct crash *c)
{
	char name[128];

	part_name(c, c->kind, name, sizeof(name));
	unlinkat(c->dir, name, 0);
	part_name(c, "info", name, sizeof(name));
	unlinkat(c->dir, name, 0);
	close_all(c);
}

static int open_folder(struct crash *c, struct err *e)
{
	c->dir = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return err_sys(e, "cannot open '%s'", c->path);
	c->bounds = openat(c->dir, "bounds", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (c->bounds < 0 || flock(c->bounds, LOCK_EX) < 0)
		return err_sys(e, "cannot open '%s/bounds'", c->path);
	return 0;
}

int crash_begin(const struct crash_config *cfg, const char *kind, struct crash *ret, struct err *e)
{
	struct crash c = { .dir = -1, .bounds = -1, .fd = -1, .keep = cfg->keep };
	char name[128];
	int rc = crash_path(cfg, c.path, sizeof(c.path), e);

	if (!rc)
		rc = make_folders(c.path, e);
	if (!rc)
		rc = open_folder(&c, e);
	if (rc) {
		close_all(&c);
		return rc;
	}
	remove_parts(c.dir);
	c.number = next_number(&c);
	snprintf(c.kind, sizeof(c.kind), "%s", kind);
	part_name(&c, kind, name, sizeof(name));
	c.fd = openat(c.dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (c.fd < 0) {
		rc = err_sys(e, "cannot make '%s/%s'", c.path, name);
		close_all(&c);
		return rc;
	}
	*ret = c;
	return 0;
}

static int write_info(struct crash *c, const char *text, struct err *e)
{
	size_t len = strlen(text);
	char name[128];
	ssize_t n;
	int fd, rc = 0;

	part_name(c, "info", name, sizeof(name));
	fd = openat(c->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "cannot make '%s/%s'", c->path, name);
	n = write(fd, text, len);
	if (n >= 0 && (size_t)n < len) {
		errno = ENOSPC;
		n = -1;
	}
	if (n < 0 || fsync(fd) < 0)
		rc = err_sys(e, "cannot write '%s/%s'", c->path, name);
	close(fd);
	return rc;
}

static int give_name(struct crash *c, const char *kind, struct err *e)
{
	char part[128], name[128];

	part_name(c, kind, part, sizeof(part));
	snprintf(name, sizeof(name), "%s.%" PRIu64, kind, c->number);
	if (renameat(c->dir, part, c->dir, name) < 0)
		return err_sys(e, "cannot name '%s/%s'", c->path, name);
	return 0;
}

static void take_oldest(void *ctx, u64 number)
{
	u64 *oldest = ctx;

	if (number < *oldest)
		*oldest = number;
}

static void remove_number(int dir, u64 number)
{
	char name[128];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(name, sizeof(name), "%s.%" PRIu64, kinds[i], number);
		unlinkat(dir, name, 0);
	}
}

/* Numbers only grow, so what is more than keep behind the newest is too old. */
static void remove_old(struct crash *c)
{
	for (unsigned i = 0; c->keep && i < 1000; i++) {
		u64 oldest = UINT64_MAX;

		each_number(c->dir, take_oldest, &oldest);
		if (oldest == UINT64_MAX || oldest + c->keep > c->number)
			return;
		remove_number(c->dir, oldest);
	}
}

static void write_bounds(struct crash *c)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", c->number + 1);

	/* Only a hint: on a full disk the names of what is there say the same. */
	if (pwrite(c->bounds, text, (size_t)n, 0) == n && ftruncate(c->bounds, n) < 0)
		return;
}

/*A:900 A dump is whole or it is not there
 * A disk is often full when things go wrong. So a dump is written under a name that nobody takes
 * for one, forced to the disk, and renamed only then; whatever fails before, the name is removed
 * and one sentence says why. A lock on the file `bounds` keeps two machines that die together from
 * taking the same number.
 */
int crash_commit(struct crash *c, const char *info, char **ret, struct err *e)
{
	int rc = fsync(c->fd) < 0 ? err_sys(e, "cannot write '%s'", c->path) : 0;

	if (!rc)
		rc = write_info(c, info, e);

	if (!rc)
		rc = give_name(c, c->kind, e);
	if (!rc)
		rc = give_name(c, "info", e);
	if (rc) {
		crash_abandon(c);
		return rc;
	}
	write_bounds(c);
	remove_old(c);
	if (asprintf(ret, "%s/%s.%" PRIu64, c->path, c->kind, c->number) < 0)
		*ret = NULL;
	close_all(c);
	return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}
