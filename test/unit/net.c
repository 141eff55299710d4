/* net.c - networks: what the user may ask for, offloads done in software, frames on their way. */
/* @links src/base src/net */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/int.h"

#define PATIENCE_NS 20000000000u

/* ---- offloads ---- */

struct collected {
	unsigned n;
	size_t len[64];
	u8 data[64][4096];
};

static void collect(void *ctx, const struct iovec *iov, unsigned niov)
{
	struct collected *c = ctx;

	assert_true(c->n < ARRAY_SIZE(c->data));
	c->len[c->n] = net_gather(iov, niov, c->data[c->n], sizeof(c->data[0]));
	c->n++;
}

/* The sum that a receiver makes, 16 bits at a time, as RFC 1071 writes it. */
static u32 plain_sum(const u8 *p, size_t len, u32 acc)
{
	for (size_t i = 0; i < len; i++)
		acc += i & 1 ? p[i] : (u32)p[i] << 8;
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return acc;
}

/* Is the checksum of the TCP segment at tcp right? Addresses are 4 or 16 bytes each. */
static bool tcp_is_right(const u8 *addresses, size_t addresses_len, const u8 *tcp, size_t len)
{
	u32 acc = plain_sum(addresses, addresses_len, 6 + (u32)len);

	return plain_sum(tcp, len, acc) == 0xffff;
}

#define DATA 5000
#define MSS 1448

/* A TCP frame of DATA bytes with twelve bytes of options, its checksum left to the card. */
static size_t big_frame(u8 *f, bool v6, bool vlan, net_meta *m)
{
	size_t ip = vlan ? 18 : 14, tcp = ip + (v6 ? 40 : 20), data = tcp + 32, len = data + DATA;
	size_t tcp_len = len - tcp, ip_len = v6 ? tcp_len : len - ip;
	u8 *length = f + ip + (v6 ? 4 : 2);
	u32 pseudo;

	memset(f, 0, data);
	memcpy(f + 12, vlan ? "\x81\x00\x00\x07" : "", vlan ? 4 : 0);
	memcpy(f + ip - 2, v6 ? "\x86\xdd" : "\x08\x00", 2);
	memcpy(f + ip, v6 ? "\x60" : "\x45", 1);
	f[ip + (v6 ? 6 : 9)] = 6;
	memset(f + ip + (v6 ? 8 : 12), 0xa5, v6 ? 32 : 8);
	f[ip + 5] = v6 ? f[ip + 5] : 0xff; /* the identification goes over 16 bits' end below */
	length[0] = (u8)(ip_len >> 8);
	length[1] = (u8)ip_len;
	memcpy(f + tcp + 4, "\xff\xff\xff\x00", 4); /* sequence numbers wrap */
	f[tcp + 12] = 0x80;
	f[tcp + 13] = 0x99; /* CWR ACK PSH FIN */
	pseudo = plain_sum(f + ip + (v6 ? 8 : 12), v6 ? 32 : 8, 6 + (u32)tcp_len);
	f[tcp + 16] = (u8)(pseudo >> 8);
	f[tcp + 17] = (u8)pseudo;
	for (size_t i = 0; i < DATA; i++)
		f[data + i] = (u8)(i * 7 + i / 256);
	*m = (net_meta){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = (u16)tcp, .csum_offset = 16,
		.gso_type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = MSS, .hdr_len = (u16)data,
	};
	return len;
}

static void check_segments(bool v6, bool vlan)
{
	static struct collected c;
	static u8 f[8192], joined[DATA];
	size_t ip = vlan ? 18 : 14, tcp = ip + (v6 ? 40 : 20), data = tcp + 32, at = 0, len;
	net_meta m;

	c.n = 0;
	len = big_frame(f, v6, vlan, &m);
	assert_int_equal(finish(&m, f, len, NET_CSUM, collect, &c), 0);
	assert_int_equal(c.n, 4);
	for (unsigned i = 0; i < c.n; i++) {
		const u8 *s = c.data[i];
		size_t n = c.len[i] - data;
		u32 seq = (u32)s[tcp + 4] << 24 | s[tcp + 5] << 16 | s[tcp + 6] << 8 | s[tcp + 7];

		assert_int_equal(n, i < 3 ? MSS : DATA - 3 * MSS);
		assert_int_equal(seq, 0xffffff00u + (u32)at);
		assert_int_equal(s[tcp + 13], 0x10 | (i ? 0 : 0x80) | (i == 3 ? 0x09 : 0));
		assert_true(tcp_is_right(s + ip + (v6 ? 8 : 12), v6 ? 32 : 8, s + tcp, c.len[i] - tcp));
		if (v6)
			assert_int_equal(s[ip + 4] << 8 | s[ip + 5], c.len[i] - tcp);
		else {
			assert_int_equal(s[ip + 2] << 8 | s[ip + 3], c.len[i] - ip);
			assert_int_equal(s[ip + 5], (0xff + i) & 0xff);
			assert_int_equal(plain_sum(s + ip, 20, 0), 0xffff);
		}
		memcpy(joined + at, s + data, n);
		at += n;
	}
	assert_int_equal(at, DATA);
	big_frame(f, v6, vlan, &m);
	assert_memory_equal(joined, f + data, DATA);
}

