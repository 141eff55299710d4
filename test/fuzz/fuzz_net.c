/* fuzz_net.c - frames from a hostile guest with their offloads, and a hostile other end of a socket. */
/* @links src/base src/net/finish.c src/net/stream.c */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/int.h"
#include "net/stream.h"

static volatile u8 sink;

static void touch(const u8 *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sink ^= p[i];
}

static void put(void *ctx, const struct iovec *iov, unsigned niov)
{
	size_t len = 0;

	for (unsigned i = 0; i < niov; i++) {
		touch(iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	if (len > *(size_t *)ctx)
		abort(); /* no segment is longer than the whole */
}

static void try_finish(const u8 *data, size_t len)
{
	net_meta m;
	u8 takes, *frame;

	if (len < sizeof(m) + 1)
		return;
	memcpy(&m, data, sizeof(m));
	takes = data[sizeof(m)];
	len -= sizeof(m) + 1;
	frame = malloc(len + 1); /* exactly as long as the frame, so that a step outside is seen */
	if (!frame)
		abort();
	memcpy(frame, data + sizeof(m) + 1, len);
	if (finish(&m, frame, len, takes & NET_ALL, put, &len))
		sink ^= 1;
	free(frame);
}

static void on_frame(void *ctx, struct stream *from, const u8 *frame, size_t len)
{
	(void)ctx;
	touch(frame, len);
	stream_put(from, &(struct iovec){ (void *)frame, len }, 1);
}

/* The bytes come in pieces of the size the first one says. */
static void try_stream(const u8 *data, size_t len)
{
	static struct stream s; /* making one takes long */
	size_t piece;
	int fd[2];

	if (!len || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd))
		return;
	s.fd = fd[0];
	s.in_len = s.out_len = s.out_at = 0;
	piece = 1 + data[0] * 4u;
	for (size_t at = 1; at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;

		if (write(fd[1], data + at, n) != (ssize_t)n || !stream_read(&s, on_frame, NULL))
			break;
	}
	sink ^= stream_write(&s);
	close(fd[0]);
	close(fd[1]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	if (!len)
		return 0;
	(data[0] & 1 ? try_stream : try_finish)(data + 1, len - 1);
	return 0;
}
