/* int.h - what the files of this folder share: inodes, open files, a request under way. */
#ifndef PANDOK_FS_INT_H
#define PANDOK_FS_INT_H

#include <linux/fuse.h>
#include <pthread.h>
#include <sys/stat.h>

#include "fs/fs.h"

#define FS_MAX_PAGES 256
#define FS_MAX_WRITE (FS_MAX_PAGES * GUEST_PAGE_SIZE)
#define FS_VALUE_MAX 65536 /* bytes of an extended attribute, and of a list of their names */

/* Things with an id that is never used again: a generation above, a place in the table below. */
struct slot {
	void *thing; /* NULL: free */
	u32 gen, next_free;
};
struct slots {
	struct slot *at;
	u32 n, first_free; /* place 0 is nobody's */
};

u64 slots_add(struct slots *s, void *thing); /* 0: no memory */
void *slots_find(const struct slots *s, u64 id); /* NULL: there is none */
void slots_drop(struct slots *s, u64 id);
void slots_fini(struct slots *s);

/* A file of the host that the guest knows. It is found again by where it was seen last when its
 * descriptor was needed for another. */
struct inode {
	u64 id;
	int fd; /* O_PATH; -1: closed meanwhile */
	mode_t mode; /* the type alone matters; it never changes */
	dev_t dev;
	ino_t ino;
	u64 shown; /* its number as the guest sees it: unique in spite of several file systems */
	u64 nlookup; /* references that the guest has */
	u32 pins, kids, handles; /* requests under way, inodes whose parent it is, open files */
	bool used;   /* since the last look for a descriptor to close */
	struct inode *parent, *next; /* next in the same chain of the hash table */
	char *name;
	struct lock_owner *locks;
};

struct handle {
	u64 id;
	int fd;
	bool dir, released;
	u32 pins;
	struct inode *inode;
	pthread_mutex_t lock; /* of a directory's position */
};

struct waiter; /* a request that waits for a lock, see lock.c */

struct fs {
	const struct op *ops;
	unsigned flags;
	const struct fs_file *file; /* files that were open before; a directory of the host's else */
	unsigned nfiles;
	int cancel; /* readable while cancelled; -1 for a directory */
	int proc; /* /proc/self/fd: how a file is opened anew, whatever became of its name */
	unsigned uid, gid; /* ours: the guest's root */
	pthread_mutex_t lock; /* of all below */
	struct slots inodes, handles;
	struct inode *root;
	struct inode **hash; /* by dev and ino */
	u32 nhash, ninodes;
	unsigned nfds, max_fds, hand;
	dev_t dev[256]; /* file systems seen; [0]: the root's */
	unsigned ndev;
	pthread_cond_t unlocked;
	u64 unlocks; /* counts what may have set a lock free */
	unsigned nwaiters;
	struct waiter *waiters;
	bool cancelled;
};

/* A request under way: the fixed part and the strings are copies that the guest cannot change. */
struct req {
	struct fs *fs;
	struct fuse_in_header h;
	union {
		u64 align;
		u8 bytes[128];
	} arg;
	struct inode *inode;  /* of h.nodeid, pinned; NULL for requests that are about none */
	const char *text[2];  /* strings behind the fixed part */
	const u8 *rest;       /* what is behind those */
	size_t nrest;
	const struct iovec *in, *out;
	unsigned nin, nout;
	size_t data, ndata;   /* where in `in` a WRITE's data is, bytes */
	size_t room;          /* bytes that a reply may have, without its header */
};
#define ARG(r, type) ((const type *)(const void *)(r)->arg.bytes)

/* Bytes scattered over iovecs, from byte `at` on; what does not fit is left out. */
size_t bytes_total(const struct iovec *v, unsigned n);
size_t bytes_get(const struct iovec *v, unsigned n, size_t at, void *buf, size_t len);
size_t bytes_put(const struct iovec *v, unsigned n, size_t at, const void *buf, size_t len);
/* bytes_cut - the part [at, at+len) as at most max iovecs; returns how many. */
unsigned bytes_cut(const struct iovec *v, unsigned n, size_t at, size_t len, struct iovec *ret,
		 unsigned max);

/* fs_reply - put bytes into the reply, `at` bytes behind its header; returns at + len, or -EINVAL
 * when the guest left no room. */
long fs_reply(struct req *r, size_t at, const void *buf, size_t len);

