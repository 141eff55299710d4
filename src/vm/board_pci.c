/* board_pci.c - the cards of a machine: which kinds there are, and which slots they get. */
#include <errno.h>
#include <stdlib.h>

#include "vm/board_int.h"

/*
 * A kind of card, one row. Its state begins with its struct pci_dev, which wire() fills in; a virtio
 * device's does.
 */
struct card_kind {
	const struct dev_ops *ops;
	unsigned (*count)(const struct board *b); /* how many of them the machine has */
	void (*wire)(struct board *b, struct dev *d, unsigned i); /* the i-th of them */
	/* Let go of requests under way and wait for them: no card touches guest memory after that. */
	void (*drain)(struct dev *d);
	void (*unwire)(struct dev *d);
};

struct card {
	const struct card_kind *kind;
	unsigned number; /* of its kind */
	struct dev dev;
};

static struct virtio_host host_of(struct board *b)
{
	return (struct virtio_host){
		.mem = b->config.mem, .lock = &b->lock, .packed = b->config.cards.packed_rings,
		.synchronous = b->config.deterministic,
	};
}

static void drain_virtio(struct dev *d)
{
	virtio_drain(d->state);
}

static bool is_ide(const struct vm_disk *d)
{
	return d->on == VM_DISK_IDE || d->on == VM_DISK_CDROM;
}

/* One controller has room for all that there may be. */
static unsigned count_ide(const struct board *b)
{
	for (unsigned i = 0; i < b->config.cards.ndisks; i++)
		if (is_ide(&b->config.cards.disk[i]))
			return 1;
	return 0;
}

/* A CD-ROM drive is where PCs have had it: first on the second cable. */
static void wire_ide(struct board *b, struct dev *d, unsigned number)
{
	static const u8 order[2][IDE_DRIVES] = { { 0, 1, 3, 2 }, { 2, 3, 1, 0 } };
	struct ide_wiring w = {
		.mem = b->config.mem, .lock = &b->lock, .synchronous = b->config.deterministic,
		.irq = { &b->source[SOURCE_IDE1].irq, &b->source[SOURCE_IDE2].irq },
	};

	(void)number;
	for (unsigned i = 0; i < b->config.cards.ndisks; i++) {
		const struct vm_disk *disk = &b->config.cards.disk[i];
		const u8 *at = order[disk->on == VM_DISK_CDROM], *end = at + IDE_DRIVES;

		while (is_ide(disk) && at < end && w.disk[*at])
			at++;
		if (is_ide(disk) && at < end)
			w.disk[*at] = disk->disk;
	}
	ide_wire(d, &w);
}

static unsigned one(const struct board *b)
{
	(void)b;
	return 1;
}

static const struct vm_disk *disk_of(const struct board *b, enum vm_disk_on on, unsigned i)
{
	for (unsigned k = 0; k < b->config.cards.ndisks; k++)
		if (b->config.cards.disk[k].on == on && !i--)
			return &b->config.cards.disk[k];
	return NULL;
}

static unsigned count_blk(const struct board *b)
{
	unsigned n = 0;

	while (disk_of(b, VM_DISK_VIRTIO, n))
		n++;
	return n;
}

static void wire_blk(struct board *b, struct dev *d, unsigned i)
{
	struct virtio_host h = host_of(b);

	virtio_blk_wire(d, &h, disk_of(b, VM_DISK_VIRTIO, i)->disk, b->config.ncpus);
}

static void wire_rng(struct board *b, struct dev *d, unsigned i)
{
	struct virtio_host h = host_of(b);

	(void)i;
	virtio_rng_wire(d, &h);
}

static void wire_balloon(struct board *b, struct dev *d, unsigned i)
{
	struct virtio_host h = host_of(b);

	(void)i;
	virtio_balloon_wire(d, &h);
}

static unsigned nets(const struct board *b)
{
	return b->config.cards.nnets;
}

static void wire_net(struct board *b, struct dev *d, unsigned i)
{
	struct virtio_host h = host_of(b);

	virtio_net_wire(d, &h, b->config.cards.net[i]);
}

static unsigned shares(const struct board *b)
{
	return b->config.cards.nshares;
}

static void wire_share(struct board *b, struct dev *d, unsigned i)
{
	const struct vm_share *s = &b->config.cards.share[i];
	struct virtio_host h = host_of(b);

	virtio_fs_wire(d, &h, s->fs, s->tag);
}

static unsigned vsocks(const struct board *b)
{
	return b->config.cards.vsock != NULL;
}

static void wire_vsock(struct board *b, struct dev *d, unsigned i)
{
	struct virtio_host h = host_of(b);

	(void)i;
	virtio_vsock_wire(d, &h, b->config.cards.vsock);
}