static void segments_join_to_what_was_sent(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 4; i++)
		check_segments(i & 1, i & 2);
}

static void a_network_that_takes_segments_gets_one_with_a_sum(void **unused)
{
	static struct collected c;
	static u8 f[8192];
	net_meta m;
	size_t len = big_frame(f, false, false, &m);

	(void)unused;
	len -= 3000; /* what collect() can hold */
	f[34 + 16] = f[34 + 17] = 0;
	assert_int_equal(finish(&m, f, len, NET_TSO4, collect, &c), 0);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.len[0], len);
	assert_int_equal(plain_sum(c.data[0] + 34, len - 34, 0), 0xffff);
}

static void nonsense_is_refused(void **unused)
{
	static struct collected c;
	static u8 f[8192];
	net_meta good;
	const size_t len = big_frame(f, false, false, &good);
	net_meta bad[8];

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].csum_start = 0xfff0;
	bad[1].csum_offset = 0xfff0;
	bad[2].gso_size = 0;
	bad[3].gso_size = 1;
	bad[4].flags = 0;
	bad[5].gso_type = 77;
	bad[6].csum_start = 20;
	bad[7].gso_type = VIRTIO_NET_HDR_GSO_UDP;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(finish(&bad[i], f, len, 0, collect, &c), -EINVAL);
	for (size_t cut = 0; cut < 34 + 32; cut++)
		assert_int_equal(finish(&good, f, cut, 0, collect, &c), -EINVAL);
	f[34 + 12] = 0x40; /* a TCP header of 16 bytes */
	assert_int_equal(finish(&good, f, len, 0, collect, &c), -EINVAL);
	assert_int_equal(c.n, 0);
}

/* ---- what a user may ask for ---- */

static void a_spec_is_understood_or_gets_a_sentence(void **unused)
{
	static const struct { const char *spec, *says; } row[] = {
		{ "user", NULL }, { "none", NULL }, { "tap=tap0", NULL }, { "socket=/tmp/x", NULL },
		{ "user,hostfwd=tcp:127.0.0.1:2222-:22,restrict=on,mac=52:54:00:00:00:01", NULL },
		{ "", "is none of user" }, { "usr", "'usr' is none of user" },
		{ "tap", "needs a value: tap=NAME" }, { "user=x", "followed by a comma" },
		{ "user,hostwd=x", "did you mean 'hostfwd'" }, { "tap=x,restrict", "unknown option" },
		{ "user,mac=1:2:3", "not an address such as" },
		{ "user,mac=53:54:00:00:00:01", "address of a group" },
	};
	struct err e;

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		e.text[0] = 0;
		assert_int_equal(net_check(row[i].spec, &e), row[i].says ? -EINVAL : 0);
		assert_true(!row[i].says || strstr(e.text, row[i].says));
	}
}

static void what_cannot_be_opened_gets_a_sentence(void **unused)
{
	static const struct { const char *spec, *says; } row[] = {
		{ "user,net=10.0.2.1/24", "not the first address" },
		{ "user,net=10.0.2.0", "not a network such as" },
		{ "user,net=10.0.2.0/30", "8 to 27" },
		{ "user,hostfwd=22", "is not like tcp:127.0.0.1:2222-:22" },
		{ "user,hostfwd=tcp::0-:22", "is not like" },
		{ "user,hostfwd=udp:1.2.3:1-:22", "is not like" },
		{ "user,hostfwd=tcp:192.0.2.1:2222-:22", "cannot listen as" },
		{ "tap=averyveryverylongname", "too long" },
		{ "socket=/nowhere/at/all", "cannot listen at '/nowhere/at/all'" },
	};
	struct net *n = NULL;
	struct err e;

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		assert_true(net_open(row[i].spec, &n, &e) < 0);
		assert_null(n);
		assert_non_null(strstr(e.text, row[i].says));
	}
}

/* ---- cards ---- */

struct card {
	struct net *net;
	atomic_uint served, received, flushed, ups, downs;
	atomic_bool full;
	atomic_size_t len;
	u8 last[2048];
	/* What serve sends, once. */
	const void *send;
	size_t send_len;
	atomic_bool due;
};

static void card_serve(void *ctx)
{
	struct card *c = ctx;
	net_meta none = { 0 };

	if (atomic_exchange(&c->due, false))
		net_send(c->net, &none, &(struct iovec){ (void *)c->send, c->send_len }, 1);
	atomic_fetch_add(&c->served, 1);
}

static bool card_receive(void *ctx, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct card *c = ctx;

	assert_int_equal(meta->gso_type, 0);
	if (atomic_load(&c->full))
		return false;
	atomic_store(&c->len, net_gather(iov, niov, c->last, sizeof(c->last)));
	atomic_fetch_add(&c->received, 1);
	return true;
}

static void card_flush(void *ctx) { atomic_fetch_add(&((struct card *)ctx)->flushed, 1); }

