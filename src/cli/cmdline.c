/* cmdline.c - decides whether a kernel wants to be told about the console. */
#define _GNU_SOURCE
#include "cli/cmdline.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool cmdline_has(const char *line, const char *prefix)
{
	size_t len = strlen(prefix);

	for (const char *p = line; *p;) {
		if (!strncmp(p, prefix, len))
			return true;
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	return false;
}

/* Linux Documentation/arch/x86/boot.rst: "HdrS" at 0x202. Every Linux prints its banner. */
static bool looks_linux(const u8 *p, size_t len)
{
	static const char banner[] = "Linux version ";

	if (len > 0x206 && !memcmp(p + 0x202, "HdrS", 4))
		return true;
	if (len < 4 || memcmp(p, "\177ELF", 4))
		return false;
	return memmem(p, len, banner, sizeof(banner) - 1);
}

bool cmdline_is_linux(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool is = false;
	struct stat st;
	void *p;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED) {
			is = looks_linux(p, (size_t)st.st_size);
			munmap(p, (size_t)st.st_size);
		}
	}
	close(fd);
	return is;
}
