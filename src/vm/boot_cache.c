/* boot_cache.c - keeps unpacked kernels on disk; when anything is wrong it just has none. */
#include "vm/boot_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"

#define MAGIC 0x314b4e5550444e50ull /* "PNDPUNK1" */
#define SUFFIX ".vmlinux"
#define KEEP 8 /* the newest so many stay */
#define LEFTOVER_SECONDS 3600
#define NAME_LEN 64

/*B:900 A cache that cannot hurt
 * The unpacked kernel is kept in the user's cache folder, under a name made of the hash of the
 * packed one. That hash is fast, not cryptographic, so the file also holds the packed bytes, and
 * they are compared: no kernel can be made to be taken for another. Length and checksum of the
 * unpacked bytes are compared too. A file is written under another name and then renamed; if the
 * folder cannot be made, or the disk is full, the kernel is simply unpacked again next time.
 * @test cache_survives_corruption
 */
struct head {
	u64 magic, packed_len, len;
	u64 sum_lo, sum_hi; /* of the unpacked bytes */
	u64 pad[3];         /* packed bytes begin at 64; unpacked ones at the next page */
};

static u64 unpacked_at(u64 packed_len)
{
	return (sizeof(struct head) + packed_len + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
}

static struct head head_of(u64 packed_len, const u8 *data, u64 len)
{
	XXH128_hash_t sum = XXH3_128bits(data, len);

	return (struct head){ MAGIC, packed_len, len, sum.low64, sum.high64, { 0 } };
}

static void name_of(const u8 *packed, u64 packed_len, char name[NAME_LEN])
{
	XXH128_hash_t h = XXH3_128bits(packed, packed_len);

	snprintf(name, NAME_LEN, "%016llx%016llx" SUFFIX, (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
}

/* The cache folder, made when asked to; -1 when there is none. */
static int folder_open(bool make)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[4096];
	int n;

	if (base && base[0] == '/')
		n = snprintf(path, sizeof(path), "%s", base);
	else if (home && home[0] == '/')
		n = snprintf(path, sizeof(path), "%s/.cache", home);
	else
		return -1;
	if (n < 0 || (size_t)n + sizeof("/pandok") > sizeof(path))
		return -1;
	if (make)
		mkdir(path, 0700);
	memcpy(path + n, "/pandok", sizeof("/pandok"));
	if (make)
		mkdir(path, 0700);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The file's bytes, when it is ours alone and as long as it should be. */
static u8 *entry_map(int fd, u64 want)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022) || (u64)st.st_size != want)
		return NULL;
	map = mmap(NULL, want, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

bool boot_cache_get(const u8 *packed, u64 packed_len, u64 len, struct boot_payload *ret)
{
	u64 at = unpacked_at(packed_len);
	int dir = folder_open(false), fd;
	char name[NAME_LEN];
	struct head head;
	u8 *map;

	if (dir < 0)
		return false;
	name_of(packed, packed_len, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	map = fd < 0 ? NULL : entry_map(fd, at + len);
	if (map) {
		head = head_of(packed_len, map + at, len);
		if (memcmp(map, &head, sizeof(head)) ||
		    memcmp(map + sizeof(head), packed, packed_len)) {
			LOG(boot, WARN, "the cached kernel %s is damaged; unpacking again", name);
			munmap(map, at + len);
			map = NULL;
		} else {
			*ret = (struct boot_payload){ map + at, len, map, at + len, true };
			utimensat(dir, name, NULL, 0); /* the newest stay longest */
		}
	}
	if (fd >= 0)
		close(fd);
	close(dir);
	return map;
}

static bool write_at(int fd, u64 at, const void *data, u64 len)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data = (const u8 *)data + n;
		at += (u64)n;
		len -= (u64)n;
	}
	return true;
}

static bool is_entry(const char *name)
{
	size_t n = strlen(name);

	return n > sizeof(SUFFIX) && !strcmp(name + n - (sizeof(SUFFIX) - 1), SUFFIX);
}

/* What a process left that died while it wrote. */
static bool is_leftover(const char *name, const struct stat *st)
{
	return strstr(name, SUFFIX ".") && st->st_mtime < time(NULL) - LEFTOVER_SECONDS;
}

/* Remove the oldest entry when there are more than KEEP, and leftovers. */
static void trim(int dir)
{
	char oldest[NAME_LEN] = "";
	time_t age = 0;
	unsigned n = 0;
	int fd = dup(dir);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	struct stat st;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	rewinddir(d);
	while ((de = readdir(d))) {
		if (fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (is_leftover(de->d_name, &st))
			unlinkat(dir, de->d_name, 0);
		if (!is_entry(de->d_name) || strlen(de->d_name) >= sizeof(oldest))
			continue;
		if (!n++ || st.st_mtime < age) {
			age = st.st_mtime;
			strcpy(oldest, de->d_name);
		}
	}
	closedir(d);
	if (n > KEEP)
		unlinkat(dir, oldest, 0);
}

void boot_cache_put(const u8 *packed, u64 packed_len, const struct boot_payload *p)
{
	struct head head = head_of(packed_len, p->data, p->len);
	char name[NAME_LEN], temporary[NAME_LEN + 16];
	int dir = folder_open(true), fd;
	bool ok;

	if (dir < 0)
		return;
	name_of(packed, packed_len, name);
	snprintf(temporary, sizeof(temporary), "%s.%d", name, (int)getpid());
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		ok = write_at(fd, 0, &head, sizeof(head)) &&
		     write_at(fd, sizeof(head), packed, packed_len) &&
		     write_at(fd, unpacked_at(packed_len), p->data, p->len);
		ok = !close(fd) && ok;
		if (!ok || renameat(dir, temporary, dir, name) < 0)
			unlinkat(dir, temporary, 0);
		trim(dir);
	}
	close(dir);
}
