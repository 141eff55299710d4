/* fuzz_fuse.c - a hostile guest at a shared directory: any request, with ids that exist or not. */
/* @links src/base src/fs */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/fs.h"

#include "input.h"

#define REQUESTS_MAX 100
#define IDS 8

static char dir[] = "/tmp/pandok-fuzz.XXXXXX", inside[64];
static u64 node[IDS], handle[IDS];
static struct fs_file file[] = { { "in", -1 }, { "out", -1 } };

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	return f->level ? remove(path) : 0;
}

static void leave(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(dir);
}

/* Outside of what is shared lies one file that must stay as it is. */
static void once(void)
{
	struct rlimit small = { 1 << 20, 1 << 20 };
	FILE *f;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	if (!mkdtemp(dir) || chdir(dir) || !(f = fopen("outside", "w")))
		abort();
	fclose(f);
	file[0].fd = open("/dev/zero", O_RDONLY);
	file[1].fd = open("/dev/null", O_WRONLY);
	snprintf(inside, sizeof(inside), "%s/in", dir);
	atexit(leave);
}

static void check_outside(void)
{
	struct stat st;

	if (stat("outside", &st) || st.st_size || st.st_nlink != 1)
		abort();
}

/* Where a handle or a second inode stands in the fixed part, the input may ask for a known one. */
static void use_known(u32 opcode, u8 *arg, u8 how)
{
	bool is_node = opcode == FUSE_RENAME || opcode == FUSE_RENAME2 || opcode == FUSE_LINK;

	if (how & 0x10)
		memcpy(arg, is_node ? &node[how % IDS] : &handle[how % IDS], 8);
	if (opcode == FUSE_SETATTR && how & 0x20)
		memcpy(arg + 8, &handle[how % IDS], 8);
	if (opcode == FUSE_COPY_FILE_RANGE && how & 0x20)
		memcpy(arg + 24, &handle[how % IDS], 8);
}

static void learn(u32 opcode, const u8 *out, size_t len, u8 where)
{
	bool entry = opcode == FUSE_LOOKUP || opcode == FUSE_MKDIR || opcode == FUSE_MKNOD ||
		     opcode == FUSE_SYMLINK || opcode == FUSE_LINK || opcode == FUSE_CREATE;
	size_t at = 16 + (opcode == FUSE_CREATE ? sizeof(struct fuse_entry_out) : 0);
	i32 error;

	memcpy(&error, out + 4, 4);
	if (error)
		return;
	if (entry && len >= 24)
		memcpy(&node[where % IDS], out + 16, 8);
	if ((opcode == FUSE_OPEN || opcode == FUSE_OPENDIR || opcode == FUSE_CREATE) && len >= at + 8)
		memcpy(&handle[where % IDS], out + at, 8);
}

static void ask(struct fs *fs)
{
	static u8 msg[sizeof(struct fuse_in_header) + 1024], out[4096];
	struct fuse_in_header h = { .opcode = (u32)next(1) % 64, .unique = next(1) };
	u8 how = (u8)next(1), who = (u8)next(1), split = (u8)next(1);
	size_t len = sizeof(h) + next(2) % 1024, room = how & 0x80 ? next(1) : sizeof(out), n;
	struct iovec v[2], to[2];

	for (size_t i = sizeof(h); i < len; i += 8) {
		u64 part = next(8);

		memcpy(msg + i, &part, len - i < 8 ? len - i : 8);
	}
	h.nodeid = who & 0x80 ? next(8) : node[who % IDS];
	h.len = how & 0x40 ? (u32)next(4) : (u32)len;
	use_known(h.opcode, msg + sizeof(h), how);
	memcpy(msg, &h, sizeof(h));
	n = split < len ? split : len;
	v[0] = (struct iovec){ msg, n };
	v[1] = (struct iovec){ msg + n, len - n };
	n = split < room ? split : room;
	to[0] = (struct iovec){ out, n };
	to[1] = (struct iovec){ out + n, room - n };
	memset(out, 0xff, sizeof(out));
	n = fs_request(fs, v, 2, to, 2);
	if (n > room)
		abort();
	if (n >= 16)
		learn(h.opcode, out, n, who);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	struct fs *fs;
	struct err e;

	if (!inside[0])
		once();
	if (mkdir(inside, 0755) || symlink("../outside", "in/link") || mkdir("in/sub", 0755))
		abort();
	if (len && (data[0] & 8 ? fs_open_files(file, 2, &fs, &e) : fs_open(inside, data[0] & 7, 64, &fs, &e)))
		abort();
	if (len) {
		in = data + 1;
		left = len - 1;
		fs_cancel(fs); /* nobody else would unlock */
		for (unsigned i = 0; i < IDS; i++)
			node[i] = FUSE_ROOT_ID;
		for (unsigned i = 0; left && i < REQUESTS_MAX; i++)
			ask(fs);
		fs_close(fs);
	}
	check_outside();
	nftw(inside, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (rmdir(inside))
		abort();
	return 0;
}