static unsigned consoles(const struct board *b)
{
	return b->config.cards.nvports > 0;
}

static struct serial_backend *backend(const struct cable *c)
{
	return c->board->config.serial[c->port];
}

static void port_put(void *ctx, u8 byte)
{
	struct serial_backend *s = backend(ctx);

	if (s)
		s->put(s, byte);
}

static bool port_full(void *ctx)
{
	struct serial_backend *s = backend(ctx);

	return s && s->full && s->full(s);
}

static void port_room(void *ctx)
{
	const struct cable *c = ctx;
	const struct board_calls *calls = &c->board->config.calls;

	if (calls->serial_room)
		calls->serial_room(calls->ctx, c->port);
}

static void wire_console(struct board *b, struct dev *d, unsigned i)
{
	const struct vm_cards *cards = &b->config.cards;
	struct vport_peer peer[VPORTS_MAX];
	struct virtio_host h = host_of(b);

	(void)i;
	for (unsigned k = 0; k < cards->nvports; k++) {
		struct cable *c = &b->cable[VM_VPORT + k];

		*c = (struct cable){ b, VM_VPORT + k };
		peer[k] = (struct vport_peer){ c, cards->vport_name[k], port_put, port_full, port_room };
	}
	b->vconsole = d;
	virtio_console_wire(d, &h, peer, cards->nvports);
}

/* In the order of their slots. */
static const struct card_kind kinds[] = {
	{ &virtio_blk_ops, count_blk, wire_blk, drain_virtio, virtio_unwire },
	{ &virtio_rng_ops, one, wire_rng, drain_virtio, virtio_unwire },
	{ &virtio_balloon_ops, one, wire_balloon, drain_virtio, virtio_unwire },
	{ &virtio_net_ops, nets, wire_net, drain_virtio, virtio_net_unwire },
	{ &virtio_fs_ops, shares, wire_share, drain_virtio, virtio_fs_unwire },
	{ &virtio_vsock_ops, vsocks, wire_vsock, drain_virtio, virtio_vsock_unwire },
	{ &virtio_console_ops, consoles, wire_console, drain_virtio, virtio_unwire },
	{ &ide_ops, count_ide, wire_ide, ide_drain, ide_unwire },
};

static int make_kind(struct board *b, const struct card_kind *kind, struct err *e)
{
	unsigned n = kind->count(b);
	int rc = 0;

	for (unsigned i = 0; i < n && !rc; i++) {
		struct card *c = &b->card[b->ncards];

		if (b->ncards == PCI_SLOTS - 1)
			return err_set(e, -ENOSPC, "the machine has room for %d cards: disks, networks "
				       "and shares together", PCI_SLOTS - 1);
		*c = (struct card){ .kind = kind, .number = i };
		rc = dev_init(&c->dev, kind->ops, b->clock, 0, e);
		if (!rc)
			rc = bus_add(b->bus, &c->dev, e); /* fixed addresses, of those that have any */
		b->ncards += !rc;
	}
	return rc;
}

int board_cards_make(struct board *b, struct err *e)
{
	int rc = 0;

	b->card = calloc(PCI_SLOTS - 1, sizeof(*b->card));
	if (!b->card)
		return err_set(e, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < ARRAY_SIZE(kinds) && !rc; i++)
		rc = make_kind(b, &kinds[i], e);
	return rc;
}

void board_cards_wire(struct board *b)
{
	for (unsigned i = 0; i < b->ncards; i++) {
		struct card *c = &b->card[i];
		struct err e;

		c->kind->wire(b, &c->dev, c->number);
		BUG_ON(pci_add(&b->pci, 1 + i, c->dev.state, &e)); /* each has a slot of its own */
	}
}

void board_cards_reset(struct board *b)
{
	for (unsigned i = 0; i < b->ncards; i++)
		b->card[i].kind->ops->reset(&b->card[i].dev);
}

void board_cards_drain(struct board *b)
{
	for (unsigned i = 0; i < b->ncards; i++)
		if (b->card[i].kind->drain)
			b->card[i].kind->drain(&b->card[i].dev);
}

void board_cards_free(struct board *b)
{
	pthread_mutex_lock(&b->lock);
	board_cards_drain(b);
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < b->ncards; i++) {
		if (b->card[i].kind->unwire)
			b->card[i].kind->unwire(&b->card[i].dev);
		dev_fini(&b->card[i].dev);
	}
	free(b->card);
}

void board_balloon(struct board *b, u64 bytes)
{
	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; i < b->ncards; i++)
		if (b->card[i].dev.ops == &virtio_balloon_ops)
			virtio_balloon_set(&b->card[i].dev, bytes);
	pthread_mutex_unlock(&b->lock);
}
