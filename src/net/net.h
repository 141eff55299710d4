/* net.h - front of this folder: what a virtual network card stands on. A network knows no device. */
#ifndef PANDOK_NET_NET_H
#define PANDOK_NET_NET_H

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/types.h"

#define NET_FRAME_MAX (65536 + 64) /* bytes of an Ethernet frame, when segments are joined */

struct net;

/* What a frame needs done to it yet: checksum, segmentation. All zero: nothing. virtio 1.2 5.1.6. */
typedef struct virtio_net_hdr_v1 net_meta;

/*
 * The card's side. A network has one thread, and everything here is called on it, with no lock of
 * the network's held. receive may come from inside the card's own net_send().
 */
struct net_calls {
	void *ctx;
	/* net_wake() was called: net_send() what there is. */
	void (*serve)(void *ctx);
	/* A frame for the guest. false: no room; it is kept, and offered again after net_wake(). */
	bool (*receive)(void *ctx, const net_meta *meta, const struct iovec *iov, unsigned niov);
	/* No more frames for now: time to tell the guest of those that came. */
	void (*flush)(void *ctx);
	void (*link)(void *ctx, bool up); /* may be NULL */
};

enum { /* what a network can take over from a card, and a card from a network */
	NET_CSUM = 1 << 0, /* finishing a checksum; in the other direction: not checking one */
	NET_TSO4 = 1 << 1, NET_TSO6 = 1 << 2,
};
#define NET_ALL (NET_CSUM | NET_TSO4 | NET_TSO6)

/*
 * net_open - make the network that spec asks for:
 *   user[,hostfwd=PROTO:HOST:PORT-GUEST:PORT]…[,net=A.B.C.D/N][,restrict=on][,ipv6=off]
 *   tap=NAME         a TAP interface of the host
 *   socket=PATH      guests joined at a unix socket. Each frame is its length, 4 bytes big-endian,
 *                    and its bytes, as QEMU's "-netdev stream" has it. Whoever comes first listens
 *                    and passes frames on between all the others.
 *   none             no card: ret becomes NULL
 * Each may end in ",mac=52:54:00:…". Nothing happens before net_start().
 * Errors: a sentence; -EINVAL when spec is not understood.
 */
MUST_CHECK int net_open(const char *spec, struct net **ret, struct err *e);
void net_close(struct net *n); /* as net_stop(), and free it; NULL is fine */

/* net_check - would net_open() understand spec? Opens nothing. -EINVAL with a sentence. */
MUST_CHECK int net_check(const char *spec, struct err *e);

/*
 * net_open_vsock - what a guest's vsock connections end at, "PATH[,cid=N]" (N: the guest's number, 3
 * without it). Its frames are vsock packets, header and data, in one piece for the guest; meta is
 * always zero.
 *   PATH        a socket that is listened at: a program writes "CONNECT port\n", reads "OK port\n"
 *               and is connected to the guest's port
 *   PATH_port   where a program listens that the guest may connect to
 * As Firecracker has it. Errors as net_open().
 */
MUST_CHECK int net_open_vsock(const char *spec, struct net **ret, struct err *e);
MUST_CHECK int net_check_vsock(const char *spec, struct err *e);
u64 net_cid(const struct net *n);

const u8 *net_mac(const struct net *n); /* 6 bytes: the card's address, chosen or the user's */

/*
 * net_start - frames flow from now on. Again with the same c, but another offer, when the guest has
 * changed its mind about what it takes.
 *   offer   NET_ bits: what c->receive takes in meta
 * Threads: any.
 */
void net_start(struct net *n, const struct net_calls *c, unsigned offer);

/* net_stop - no call is under way when it is back, and none comes any more. Not from inside one. */
void net_stop(struct net *n);

/* net_wake - the card has frames to send, or room again. Any thread; waits for nothing. */
void net_wake(struct net *n);

/*
 * net_send - a frame from the guest, with meta using any of NET_ALL; it is copied or sent when
 * this is back, and dropped when it makes no sense. From inside c->serve only.
 */
void net_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov);

#endif
