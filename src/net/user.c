/* user.c - the user network: libslirp ends the guest's TCP, UDP and ICMP in ordinary sockets of this
 * process, so that it needs no rights. Addresses as QEMU's: host .2, DNS .3, the guest .15. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/int.h"

#define MS 1000000u

struct user_timer {
	u64 at_ms; /* CLOCK_MONOTONIC; UINT64_MAX: not armed */
	SlirpTimerId id;
	void *opaque;
	struct user_timer *next;
};

struct user {
	Slirp *slirp;
	struct user_timer *timers;
	struct net_polls *polls;
	unsigned first; /* slirp's files in the array */
};

static const struct opt opts[] = {
	NET_OPT("hostfwd", "PROTO:HOST:PORT-GUEST:PORT", OPT_LIST, hostfwd),
	NET_OPT("net", "A.B.C.D/N", OPT_TEXT, net),
	NET_OPT("restrict", NULL, OPT_FLAG, restricted),
	NET_OPT("ipv6", NULL, OPT_FLAG, ipv6),
	NET_OPT_MAC,
	{ 0 },
};

/* ---- what libslirp asks of us ---- */

static ssize_t on_frame(const void *frame, size_t len, void *ctx)
{
	struct iovec iov = { (void *)frame, len };
	struct net *n = ctx;
	net_meta meta = { 0 };

	if (atomic_load_explicit(&n->offer, memory_order_relaxed) & NET_CSUM)
		meta.flags = VIRTIO_NET_HDR_F_DATA_VALID; /* it was made a moment ago, in here */
	net_deliver(n, &meta, &iov, 1);
	return (ssize_t)len;
}

static void on_guest_error(const char *msg, void *ctx)
{
	(void)ctx;
	LOG(net, INFO, "the guest: %s", msg);
}

static int64_t on_clock(void *ctx)
{
	(void)ctx;
	return (int64_t)net_now_ns();
}

static void *on_timer_new(SlirpTimerId id, void *opaque, void *ctx)
{
	struct user *u = ((struct net *)ctx)->state;
	struct user_timer *t = malloc(sizeof(*t));

	if (!t)
		abort(); /* as libslirp's own allocations do */
	*t = (struct user_timer){ UINT64_MAX, id, opaque, u->timers };
	u->timers = t;
	return t;
}

static void on_timer_free(void *timer, void *ctx)
{
	struct user *u = ((struct net *)ctx)->state;
	struct user_timer **at = &u->timers;

	while (*at && *at != timer)
		at = &(*at)->next;
	if (*at)
		*at = (*at)->next;
	free(timer);
}

static void on_timer_mod(void *timer, int64_t at_ms, void *ctx)
{
	(void)ctx;
	((struct user_timer *)timer)->at_ms = (u64)at_ms;
}

static void on_fd(int fd, void *ctx)
{
	(void)fd;
	(void)ctx;
}

static void on_notify(void *ctx)
{
	(void)ctx;
}

static const SlirpCb callbacks = {
	.send_packet = on_frame, .guest_error = on_guest_error, .clock_get_ns = on_clock,
	.timer_free = on_timer_free, .timer_mod = on_timer_mod, .register_poll_fd = on_fd,
	.unregister_poll_fd = on_fd, .notify = on_notify, .timer_new_opaque = on_timer_new,
};

/* ---- options ---- */

static struct in_addr host_number(u32 net, u32 number)
{
	return (struct in_addr){ htonl(net | number) };
}

/* "10.0.2.0/24"; the guest's number 15 has to fit. */
static int parse_net(const char *text, u32 *net, u32 *mask, struct err *e)
{
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : 0;
	char *end = NULL;
	struct in_addr a;
	unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : 0;

	if (!slash || len >= sizeof(address) || *end || bits < 8 || bits > 27)
		return err_set(e, -EINVAL, "net: '%s' is not a network such as 10.0.2.0/24, of 8 to 27 "
			       "bits", text);
	memcpy(address, text, len);
	address[len] = 0;
	*mask = ~0u << (32 - bits);
	if (inet_pton(AF_INET, address, &a) != 1 || ntohl(a.s_addr) & ~*mask)
		return err_set(e, -EINVAL, "net: '%s' is not the first address of a network of %lu bits",
			       address, bits);
	*net = ntohl(a.s_addr);
	return 0;
}

/* One end of a forwarding, "127.0.0.1:2222"; without an address it is the one given. */
static int parse_end(const char *text, size_t len, struct in_addr preset, struct sockaddr_in *ret)
{
	char copy[64], *colon, *end;
	unsigned long port;

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = 0;
	colon = strchr(copy, ':');
	if (!colon)
		return -EINVAL;
	*colon = 0;
	port = strtoul(colon + 1, &end, 10);
	*ret = (struct sockaddr_in){ AF_INET, htons((u16)port), preset, { 0 } };
	if (*end || port < 1 || port > 65535 || (*copy && inet_pton(AF_INET, copy, &ret->sin_addr) != 1))
		return -EINVAL;
	return 0;
}

