/* vif.c - netfront's other side: frames between the guest's two rings and a network. */
#include "xen/store.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What Xen's ring macros ask for. */
#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#include <xen/io/netif.h>
#include <xen/io/xenbus.h>

/*H:960 A network card of two rings
 * One ring carries what the guest sends, the other empty pages in which it wants to receive; both name
 * pages by grants. The network has a thread of its own: it takes Xen's lock for one frame at a time, and
 * never while it hands a frame on, because an answer may come from inside that call.
 * @test ladder.sh
 */
#define FRAME_MAX GUEST_PAGE_SIZE
#define CARDS 8

struct card {
	struct xen *x;
	struct net *net;
	unsigned index;
	bool connected, started;
	u32 port;
	netif_tx_back_ring_t tx;
	netif_rx_back_ring_t rx;
	u8 frame[FRAME_MAX];
};

struct vif {
	unsigned n;
	struct card card[CARDS];
};

static const char *front(const struct card *c, const char *name, char *buf)
{
	snprintf(buf, STORE_PATH, "/local/domain/1/device/vif/%u%s%s", c->index, *name ? "/" : "", name);
	return buf;
}

static const char *back(const struct card *c, const char *name, char *buf)
{
	snprintf(buf, STORE_PATH, "/local/domain/0/backend/vif/1/%u%s%s", c->index, *name ? "/" : "",
		 name);
	return buf;
}

/* ---- from the guest ---- */

static void tx_answer(struct card *c, u16 id, i16 status)
{
	netif_tx_response_t *a = RING_GET_RESPONSE(&c->tx, c->tx.rsp_prod_pvt);
	int notify;

	a->id = id;
	a->status = status;
	c->tx.rsp_prod_pvt++;
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&c->tx, notify);
	if (notify)
		event_set(c->x, c->port);
}

static i16 tx_copy(struct card *c, const netif_tx_request_t *q)
{
	u64 mfn = grant_frame(c->x, q->gref, false);

	/* No scatter-gather and no segmentation was offered, so one request is one frame. */
	if (mfn == MFN_NONE || q->offset + q->size > GUEST_PAGE_SIZE || q->size < ETH_HLEN ||
	    q->flags & (NETTXF_more_data | NETTXF_extra_info))
		return NETIF_RSP_ERROR;
	memcpy(c->frame, frame_host(c->x, mfn) + q->offset, q->size);
	return NETIF_RSP_OKAY;
}

/* Where the checksum is that the guest left to us: TCP's or UDP's over IPv4 or IPv6. */
static void csum_find(const u8 *f, unsigned len, net_meta *m)
{
	bool six = f[12] == 0x86 && f[13] == 0xdd, four = f[12] == 8 && f[13] == 0;
	unsigned start = ETH_HLEN + (six ? 40 : (f[ETH_HLEN] & 15u) * 4);
	u8 proto;

	if (len < ETH_HLEN + 40 || (!six && !four) || start + 18 > len)
		return;
	proto = six ? f[ETH_HLEN + 6] : f[ETH_HLEN + 9];
	if (proto != 6 && proto != 17)
		return;
	m->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	m->csum_start = (u16)start;
	m->csum_offset = proto == 6 ? 16 : 6;
}

/* One frame out of the ring into c->frame. Returns its length, 0: there is none, -1: a bad one. Locked. */
static int tx_take(struct card *c, net_meta *m)
{
	netif_tx_request_t q;
	RING_IDX prod;
	i16 status;
	int more;

	if (!c->connected)
		return 0;
	RING_FINAL_CHECK_FOR_REQUESTS(&c->tx, more);
	prod = __atomic_load_n(&c->tx.sring->req_prod, __ATOMIC_ACQUIRE);
	if (!more || prod - c->tx.req_cons > RING_SIZE(&c->tx) || prod == c->tx.req_cons)
		return 0;
	memcpy(&q, RING_GET_REQUEST(&c->tx, c->tx.req_cons), sizeof(q));
	c->tx.req_cons++;
	status = tx_copy(c, &q);
	memset(m, 0, sizeof(*m));
	if (status == NETIF_RSP_OKAY && q.flags & NETTXF_csum_blank)
		csum_find(c->frame, q.size, m);
	tx_answer(c, q.id, status);
	return status == NETIF_RSP_OKAY ? q.size : -1;
}

static void on_serve(void *ctx)
{
	struct card *c = ctx;
	struct iovec iov = { c->frame, 0 };
	net_meta m;
	int len;

	do {
		pthread_mutex_lock(&c->x->lock);
		len = tx_take(c, &m);
		pthread_mutex_unlock(&c->x->lock);
		if (len > 0) {
			iov.iov_len = (size_t)len;
			net_send(c->net, &m, &iov, 1);
		}
	} while (len);
}

/* ---- to the guest ---- */

/* Copy a frame into the page of the next request. false: the guest gave none. Locked. */
static bool rx_put(struct card *c, const struct iovec *iov, unsigned niov)
{
	netif_rx_request_t q;
	netif_rx_response_t *a;
	RING_IDX prod;
	u64 mfn, len = 0;
	int notify;

	if (!c->connected)
		return true; /* nobody there: dropped */
	prod = __atomic_load_n(&c->rx.sring->req_prod, __ATOMIC_ACQUIRE);
	if (prod == c->rx.req_cons || prod - c->rx.req_cons > RING_SIZE(&c->rx))
		return false;
	memcpy(&q, RING_GET_REQUEST(&c->rx, c->rx.req_cons), sizeof(q));
	c->rx.req_cons++;
	mfn = grant_frame(c->x, q.gref, true);
	for (unsigned i = 0; i < niov && mfn != MFN_NONE; len += iov[i++].iov_len) {
		if (iov[i].iov_len > GUEST_PAGE_SIZE - len) {
			mfn = MFN_NONE;
			break;
		}
		memcpy(frame_host(c->x, mfn) + len, iov[i].iov_base, iov[i].iov_len);
	}
	if (mfn != MFN_NONE)
		mem_written(c->x->mem, GPA(mfn << GUEST_PAGE_SHIFT), len);
	a = RING_GET_RESPONSE(&c->rx, c->rx.rsp_prod_pvt);
	*a = (netif_rx_response_t){ .id = q.id, .status = mfn == MFN_NONE ? NETIF_RSP_ERROR : (i16)len };
	c->rx.rsp_prod_pvt++;
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&c->rx, notify);
	if (notify)
		event_set(c->x, c->port);
	return true;
}

