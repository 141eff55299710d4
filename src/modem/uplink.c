/* uplink.c - IP packets of a call to and from a network that knows Ethernet frames. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "modem/int.h"

#define QUEUE_MAX 64
#define ETH 14
#define ARP_LEN 28

/* libslirp's own address: 52:55 and its IP address. */
static const u8 mac_us[6] = { 0x52, 0x55, 10, 0, 2, 2 };

static void enqueue(struct modem *m, const u8 *to, u16 type, const u8 *data, unsigned len)
{
	struct packet *p = m->npackets < QUEUE_MAX ? malloc(sizeof(*p) + ETH + len) : NULL;

	if (!p)
		return; /* as any network drops what it cannot carry */
	p->next = NULL;
	p->len = ETH + len;
	memcpy(p->at, to, 6);
	memcpy(p->at + 6, net_mac(m->net), 6);
	p->at[12] = (u8)(type >> 8);
	p->at[13] = (u8)type;
	memcpy(p->at + ETH, data, len);
	*m->packets_end = p;
	m->packets_end = &p->next;
	m->npackets++;
	net_wake(m->net);
}

void uplink_send(struct modem *m, const u8 *ip, unsigned len)
{
	if (m->net)
		enqueue(m, mac_us, 0x0800, ip, len);
}

static struct packet *dequeue(struct modem *m)
{
	struct packet *p;

	pthread_mutex_lock(&m->lock);
	p = m->packets;
	if (p) {
		m->packets = p->next;
		if (!m->packets)
			m->packets_end = &m->packets;
		m->npackets--;
	}
	pthread_mutex_unlock(&m->lock);
	return p;
}

static void serve(void *ctx)
{
	struct modem *m = ctx;
	struct packet *p;

	while ((p = dequeue(m))) {
		struct iovec iov = { p->at, p->len };
		net_meta meta = { 0 };

		net_send(m->net, &meta, &iov, 1);
		free(p);
	}
}

/* Somebody asks who has our caller's address: we do. RFC 826. */
static void answer_arp(struct modem *m, const u8 *arp, unsigned len)
{
	static const u8 request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	static const u8 them[4] = { IP_THEM >> 24, IP_THEM >> 16 & 0xff, IP_THEM >> 8 & 0xff, IP_THEM & 0xff };
	u8 reply[ARP_LEN];

	if (len < ARP_LEN || memcmp(arp, request, 8) || memcmp(arp + 24, them, 4))
		return;
	memcpy(reply, arp, 7);
	reply[7] = 2;
	memcpy(reply + 8, net_mac(m->net), 6);
	memcpy(reply + 14, them, 4);
	memcpy(reply + 18, arp + 8, 10);
	enqueue(m, arp + 8, 0x0806, reply, sizeof(reply));
}

static bool receive(void *ctx, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct modem *m = ctx;
	u8 frame[ETH + PPP_MRU];
	unsigned len = 0;

	(void)meta;
	for (unsigned i = 0; i < niov; i++) {
		if (iov[i].iov_len > sizeof(frame) - len)
			return true; /* larger than the line takes */
		memcpy(frame + len, iov[i].iov_base, iov[i].iov_len);
		len += (unsigned)iov[i].iov_len;
	}
	if (len < ETH)
		return true;
	pthread_mutex_lock(&m->lock);
	if (frame[12] == 8 && frame[13] == 6)
		answer_arp(m, frame + ETH, len - ETH);
	else if (frame[12] == 8 && frame[13] == 0 && m->online && m->ppp.up)
		ppp_send(m, 0x0021, frame + ETH, len - ETH);
	pthread_mutex_unlock(&m->lock);
	modem_wake(m);
	return true;
}

static void flush(void *ctx)
{
	(void)ctx;
}

int uplink_open(struct modem *m, struct err *e)
{
	int rc = net_open(m->o.net ? m->o.net : "user,ipv6=off", &m->net, e);

	m->packets_end = &m->packets;
	m->calls = (struct net_calls){ .ctx = m, .serve = serve, .receive = receive, .flush = flush };
	if (!rc && m->net)
		net_start(m->net, &m->calls, 0);
	return rc;
}

void uplink_close(struct modem *m)
{
	struct packet *p;

	net_close(m->net);
	m->net = NULL;
	while ((p = dequeue(m)))
		free(p);
}