static void card_link(void *ctx, bool up)
{
	struct card *c = ctx;

	atomic_fetch_add(up ? &c->ups : &c->downs, 1);
}

static void card_open(struct card *c, const char *spec)
{
	struct net_calls calls = { c, card_serve, card_receive, card_flush, card_link };
	struct err e;

	memset(c, 0, sizeof(*c));
	assert_int_equal(net_open(spec, &c->net, &e), 0);
	net_start(c->net, &calls, 0);
}

static void card_send(struct card *c, const void *frame, size_t len)
{
	c->send = frame;
	c->send_len = len;
	atomic_store(&c->due, true);
	net_wake(c->net);
}

/* Wait until *what is at least n. */
static void until(atomic_uint *what, unsigned n)
{
	u64 end = net_now_ns() + PATIENCE_NS;

	while (atomic_load(what) < n) {
		assert_true(net_now_ns() < end);
		usleep(200);
	}
}

static void wake_is_never_lost(void **unused)
{
	struct card c;

	(void)unused;
	card_open(&c, "user,restrict=on");
	until(&c.served, 1); /* the start's own */
	for (unsigned i = 0; i < 20000; i++) {
		unsigned before = atomic_load(&c.served);
		u64 end = net_now_ns() + PATIENCE_NS;

		net_wake(c.net);
		while (atomic_load(&c.served) == before)
			assert_true(net_now_ns() < end);
	}
	net_close(c.net);
}

static const char hello[128] = "destination and source, a type, and then what there is to say";

static void guests_meet_at_a_socket(void **unused)
{
	char dir[] = "/tmp/pandok-unit.XXXXXX", spec[64];
	struct card a, b, c;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(spec, sizeof(spec), "socket=%s/s", dir);
	card_open(&a, spec);
	card_open(&b, spec);
	card_open(&c, spec);
	do { /* b's and c's connections may not be accepted yet */
		card_send(&b, hello, sizeof(hello));
		usleep(1000);
	} while (!atomic_load(&a.received) || !atomic_load(&c.received));
	assert_int_equal(atomic_load(&a.len), sizeof(hello));
	assert_memory_equal(c.last, hello, sizeof(hello));
	until(&c.flushed, 1);
	assert_int_equal(atomic_load(&b.received), 0);

	net_close(a.net); /* who listened goes; one of the others takes its place */
	until(&b.downs, 1);
	until(&c.downs, 1);
	until(&b.ups, 1);
	until(&c.ups, 1);
	while (!atomic_load(&b.received)) {
		card_send(&c, hello, sizeof(hello));
		usleep(1000);
	}
	net_close(b.net);
	net_close(c.net);
	assert_int_equal(rmdir(dir), 0); /* nothing is left */
}

static void frames_wait_for_room(void **unused)
{
	char dir[] = "/tmp/pandok-unit.XXXXXX", spec[64];
	struct card a, b;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	snprintf(spec, sizeof(spec), "socket=%s/s", dir);
	card_open(&a, spec);
	card_open(&b, spec);
	atomic_store(&a.full, true);
	for (unsigned i = 1; i <= 100; i++) {
		unsigned before = atomic_load(&b.served);

		card_send(&b, hello, i);
		until(&b.served, before + 1);
	}
	atomic_store(&a.full, false);
	do {
		net_wake(a.net);
		usleep(1000);
	} while (atomic_load(&a.len) != 100);
	assert_int_equal(atomic_load(&a.received), 100); /* none lost */
	net_close(a.net);
	net_close(b.net);
	assert_int_equal(rmdir(dir), 0);
}

/* Who has 10.0.2.2? tell 10.0.2.15. RFC 826. */
static const u8 arp[] = "\xff\xff\xff\xff\xff\xff\x52\x54\x00\x12\x34\x56\x08\x06"
			"\x00\x01\x08\x00\x06\x04\x00\x01\x52\x54\x00\x12\x34\x56\x0a\x00\x02\x0f"
			"\x00\x00\x00\x00\x00\x00\x0a\x00\x02\x02";

static void the_user_network_has_a_host(void **unused)
{
	struct card c;

	(void)unused;
	card_open(&c, "user,ipv6=off");
	card_send(&c, arp, 42);
	until(&c.received, 1);
	until(&c.flushed, 1);
	assert_int_equal(c.last[21], 2);                              /* a reply */
	assert_memory_equal(c.last + 28, "\x0a\x00\x02\x02", 4);     /* from the host */
	assert_memory_equal(c.last, "\x52\x54\x00\x12\x34\x56", 6); /* to us */
	net_close(c.net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_join_to_what_was_sent),
		cmocka_unit_test(a_network_that_takes_segments_gets_one_with_a_sum),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_spec_is_understood_or_gets_a_sentence),
		cmocka_unit_test(what_cannot_be_opened_gets_a_sentence),
		cmocka_unit_test(wake_is_never_lost),
		cmocka_unit_test(guests_meet_at_a_socket),
		cmocka_unit_test(frames_wait_for_room),
		cmocka_unit_test(the_user_network_has_a_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