/* Inodes. A pinned one has its descriptor and stays until it is unpinned. */
MUST_CHECK int inode_root(struct fs *fs, int fd, struct err *e);
MUST_CHECK int inode_pin(struct fs *fs, u64 id, struct inode **ret);
void inode_unpin(struct fs *fs, struct inode *i);
/* inode_drop - nobody may need it any more; fs->lock is held. */
void inode_drop(struct fs *fs, struct inode *i);
/* inode_lookup - the guest gets a reference to name in dir. -errno. */
MUST_CHECK int inode_lookup(struct fs *fs, struct inode *dir, const char *name,
			    struct fuse_entry_out *ret);
/* inode_moved - name in dir is a file that may have been seen elsewhere before. */
void inode_moved(struct fs *fs, struct inode *dir, const char *name);
void inode_forget(struct fs *fs, u64 id, u64 nlookup);
void inode_forget_all(struct fs *fs);
/* inode_open - open a pinned inode anew; only files and directories, never a device. -errno. */
MUST_CHECK int inode_open(struct fs *fs, const struct inode *i, int flags);
/* inode_path - its name in fs->proc. */
const char *inode_path(const struct inode *i, char ret[16]);

/* fs_take_fd - about to open one: make room. -ENFILE. fs_drop_fd - one was closed. */
MUST_CHECK int fs_take_fd(struct fs *fs);
void fs_drop_fd(struct fs *fs);

void attr_fill(const struct fs *fs, const struct stat *st, u64 shown, struct fuse_attr *ret);
unsigned attr_valid(const struct fs *fs); /* seconds that the guest may believe attributes */
/* attr_kill - take set-user-id and set-group-id away, as a write by another user does. */
void attr_kill(const struct fs *fs, const struct inode *i);
/* attr_new - the guest just made inode id in r->inode: give it mode and, if we may, owner. */
void attr_new(struct req *r, u64 id, u32 mode, struct fuse_attr *ret);

/* Open files. */
MUST_CHECK int handle_add(struct fs *fs, struct inode *i, int fd, bool dir, u64 *ret);
MUST_CHECK int handle_pin(struct fs *fs, u64 id, bool dir, struct handle **ret);
void handle_unpin(struct fs *fs, struct handle *h);
void handle_release(struct fs *fs, u64 id, bool dir);
void handle_release_all(struct fs *fs);

/* lock_drop - the process `owner` of the guest closed the file: its POSIX locks are gone. */
void lock_drop(struct fs *fs, struct inode *i, u64 owner);
void lock_drop_all(struct fs *fs, struct inode *i);
void lock_woken(struct fs *fs); /* a lock may be free now */

/* One function for each request there is: bytes of reply behind its header, or -errno. */
typedef long op_fn(struct req *r);

enum {
	NODE = 1 << 0,    /* about the inode in its header, which has to be there */
	WRITES = 1 << 1,  /* changes the directory */
	NAME = 1 << 2,    /* its first string is a name in a directory */
	NAMES = 1 << 3,   /* so are both */
	QUIET = 1 << 4,   /* gets no reply */
	LOCKS = 1 << 5,   /* only when locks are the host's */
};

struct op {
	const char *name;
	op_fn *run;
	u16 fixed;  /* bytes that follow the header at least */
	u8 strings; /* how many follow those */
	u8 flags;
};

#define FUSE_OPS (FUSE_SYNCFS + 1)

extern const struct op fuse_dir_ops[FUSE_OPS], fuse_file_ops[FUSE_OPS];

op_fn fuse_init, fuse_destroy, fuse_lookup, fuse_forget, fuse_batch_forget, fuse_getattr,
	fuse_setattr, fuse_readlink, fuse_symlink, fuse_mknod, fuse_mkdir, fuse_unlink,
	fuse_rmdir, fuse_rename, fuse_rename2, fuse_link, fuse_create, fuse_open, fuse_read,
	fuse_write, fuse_flush, fuse_release, fuse_fsync, fuse_fsyncdir, fuse_lseek,
	fuse_fallocate, fuse_copy, fuse_opendir, fuse_readdir, fuse_readdirplus, fuse_releasedir,
	fuse_setxattr, fuse_getxattr, fuse_listxattr, fuse_removexattr, fuse_access, fuse_statfs,
	fuse_syncfs, fuse_getlk, fuse_setlk, fuse_interrupt;

#endif
