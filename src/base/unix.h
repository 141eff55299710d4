/* unix.h - unix sockets at a path: listening so that no other user gets in, and connecting. */
#ifndef PANDOK_BASE_UNIX_H
#define PANDOK_BASE_UNIX_H

#include "base/err.h"
#include "base/types.h"

/*
 * unix_connect - a stream socket, close-on-exec and non-blocking, connected to path.
 * Returns the file or a negative errno, without a sentence: -ENOENT and -ECONNREFUSED mean that
 * nobody is there.
 */
MUST_CHECK int unix_connect(const char *path);

/*
 * unix_listen - listen at path for this user's processes alone. What is left over of a process
 * that is gone is replaced.
 * Returns the file, close-on-exec and non-blocking; -EADDRINUSE when somebody listens there, or
 * another negative errno, with a sentence. Whoever closes it unlinks path first.
 */
MUST_CHECK int unix_listen(const char *path, struct err *e);

/* unix_tidy - remove the socket at path if nobody listens there any more. */
void unix_tidy(const char *path);

#endif