/* "tcp:127.0.0.1:2222-:22". Without a host address only this machine gets in. */
static int forward(Slirp *s, const char *rule, struct in_addr guest, struct err *e)
{
	struct in_addr loopback = { htonl(INADDR_LOOPBACK) };
	bool udp = !strncmp(rule, "udp:", 4);
	const char *host = rule + 4, *dash = strchr(rule, '-');
	struct sockaddr_in from, to;

	if ((!udp && strncmp(rule, "tcp:", 4)) || !dash || dash < host ||
	    parse_end(host, (size_t)(dash - host), loopback, &from) ||
	    parse_end(dash + 1, strlen(dash + 1), guest, &to))
		return err_set(e, -EINVAL, "hostfwd: '%s' is not like tcp:127.0.0.1:2222-:22", rule);
	errno = 0;
	if (slirp_add_hostfwd(s, udp, from.sin_addr, ntohs(from.sin_port), to.sin_addr,
			      ntohs(to.sin_port)) < 0)
		return err_sys(e, "hostfwd: cannot listen as '%s' asks", rule);
	return 0;
}

static void configure(SlirpConfig *c, const struct net_options *o, u32 net, u32 mask)
{
	*c = (SlirpConfig){
		.version = 4,
		.restricted = o->restricted,
		.in_enabled = true,
		.vnetwork = { htonl(net) },
		.vnetmask = { htonl(mask) },
		.vhost = host_number(net, 2),
		.vnameserver = host_number(net, 3),
		.vdhcp_start = host_number(net, 15),
		.vhostname = "pandok",
		.in6_enabled = o->ipv6,
		.vprefix_len = 64,
	};
	inet_pton(AF_INET6, "fec0::", &c->vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &c->vhost6);
	inet_pton(AF_INET6, "fec0::3", &c->vnameserver6);
}

static int user_open(struct net *n, const char *arg, const struct net_options *o, struct err *e)
{
	struct user *u = calloc(1, sizeof(*u));
	u32 net = 0, mask = 0;
	SlirpConfig c;
	int rc;

	(void)arg;
	if (!u)
		return err_set(e, -ENOMEM, "out of memory");
	n->state = u;
	rc = parse_net(o->net ? o->net : "10.0.2.0/24", &net, &mask, e);
	if (rc)
		return rc;
	configure(&c, o, net, mask);
	u->slirp = slirp_new(&c, &callbacks, n);
	if (!u->slirp)
		return err_set(e, -EINVAL, "libslirp does not take this configuration");
	for (unsigned i = 0; i < o->hostfwd.n && !rc; i++)
		rc = forward(u->slirp, o->hostfwd.at[i], host_number(net, 15), e);
	return rc;
}

static void user_close(struct net *n)
{
	struct user *u = n->state;

	if (u && u->slirp)
		slirp_cleanup(u->slirp);
	free(u);
}

/* ---- frames and waiting ---- */

static void user_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct user *u = n->state;
	size_t len = iov->iov_len;

	(void)meta; /* what remains is the size of segments, which end here anyway */
	if (iov->iov_base != n->frame) /* the guest could change it meanwhile */
		len = net_gather(iov, niov, n->frame, sizeof(n->frame));
	slirp_input(u->slirp, n->frame, (int)len);
}

/* Bits of libslirp's and of poll()'s. */
static const struct { int slirp; short poll; } bits[] = {
	{ SLIRP_POLL_IN, POLLIN }, { SLIRP_POLL_OUT, POLLOUT }, { SLIRP_POLL_PRI, POLLPRI },
	{ SLIRP_POLL_ERR, POLLERR }, { SLIRP_POLL_HUP, POLLHUP },
};

static int add_poll(int fd, int events, void *ctx)
{
	struct user *u = ctx;
	short p = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
		p |= events & bits[i].slirp ? bits[i].poll : 0;
	return net_poll_add(u->polls, fd, p);
}

static int get_events(int i, void *ctx)
{
	const struct user *u = ctx;
	int s = 0;

	if (i < 0)
		return 0;
	for (unsigned k = 0; k < ARRAY_SIZE(bits); k++)
		s |= u->polls->at[i].revents & bits[k].poll ? bits[k].slirp : 0;
	return s;
}

static void user_prepare(struct net *n, struct net_polls *p, bool room)
{
	struct user *u = n->state;
	u32 ms = UINT32_MAX;
	u64 until;

	if (!room)
		return;
	u->polls = p;
	slirp_pollfds_fill(u->slirp, &ms, add_poll, u);
	until = ms == UINT32_MAX ? UINT64_MAX : net_now_ns() + (u64)ms * MS;
	for (struct user_timer *t = u->timers; t; t = t->next)
		if (t->at_ms < until / MS)
			until = t->at_ms * MS;
	if (until < p->until_ns)
		p->until_ns = until;
}

static void fire_timers(struct user *u)
{
	u64 now_ms = net_now_ns() / MS;

	for (struct user_timer *t = u->timers; t; t = t->next) {
		if (t->at_ms > now_ms)
			continue;
		t->at_ms = UINT64_MAX;
		slirp_handle_timer(u->slirp, t->id, t->opaque);
	}
}

static void user_ready(struct net *n, const struct net_polls *p)
{
	struct user *u = n->state;

	if (u->polls != p)
		return;
	slirp_pollfds_poll(u->slirp, 0, get_events, u);
	u->polls = NULL;
	fire_timers(u);
}

const struct net_kind net_user = {
	.name = "user", .opts = opts, .takes = NET_TSO4 | NET_TSO6,
	.open = user_open, .close = user_close, .send = user_send, .prepare = user_prepare,
	.ready = user_ready,
};
