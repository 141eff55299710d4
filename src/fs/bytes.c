/* bytes.c - bytes scattered over a guest's buffers. */
#include <string.h>

#include "fs/int.h"

size_t bytes_total(const struct iovec *v, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += v[i].iov_len;
	return len;
}

unsigned bytes_cut(const struct iovec *v, unsigned n, size_t at, size_t len, struct iovec *ret,
		 unsigned max)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n && len && k < max; i++) {
		size_t part = v[i].iov_len;

		if (at >= part) {
			at -= part;
			continue;
		}
		part = part - at < len ? part - at : len;
		ret[k++] = (struct iovec){ (u8 *)v[i].iov_base + at, part };
		len -= part;
		at = 0;
	}
	return k;
}

/* Move bytes between buf and the iovecs, one piece at a time. */
static size_t copy(const struct iovec *v, unsigned n, size_t at, u8 *buf, size_t len, bool out)
{
	struct iovec part;
	size_t done = 0;

	while (done < len && bytes_cut(v, n, at + done, len - done, &part, 1)) {
		if (out)
			memcpy(part.iov_base, buf + done, part.iov_len);
		else
			memcpy(buf + done, part.iov_base, part.iov_len);
		done += part.iov_len;
	}
	return done;
}

size_t bytes_get(const struct iovec *v, unsigned n, size_t at, void *buf, size_t len)
{
	return copy(v, n, at, buf, len, false);
}

size_t bytes_put(const struct iovec *v, unsigned n, size_t at, const void *buf, size_t len)
{
	return copy(v, n, at, (u8 *)(uintptr_t)buf, len, true);
}