static bool on_receive(void *ctx, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct card *c = ctx;
	bool taken;

	(void)meta; /* nothing was offered, so nothing is left to do */
	pthread_mutex_lock(&c->x->lock);
	taken = rx_put(c, iov, niov);
	pthread_mutex_unlock(&c->x->lock);
	return taken;
}

static void on_flush(void *ctx)
{
	(void)ctx;
}

static void on_notify(struct xen *x, void *ctx)
{
	struct card *c = ctx;

	(void)x;
	net_wake(c->net);
}

/* ---- connecting ---- */

static void state_set(struct card *c, unsigned state)
{
	char path[STORE_PATH];

	store_set(c->x, back(c, "state", path), "%u", state);
}

static u64 ring_of(struct card *c, const char *name)
{
	char path[STORE_PATH];

	return grant_frame(c->x, (u32)store_number(c->x, front(c, name, path)), true);
}

static bool connect(struct card *c)
{
	u64 tx = ring_of(c, "tx-ring-ref"), rx = ring_of(c, "rx-ring-ref");
	char path[STORE_PATH];

	c->port = (u32)store_number(c->x, front(c, "event-channel", path));
	if (tx == MFN_NONE || rx == MFN_NONE || !event_take_over(c->x, c->port, on_notify, c))
		return false;
	BACK_RING_INIT(&c->tx, (netif_tx_sring_t *)(void *)frame_host(c->x, tx), GUEST_PAGE_SIZE);
	BACK_RING_INIT(&c->rx, (netif_rx_sring_t *)(void *)frame_host(c->x, rx), GUEST_PAGE_SIZE);
	c->connected = true;
	if (!c->started) {
		const struct net_calls calls = { .ctx = c, .serve = on_serve, .receive = on_receive,
						 .flush = on_flush };

		net_start(c->net, &calls, 0);
		c->started = true;
	}
	state_set(c, XenbusStateConnected);
	net_wake(c->net);
	return true;
}

static void disconnect(struct card *c)
{
	if (c->connected)
		event_release(c->x, c->port);
	c->connected = false;
}

static void look(struct card *c)
{
	char path[STORE_PATH];

	switch (store_number(c->x, front(c, "state", path))) {
	case XenbusStateInitialising:
		disconnect(c);
		state_set(c, XenbusStateInitWait);
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		if (!c->connected && !connect(c))
			state_set(c, XenbusStateClosing);
		break;
	case XenbusStateClosing:
		disconnect(c);
		state_set(c, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		disconnect(c);
		state_set(c, XenbusStateClosed);
		break;
	}
}

void vif_store_changed(struct xen *x, const char *path)
{
	char state[STORE_PATH];

	for (unsigned i = 0; x->vif && i < x->vif->n; i++)
		if (!strcmp(path, front(&x->vif->card[i], "state", state)))
			look(&x->vif->card[i]);
}

static void announce(struct card *c)
{
	char path[STORE_PATH], other[STORE_PATH], mac[18];
	const u8 *m = net_mac(c->net);
	struct xen *x = c->x;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	store_set(x, back(c, "frontend", path), "%s", front(c, "", other));
	store_set(x, back(c, "frontend-id", path), "%d", DOMID);
	store_set(x, back(c, "online", path), "1");
	store_set(x, back(c, "handle", path), "%u", c->index);
	store_set(x, back(c, "mac", path), "%s", mac);
	store_set(x, back(c, "feature-rx-copy", path), "1");
	store_set(x, back(c, "feature-rx-flip", path), "0");
	store_set(x, back(c, "state", path), "%d", XenbusStateInitWait);
	store_set(x, front(c, "backend", path), "%s", back(c, "", other));
	store_set(x, front(c, "backend-id", path), "0");
	store_set(x, front(c, "handle", path), "%u", c->index);
	store_set(x, front(c, "mac", path), "%s", mac);
	store_set(x, front(c, "state", path), "%d", XenbusStateInitialising);
}

int vif_new(struct xen *x, struct err *e)
{
	if (!x->vif) {
		x->vif = calloc(1, sizeof(*x->vif));
		if (!x->vif)
			return err_set(e, -ENOMEM, "out of memory");
	}
	/* A reboot finds the networks running: only the guest's side begins anew. */
	x->vif->n = x->c.nnet < CARDS ? x->c.nnet : CARDS;
	for (unsigned i = 0; i < x->vif->n; i++) {
		struct card *c = &x->vif->card[i];

		c->x = x;
		c->net = x->c.net[i];
		c->index = i;
		c->connected = false;
		announce(c);
	}
	return 0;
}

void vif_free(struct xen *x)
{
	for (unsigned i = 0; x->vif && i < x->vif->n; i++)
		if (x->vif->card[i].started)
			net_stop(x->vif->card[i].net);
	free(x->vif);
	x->vif = NULL;
}
