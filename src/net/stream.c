/* stream.c - cuts a byte stream into frames. The other end may be anybody. */
#include "net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream *stream_new(int fd)
{
	struct stream *s = malloc(sizeof(*s));

	if (!s) {
		close(fd);
		return NULL;
	}
	s->fd = fd;
	s->in_len = s->out_at = s->out_len = 0;
	return s;
}

void stream_free(struct stream *s)
{
	if (s)
		close(s->fd);
	free(s);
}

static size_t length_of(const struct iovec *iov, unsigned niov)
{
	size_t len = 0;

	for (unsigned i = 0; i < niov; i++)
		len += iov[i].iov_len;
	return len;
}

void stream_put(struct stream *s, const struct iovec *iov, unsigned niov)
{
	size_t len = length_of(iov, niov);
	u32 word = htonl((u32)len);
	u8 *to;

	if (s->out_len + sizeof(word) + len > STREAM_OUT)
		return;
	if (s->out_at + s->out_len + sizeof(word) + len > STREAM_OUT) {
		memmove(s->out, s->out + s->out_at, s->out_len);
		s->out_at = 0;
	}
	to = s->out + s->out_at + s->out_len;
	memcpy(to, &word, sizeof(word));
	to += sizeof(word);
	for (unsigned i = 0; i < niov; to += iov[i++].iov_len)
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
	s->out_len += sizeof(word) + len;
}

bool stream_write(struct stream *s)
{
	while (s->out_len) {
		ssize_t n = send(s->fd, s->out + s->out_at, s->out_len, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		s->out_at += (size_t)n;
		s->out_len -= (size_t)n;
	}
	s->out_at = 0;
	return true;
}

/* Returns the bytes used, or -1 when a length is none a frame can have. */
static ssize_t take_frames(struct stream *s, stream_frame *frame, void *ctx)
{
	size_t at = 0;
	u32 word;

	for (; s->in_len - at >= sizeof(word); at += sizeof(word) + word) {
		memcpy(&word, s->in + at, sizeof(word));
		word = ntohl(word);
		if (!word || word > NET_FRAME_MAX)
			return -1;
		if (s->in_len - at - sizeof(word) < word)
			break;
		frame(ctx, s, s->in + at + sizeof(word), word);
	}
	return (ssize_t)at;
}

bool stream_read(struct stream *s, stream_frame *frame, void *ctx)
{
	ssize_t n = recv(s->fd, s->in + s->in_len, STREAM_IN - s->in_len, 0), used;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	s->in_len += (size_t)n;
	used = take_frames(s, frame, ctx);
	if (used < 0)
		return false;
	s->in_len -= (size_t)used;
	memmove(s->in, s->in + used, s->in_len);
	return true;
}
