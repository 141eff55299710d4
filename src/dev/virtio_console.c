/* virtio_console.c - consoles and named ports over virtio. Knows not what is at their other ends.
 * Source: virtio 1.2, 5.3. */
#include <linux/virtio_console.h>
#include <string.h>

#include "dev/dev.h"

enum { CONTROL_RX = 2, CONTROL_TX = 3 };

#define AGAIN_NS 1000000u /* when the other end was full */

/* What the driver has not been told yet about a port; told in this order. */
enum { DUE_ADD = 1, DUE_CONSOLE = 2, DUE_SIZE = 4, DUE_NAME = 8, DUE_OPEN = 16 };

struct port {
	struct vport_peer peer;
	struct vq_chain *out; /* the guest's bytes that the other end takes now; NULL: none */
	u64 out_at;
	struct timer again;
	struct virtio *v;
	u8 due, open;         /* open: a program in the guest has it */
	bool starved;         /* bytes for the guest wait outside */
};

struct console {
	struct virtio virtio;
	struct virtio_console_config config;
	unsigned nports;
	struct port port[VPORTS_MAX];
};

static struct console *console_of(struct virtio *v)
{
	return container_of(v, struct console, virtio);
}

/* The first port's queues come before the control queues. 5.3.2. */
static struct virtq *rx_queue(struct console *c, unsigned port)
{
	return &c->virtio.queue[port ? 2 * port + 2 : 0];
}

static struct virtq *tx_queue(struct console *c, unsigned port)
{
	return rx_queue(c, port) + 1;
}

/* ---- from the guest ---- */

static bool is_full(const struct port *p)
{
	return p->peer.full && p->peer.full(p->peer.ctx);
}

/* false: the other end is full, and there is more. */
static bool put_chain(struct port *p)
{
	u8 buf[256];
	size_t n;

	while (!is_full(p)) {
		n = vq_read(p->out, p->out_at, buf, sizeof(buf));
		if (!n)
			return true;
		for (size_t i = 0; i < n; i++)
			p->peer.put(p->peer.ctx, buf[i]);
		p->out_at += n;
	}
	return false;
}

static void take_output(struct console *c, unsigned i)
{
	struct virtq *q = tx_queue(c, i);
	struct port *p = &c->port[i];

	while (p->out || (p->out = vq_pop(q))) {
		if (!put_chain(p)) {
			timer_arm(&p->again, clock_now(c->virtio.dev->clock) + AGAIN_NS);
			break;
		}
		vq_push(p->out, 0);
		p->out = NULL;
		p->out_at = 0;
	}
	vq_signal(q);
}

static void on_again(struct timer *t)
{
	struct port *p = container_of(t, struct port, again);
	struct console *c = console_of(p->v);

	take_output(c, (unsigned)(p - c->port));
}

/* ---- to the guest ---- */

size_t virtio_console_in(struct dev *d, unsigned port, const u8 *buf, size_t len)
{
	struct console *c = d->state;
	struct port *p = &c->port[port];
	struct vq_chain *chain;
	size_t done = 0;

	while (done < len && (p->open || !port) && (chain = vq_pop(rx_queue(c, port)))) {
		size_t n = vq_write(chain, 0, buf + done, len - done);

		vq_push(chain, (u32)n);
		done += n;
	}
	vq_signal(rx_queue(c, port));
	p->starved = done < len;
	return done;
}

static void room(struct port *p)
{
	if (p->starved && p->peer.room)
		p->peer.room(p->peer.ctx);
}

/* ---- control messages ---- */

/* The message for one bit of due, and its length. */
static size_t message(const struct console *c, unsigned port, u8 due, u8 *buf)
{
	static const u16 event[] = {
		[DUE_ADD] = VIRTIO_CONSOLE_PORT_ADD, [DUE_CONSOLE] = VIRTIO_CONSOLE_CONSOLE_PORT,
		[DUE_SIZE] = VIRTIO_CONSOLE_RESIZE, [DUE_NAME] = VIRTIO_CONSOLE_PORT_NAME,
		[DUE_OPEN] = VIRTIO_CONSOLE_PORT_OPEN,
	};
	struct virtio_console_control m = { .id = port, .event = event[due], .value = 1 };
	const char *name = c->port[port].peer.name;
	size_t len = 0;

	memcpy(buf, &m, sizeof(m));
	if (due == DUE_SIZE) {
		len = 4;
		memcpy(buf + sizeof(m), &c->config, len); /* columns, rows */
	} else if (due == DUE_NAME) {
		len = strnlen(name, VPORT_NAME_MAX);
		memcpy(buf + sizeof(m), name, len);
	}
	return sizeof(m) + len;
}

/*D:2040 Messages that cannot pile up
 * A console with several ports tells the guest about each: that it is there, its name, its size. The
 * guest gives the buffers for that, perhaps none for a while, and asks as often as it likes. So
 * nothing is queued: each port has a set of bits, what the guest does not know yet, and tell() turns
 * bits into messages when there are buffers. A terminal that changed its size ten times is told once.
 * @test test/net/console.sh
 */
