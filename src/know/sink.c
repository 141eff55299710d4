/* sink.c - writes a file from its start to its end; remembers the first failure. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "know/core.h"

static void flush(struct sink *s)
{
	size_t done = 0;

	while (done < s->used && !s->rc) {
		ssize_t n = pwrite(s->fd, s->buf + done, s->used - done, (off_t)(s->at + done));

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			s->rc = -errno;
		else if (!n)
			s->rc = -ENOSPC;
	}
	s->at += s->used;
	s->used = 0;
}

void sink_put(struct sink *s, const void *data, size_t len)
{
	const u8 *p = data;

	while (len) {
		size_t here = sizeof(s->buf) - s->used;

		if (here > len)
			here = len;
		memcpy(s->buf + s->used, p, here);
		s->used += here;
		p += here;
		len -= here;
		if (s->used == sizeof(s->buf))
			flush(s);
	}
}

void sink_zero(struct sink *s, u64 len)
{
	flush(s);
	s->at += len;
}

int sink_flush(struct sink *s)
{
	flush(s);
	return s->rc;
}

int sink_end(struct sink *s)
{
	flush(s);
	/* Trailing holes count, too; a disk that is full says so at the latest here. */
	if (!s->rc && (ftruncate(s->fd, (off_t)s->at) < 0 || fsync(s->fd) < 0))
		s->rc = -errno;
	return s->rc;
}
