/* tap.c - a TAP interface of the host: frames as they are, offloads left to the host's kernel.
 * Source: Documentation/networking/tuntap.rst. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "net/int.h"

#define FRAMES_MAX 64 /* taken in one turn */
#define PIECES_MAX 128

struct tap {
	int fd;
	u8 frame[NET_FRAME_MAX];
};

static const struct opt opts[] = { NET_OPT_MAC, { 0 } };

static int attach(int fd, const char *name, struct err *e)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int size = sizeof(net_meta), rc;

	strcpy(r.ifr_name, name);
	rc = ioctl(fd, TUNSETIFF, &r);
	if (rc < 0 && errno == EPERM)
		return err_set(e, -EPERM, "'%s' is not yours; as root: ip tuntap add %s mode tap user "
			       "NAME && ip link set %s up", name, name, name);
	if (rc < 0 && errno == EBUSY)
		return err_set(e, -EBUSY, "another program uses '%s'", name);
	if (rc < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		return err_sys(e, "cannot use '%s' as a TAP interface", name);
	return 0;
}

static int tap_open(struct net *n, const char *name, const struct net_options *o, struct err *e)
{
	struct tap *t = calloc(1, sizeof(*t));

	(void)o;
	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	n->state = t;
	t->fd = -1;
	if (strlen(name) >= IFNAMSIZ)
		return err_set(e, -EINVAL, "'%s' is too long for an interface's name", name);
	t->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (t->fd < 0)
		return err_sys(e, "cannot open '/dev/net/tun'");
	return attach(t->fd, name, e);
}

static void tap_close(struct net *n)
{
	struct tap *t = n->state;

	if (t && t->fd >= 0)
		close(t->fd);
	free(t);
}

static void tap_offer(struct net *n, unsigned offer)
{
	static const struct { unsigned net, tun; } row[] = {
		{ NET_CSUM, TUN_F_CSUM }, { NET_TSO4, TUN_F_TSO4 }, { NET_TSO6, TUN_F_TSO6 },
	};
	struct tap *t = n->state;
	unsigned tun = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++)
		tun |= offer & row[i].net ? row[i].tun : 0;
	/* A kernel that cannot finishes the frames itself. */
	if (ioctl(t->fd, TUNSETOFFLOAD, tun) < 0)
		ioctl(t->fd, TUNSETOFFLOAD, 0);
}

static void tap_send(struct net *n, const net_meta *meta, const struct iovec *iov, unsigned niov)
{
	struct iovec all[PIECES_MAX] = { { (void *)meta, sizeof(*meta) } };
	struct tap *t = n->state;

	if (niov >= PIECES_MAX)
		return;
	memcpy(all + 1, iov, niov * sizeof(*iov));
	if (writev(t->fd, all, (int)niov + 1) < 0)
		return; /* full, down, or no frame at all: lost, as on a wire */
}

static void tap_prepare(struct net *n, struct net_polls *p, bool room)
{
	struct tap *t = n->state;

	if (room)
		net_poll_add(p, t->fd, POLLIN);
}

static void tap_ready(struct net *n, const struct net_polls *p)
{
	struct tap *t = n->state;

	if (p->n < 2 || !p->at[1].revents)
		return;
	for (unsigned i = 0; i < FRAMES_MAX && !n->held; i++) {
		net_meta meta;
		struct iovec iov[2] = { { &meta, sizeof(meta) }, { t->frame, sizeof(t->frame) } };
		ssize_t len = readv(t->fd, iov, 2);

		if (len <= (ssize_t)sizeof(meta))
			return;
		iov[1].iov_len = (size_t)len - sizeof(meta);
		net_deliver(n, &meta, iov + 1, 1);
	}
}

const struct net_kind net_tap = {
	.name = "tap", .arg = "NAME", .opts = opts, .takes = NET_ALL,
	.open = tap_open, .close = tap_close, .offer = tap_offer, .send = tap_send,
	.prepare = tap_prepare, .ready = tap_ready,
};
