/* ctl_place.c - where the sockets of running machines are, and what names they may have. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ctl.h"

int ctl_name_check(const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n && n <= CTL_NAME_MAX && isalnum((u8)name[0]) &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n)
		return 0;
	return err_set(e, -EINVAL, "'%s' is no name for a machine: up to %d letters, digits, '.', '_' "
		       "and '-', a letter or digit first", name, CTL_NAME_MAX);
}

/* Is path a folder that no other user can do anything in? It is made if need be. */
static bool private_folder(const char *path)
{
	struct stat st;
	int fd;
	bool ok;

	mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = !fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 077);
	close(fd);
	return ok;
}

int ctl_folder(char ret[PATH_MAX], struct err *e)
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	/* Left over from another user by su, for instance, it is of no use. */
	if (run && *run == '/' && snprintf(ret, PATH_MAX, "%s/pandok", run) < PATH_MAX &&
	    private_folder(ret))
		return 0;
	snprintf(ret, PATH_MAX, "/tmp/pandok-%u", geteuid());
	if (private_folder(ret))
		return 0;
	return err_set(e, -EACCES, "'%s' is not a folder of this user alone: remove it, or set "
		       "XDG_RUNTIME_DIR", ret);
}

void ctl_path(const char *folder, const char *name, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%.*s/%.*s.sock", PATH_MAX - CTL_NAME_MAX - 8, folder, CTL_NAME_MAX, name);
}

int ctl_log_path(const char *name, char ret[PATH_MAX], struct err *e)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	bool xdg = state && *state == '/';
	int n = snprintf(ret, PATH_MAX, "%s%s/pandok/%s.log", xdg ? state : home ? home : "/nowhere",
			 xdg ? "" : "/.local/state", name);

	if (n >= PATH_MAX)
		return err_set(e, -ENAMETOOLONG, "the path of the state folder is too long");
	for (char *slash = strchr(ret + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(ret, 0700);
		*slash = '/';
	}
	return 0;
}
