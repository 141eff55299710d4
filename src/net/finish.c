/* finish.c - checksums and segments that a guest left to its card, done in software.
 * Everything in a frame and in its meta is the guest's and may be nonsense. */
#include <errno.h>
#include <string.h>

#include "net/int.h"

#define ETH_LEN 14
#define VLAN_LEN 4
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define TCP_CHECKSUM 16 /* place of the checksum in a TCP header. RFC 9293 3.1 */
#define TCP_FLAGS 13
#define TCP_FIN_PSH 0x09
#define TCP_CWR 0x80
#define SEGMENT_MIN 32  /* bytes of data; no guest's TCP goes as low */

static u16 get16(const u8 *p) { return (u16)(p[0] << 8 | p[1]); }
static u32 get32(const u8 *p) { return (u32)get16(p) << 16 | get16(p + 2); }

static void put16(u8 *p, unsigned val)
{
	p[0] = (u8)(val >> 8);
	p[1] = (u8)val;
}

static void put32(u8 *p, u32 val)
{
	put16(p, val >> 16);
	put16(p + 2, val & 0xffff);
}

/* The sum of RFC 1071, not folded; words are taken as they lie in memory. p + len: one odd byte may
 * only be at the very end. */
static u64 sum(const u8 *p, size_t len, u64 acc)
{
	for (; len >= 4; p += 4, len -= 4) {
		u32 word;

		memcpy(&word, p, 4);
		acc += word;
	}
	if (len >= 2) {
		u16 word;

		memcpy(&word, p, 2);
		acc += word;
		p += 2;
	}
	return len & 1 ? acc + *p : acc;
}

/* What goes into the checksum field, in memory order. */
static u16 fold(u64 acc)
{
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffff) + (acc >> 16);
	acc = (acc & 0xffff) + (acc >> 16);
	return (u16)~acc;
}

static void put_sum(u8 *p, u64 acc)
{
	u16 val = fold(acc);

	val = val ? val : 0xffff; /* zero would say "no checksum" in UDP. RFC 768 */
	memcpy(p, &val, 2);
}

/* The field holds the sum of the pseudo header already. virtio 1.2 5.1.6.2. */
static int finish_checksum(const net_meta *m, u8 *frame, size_t len)
{
	size_t start = m->csum_start, field = start + m->csum_offset;

	if (start < ETH_LEN || field + 2 > len)
		return -EINVAL;
	put_sum(frame + field, sum(frame + start, len - start, 0));
	return 0;
}

/* Where the headers of a TCP frame are. */
struct headers {
	u8 *ip, *tcp;
	size_t ip_at, tcp_at, data_at;
	bool v6;
};

static int parse(const net_meta *m, u8 *frame, size_t len, struct headers *h)
{
	unsigned type;

	h->ip_at = ETH_LEN;
	h->tcp_at = m->csum_start;
	if (len < ETH_LEN + VLAN_LEN)
		return -EINVAL;
	type = get16(frame + 12);
	if (type == ETHERTYPE_VLAN) {
		type = get16(frame + 16);
		h->ip_at += VLAN_LEN;
	}
	h->v6 = type == ETHERTYPE_IPV6;
	if ((!h->v6 && type != ETHERTYPE_IPV4) || h->tcp_at < h->ip_at + (h->v6 ? 40 : 20) ||
	    h->tcp_at + 20 > len || h->tcp_at > FINISH_HEADER_MAX - 60)
		return -EINVAL;
	h->ip = frame + h->ip_at;
	h->tcp = frame + h->tcp_at;
	h->data_at = h->tcp_at + (h->tcp[12] >> 4) * 4u;
	if (h->data_at < h->tcp_at + 20 || h->data_at > len)
		return -EINVAL;
	return 0;
}

static u64 pseudo_sum(const struct headers *h, size_t tcp_len)
{
	u8 rest[4] = { 0, 6 /* TCP */, (u8)(tcp_len >> 8), (u8)tcp_len };
	u64 addresses = h->v6 ? sum(h->ip + 8, 32, 0) : sum(h->ip + 12, 8, 0);

	return sum(rest, 4, addresses);
}

/* Make the headers those of segment number i with n bytes of data at the given offset. */
static void fix_headers(const struct headers *h, unsigned i, u32 seq, u8 flags, const u8 *data, size_t n)
{
	size_t ip_len = h->data_at - h->ip_at + n, tcp_len = h->data_at - h->tcp_at + n;

	if (h->v6) {
		put16(h->ip + 4, (unsigned)(ip_len - 40));
	} else {
		put16(h->ip + 2, (unsigned)ip_len);
		put16(h->ip + 4, i);
		put16(h->ip + 10, 0);
		put_sum(h->ip + 10, sum(h->ip, h->tcp_at - h->ip_at, 0));
	}
	put32(h->tcp + 4, seq);
	h->tcp[TCP_FLAGS] = flags;
	put16(h->tcp + TCP_CHECKSUM, 0);
	put_sum(h->tcp + TCP_CHECKSUM, sum(data, n, sum(h->tcp, h->data_at - h->tcp_at,
							pseudo_sum(h, tcp_len))));
}

/* As a card does it: headers are copied, numbers go up, FIN and PSH belong to the last segment and
 * CWR to the first. RFC 3168 6.1.2. */
static int finish_segments(const net_meta *m, u8 *frame, size_t len, finish_put *put, void *ctx)
{
	struct headers h;
	size_t size = m->gso_size;
	u32 seq;
	u16 id;
	u8 flags;

	if (parse(m, frame, len, &h) || m->csum_offset != TCP_CHECKSUM || size < SEGMENT_MIN)
		return -EINVAL;
	seq = get32(h.tcp + 4);
	flags = h.tcp[TCP_FLAGS];
	id = get16(h.ip + 4);
	for (size_t at = h.data_at, i = 0; at < len || !i; at += size, i++) {
		size_t n = len - at < size ? len - at : size;
		u8 drop = (u8)((at + n < len ? TCP_FIN_PSH : 0) | (i ? TCP_CWR : 0));
		struct iovec piece[2] = { { frame, h.data_at }, { frame + at, n } };

		fix_headers(&h, (u16)(id + i), seq, flags & (u8)~drop, frame + at, n);
		put(ctx, piece, n ? 2 : 1);
		seq += (u32)n;
	}
	return 0;
}

static unsigned segment_bit(const net_meta *m)
{
	switch (m->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return NET_TSO4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return NET_TSO6;
	}
	return 0;
}

/*D:2000 What a guest leaves to its card
 * A guest sends 64 KiB of TCP data as one frame and leaves the checksum blank, because real cards
 * cut such a frame up and fill the sums in. A TAP interface takes the frame as it is; the user
 * network takes the size but wants the sum; a socket between guests wants plain frames. finish()
 * does what is missing, with nothing but the frame's own bytes to go by, so it believes no length
 * in it.
 * @test segments_join_to_what_was_sent
 */
int finish(const net_meta *m, u8 *frame, size_t len, unsigned takes, finish_put *put, void *ctx)
{
	struct iovec whole = { frame, len };
	unsigned segments = segment_bit(m);
	bool checksum = m->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	int rc = 0;

	if (m->gso_type != VIRTIO_NET_HDR_GSO_NONE && (!segments || !checksum))
		return -EINVAL;
	if (segments & ~takes)
		return finish_segments(m, frame, len, put, ctx);
	if (checksum && !(takes & NET_CSUM))
		rc = finish_checksum(m, frame, len);
	if (!rc)
		put(ctx, &whole, 1);
	return rc;
}
