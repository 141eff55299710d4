/* fs.h - front of this folder: a host directory, served in the FUSE protocol. Knows no device. */
#ifndef PANDOK_FS_FS_H
#define PANDOK_FS_FS_H

#include <sys/uio.h>

#include "base/err.h"
#include "base/types.h"

struct fs;

enum {
	FS_READONLY = 1 << 0,
	FS_STILL = 1 << 1, /* nobody changes the directory meanwhile: the guest may cache all it saw */
	FS_LOCKS = 1 << 2, /* others change files at the same time: locks are the host's, so that they
			    * hold between guests too, and no attribute is taken to be known */
};

/*
 * fs_open - share dir.
 *   max_fds  file descriptors it may use, at least 64; guests that know more files than that only
 *            become slower
 * Who is who: the user that runs us and the guest's root are the same. What that user owns is shown
 * as root's, and what the guest makes belongs to that user; other owners are shown as they are. All
 * is done with the rights of that user, so an access that the host refuses is refused. Only when we
 * are root do files get the guest's other users as owners, too.
 * What lies in other file systems below dir is there, but for the kernel's own (proc, sysfs …).
 * -errno with a sentence when dir cannot be shared.
 */
MUST_CHECK int fs_open(const char *dir, unsigned flags, unsigned max_fds, struct fs **ret,
		       struct err *e);

struct fs_file {
	const char *name;
	int fd; /* not closed by us */
};

/*
 * fs_open_files - share files that are open already: a read or write of the guest's is one of the
 * descriptor's, wherever it stands, and waits until it can be done. This is how programs on both
 * sides talk.
 *   file   must live as long as the share
 */
MUST_CHECK int fs_open_files(const struct fs_file *file, unsigned n, struct fs **ret,
			     struct err *e);

void fs_close(struct fs *fs); /* no request may be under way; NULL is fine */

/* fs_cancel - requests that wait come back now, and none waits until fs_reset(). Any thread. */
void fs_cancel(struct fs *fs);

/* fs_reset - as if nothing had been asked yet: files are closed. Any thread. */
void fs_reset(struct fs *fs);

/*
 * fs_request - do one request of linux/fuse.h.
 *   in   what the guest wrote: struct fuse_in_header and what belongs to it. The guest may change
 *        it meanwhile.
 *   out  where struct fuse_out_header and the reply go, without gaps
 * Returns how many bytes of out were written; 0 when this request gets no reply.
 * Threads: any; one that asks for a lock may wait for long.
 */
MUST_CHECK size_t fs_request(struct fs *fs, const struct iovec *in, unsigned nin,
			     const struct iovec *out, unsigned nout);

#endif
