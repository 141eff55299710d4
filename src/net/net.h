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

/* The card's side. Called on the network's thread, with no lock of the network's held. */
struct net_calls {
	void *ctx;
	/* A frame for the guest. false: no room, keep it and stop until net_ready(). */
	bool (*receive)(void *ctx, const net_meta *meta, const struct iovec *iov, unsigned niov);
	void (*link)(void *ctx, bool up); /* may be NULL */
};

enum { /* what a network takes over from a card, and may hand it when net_offer() says so */
	NET_CSUM = 1 << 0, NET_TSO4 = 1 << 1, NET_TSO6 = 1 << 2,
};

/*
 * net_open - make the network that spec asks for: "user[,hostfwd=…]", "tap=NAME", "socket=PATH",
 * "none". Nothing is received before net_start().
 */
MUST_CHECK int net_open(const char *spec, struct net **ret, struct err *e);
void net_close(struct net *n); /* no call is under way when it is back; NULL is fine */

unsigned net_can(const struct net *n);                /* NET_ bits it takes from the card */
void net_start(struct net *n, const struct net_calls *c, unsigned offer); /* offer: what c takes */
void net_ready(struct net *n); /* the card has room again. Any thread */

/* net_send - a frame from the guest; it is copied or sent before this returns. Any thread. */
void net_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov);

#endif
