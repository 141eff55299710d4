/* stream.h - frames over a stream socket: each is its length, 4 bytes big-endian, and its bytes. */
#ifndef PANDOK_NET_STREAM_H
#define PANDOK_NET_STREAM_H

#include <sys/uio.h>

#include "base/types.h"
#include "net/net.h"

#define STREAM_OUT (1 << 20) /* bytes that wait for the other end; frames on top are dropped */
#define STREAM_IN (1 << 18)

struct stream {
	int fd; /* non-blocking; owned */
	size_t in_len, out_at, out_len;
	u8 in[STREAM_IN], out[STREAM_OUT];
};

struct stream *stream_new(int fd); /* NULL: no memory, and fd is closed */
void stream_free(struct stream *s);

/* stream_put - a frame for the other end; it goes out with stream_write(). */
void stream_put(struct stream *s, const struct iovec *iov, unsigned niov);

/* stream_write - write what the socket takes. false: the other end is gone. */
bool stream_write(struct stream *s);

typedef void stream_frame(void *ctx, struct stream *from, const u8 *frame, size_t len);

/* stream_read - hand on the frames there are, at most STREAM_IN bytes of them. false: the other end
 * is gone, or does not speak this language. */
bool stream_read(struct stream *s, stream_frame *frame, void *ctx);

#endif