/* Tell what is due as far as the driver has given buffers. */
static void tell(struct console *c)
{
	struct virtq *q = &c->virtio.queue[CONTROL_RX];
	u8 buf[sizeof(struct virtio_console_control) + VPORT_NAME_MAX];
	struct vq_chain *chain;

	for (unsigned i = 0; i < c->nports; i++) {
		while (c->port[i].due && (chain = vq_pop(q))) {
			u8 due = c->port[i].due & (u8)-c->port[i].due;

			c->port[i].due &= (u8)~due;
			vq_push(chain, (u32)vq_write(chain, 0, buf, message(c, i, due, buf)));
		}
	}
	vq_signal(q);
}

static void take_message(struct console *c, const struct virtio_console_control *m)
{
	struct port *p = m->id < c->nports ? &c->port[m->id] : NULL;

	if (m->event == VIRTIO_CONSOLE_DEVICE_READY) {
		for (unsigned i = 0; i < c->nports && m->value; i++)
			c->port[i].due = DUE_ADD;
	} else if (m->event == VIRTIO_CONSOLE_PORT_READY && p && m->value) {
		p->due |= p->peer.name ? DUE_NAME | DUE_OPEN : DUE_CONSOLE | DUE_SIZE | DUE_OPEN;
	} else if (m->event == VIRTIO_CONSOLE_PORT_OPEN && p) {
		p->open = m->value != 0;
		room(p);
	}
}

static void take_messages(struct console *c)
{
	struct virtq *q = &c->virtio.queue[CONTROL_TX];
	struct virtio_console_control m;
	struct vq_chain *chain;

	while ((chain = vq_pop(q))) {
		if (vq_read(chain, 0, &m, sizeof(m)) == sizeof(m))
			take_message(c, &m);
		vq_push(chain, 0);
	}
	vq_signal(q);
	tell(c);
}

void virtio_console_resize(struct dev *d, u16 cols, u16 rows)
{
	struct console *c = d->state;

	c->config.cols = cols;
	c->config.rows = rows;
	for (unsigned i = 0; i < c->nports; i++)
		if (!c->port[i].peer.name && c->port[i].open)
			c->port[i].due |= DUE_SIZE;
	virtio_config_changed(&c->virtio);
	tell(c);
}

/* ---- the device ---- */

static void notify(struct virtio *v, unsigned queue)
{
	struct console *c = console_of(v);
	unsigned port = queue < CONTROL_RX ? 0 : queue / 2 - 1;

	if (queue == CONTROL_RX)
		tell(c);
	else if (queue == CONTROL_TX)
		take_messages(c);
	else if (queue & 1)
		take_output(c, port);
	else
		room(&c->port[port]);
}

/* A last word may be written to the configuration with no queue at all. 5.3.4. */
static void config_written(struct virtio *v, unsigned off, unsigned len)
{
	struct console *c = console_of(v);
	struct port *p = c->port;

	(void)len;
	if (off == offsetof(struct virtio_console_config, emerg_wr) && !p->peer.name && !is_full(p))
		p->peer.put(p->peer.ctx, (u8)c->config.emerg_wr);
}

static void reset(struct virtio *v)
{
	struct console *c = console_of(v);

	for (unsigned i = 0; i < c->nports; i++) {
		struct port *p = &c->port[i];

		timer_cancel(&p->again);
		if (p->out)
			vq_push(p->out, 0);
		p->out = NULL;
		p->out_at = 0;
		p->due = p->open = 0;
	}
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_CONSOLE, .pci_class = 0x078000, .legacy = true, .queue_size = 64,
	.notify = notify, .config_written = config_written, .reset = reset,
};

static const struct virtio_console_config config_writable = { .emerg_wr = 0xffffffff };

void virtio_console_wire(struct dev *d, const struct virtio_host *h, const struct vport_peer *peer,
			 unsigned n)
{
	struct console *c = d->state;
	struct virtio_setup s = {
		.ops = &ops, .nqueues = 2 * n + 2, .config = &c->config,
		.config_len = sizeof(c->config), .config_writable = (const u8 *)&config_writable,
		.features = 1ull << VIRTIO_CONSOLE_F_MULTIPORT | 1ull << VIRTIO_CONSOLE_F_SIZE |
			    1ull << VIRTIO_CONSOLE_F_EMERG_WRITE,
	};

	BUG_ON(!n || n > VPORTS_MAX);
	c->nports = n;
	c->config.max_nr_ports = n;
	for (unsigned i = 0; i < n; i++) {
		c->port[i].peer = peer[i];
		c->port[i].v = &c->virtio;
		timer_init(&c->port[i].again, d->clock, on_again);
	}
	virtio_wire(d, h, &s);
}

static const struct dev_field fields[] = {
	VIRTIO_FIELDS(console), FIELD(console, config.cols, U16), FIELD(console, config.rows, U16),
	FIELD_EACH(console, port, due, U8), FIELD_EACH(console, port, open, U8), { 0 },
};

const struct dev_ops virtio_console_ops =
	VIRTIO_DEV_OPS("virtio-console", "consoles and named ports", console, fields);
