/* dev_virtio.c - the virtio core: registers, both rings, chains that make no sense, resets. */
/* @links src/base src/dev src/mem src/disk src/net src/fs */
#include "virtio_kit.h"

/* A device that echoes: what it reads of a chain it writes behind it. */
struct echo {
	struct virtio virtio;
	u32 config;
	struct vq_chain *held;
	bool hold; /* keep the next chain */
	unsigned n;
};

static const struct dev_field echo_fields[] = { VIRTIO_FIELDS(echo), { 0 } };

static void echo_notify(struct virtio *v, unsigned queue)
{
	struct echo *x = (struct echo *)v;
	struct vq_chain *c;
	u8 buf[64];

	while ((c = vq_pop(&v->queue[queue]))) {
		size_t n = vq_read(c, 0, buf, sizeof(buf));

		x->n++;
		if (x->hold) {
			x->held = c;
			x->hold = false;
			continue;
		}
		vq_push(c, (u32)vq_write(c, 0, buf, n));
	}
	vq_signal(&v->queue[queue]);
}

static const struct virtio_ops echo_virtio = {
	.id = VIRTIO_ID_RNG, .pci_class = 0xff0000, .legacy = true, .queue_size = 16,
	.notify = echo_notify,
};

static const struct dev_ops echo_ops = VIRTIO_DEV_OPS("echo", "echoes", echo, echo_fields);

static void echo_wire(struct dev *d, const struct virtio_host *h, void *arg)
{
	struct echo *x = d->state;

	(void)arg;
	x->config = 0x12345678;
	virtio_wire(d, h, &(struct virtio_setup){
		.ops = &echo_virtio, .nqueues = 2, .config = &x->config, .config_len = 4 });
}

static void start(struct kit *k, u64 features)
{
	kit_wire(k, &echo_ops, echo_wire, NULL, features >> VIRTIO_F_RING_PACKED & 1);
	kit_start(k, features);
}

static void virtio_negotiates(void **unused)
{
	struct kit k;

	(void)unused;
	kit_wire(&k, &echo_ops, echo_wire, NULL, false);
	kit_status(&k, 3);
	kit_put(&k, VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	assert_int_equal(kit_get(&k, VIRTIO_PCI_COMMON_DF, 4), 1); /* VERSION_1, no packed rings */
	assert_int_equal(kit_get(&k, VIRTIO_PCI_COMMON_NUMQ, 2), 2);
	assert_int_equal(kit_get(&k, 0x2000, 4), 0x12345678);
	kit_status(&k, 11); /* without VERSION_1: refused */
	assert_int_equal(kit_get(&k, VIRTIO_PCI_COMMON_STATUS, 1), 3);
	kit_start(&k, ~0ull); /* what was not offered is not agreed on */
	assert_int_equal(k.v->features, k.v->offer);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x5000); /* too late */
	assert_int_equal(kit_get(&k, VIRTIO_PCI_COMMON_Q_DESCLO, 4), KIT_DESC);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_SELECT, 2, 9); /* no such queue */
	assert_int_equal(kit_get(&k, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	kit_fini(&k);
}

/* Config space has a window into the BARs, for who cannot reach them. */
static void virtio_has_a_window(void **unused)
{
	struct pci_dev *p;
	struct kit k;
	unsigned cap;

	(void)unused;
	kit_wire(&k, &echo_ops, echo_wire, NULL, false);
	p = &k.v->pci;
	cap = p->last_cap;
	p->config[cap + VIRTIO_PCI_CAP_BAR] = 4;
	pci_put32(p->config, cap + VIRTIO_PCI_CAP_OFFSET, 0x2000);
	pci_put32(p->config, cap + VIRTIO_PCI_CAP_LENGTH, 4);
	p->config_reading(p, cap + 16, 4);
	assert_int_equal(pci_get32(p->config, cap + 16), 0x12345678);
	pci_put32(p->config, cap + VIRTIO_PCI_CAP_OFFSET, VIRTIO_PCI_COMMON_STATUS);
	pci_put32(p->config, cap + VIRTIO_PCI_CAP_LENGTH, 1);
	pci_put32(p->config, cap + 16, 0xff01);
	p->config_written(p, cap + 16, 1);
	assert_int_equal(kit_get(&k, VIRTIO_PCI_COMMON_STATUS, 1), 1);
	pci_put32(p->config, cap + VIRTIO_PCI_CAP_OFFSET, 0xfffffff0); /* outside: nothing happens */
	p->config_written(p, cap + 16, 1);
	kit_fini(&k);
}

static void virtio_serves_a_split_ring(void **unused)
{
	struct kit k;
	u8 *data;

	(void)unused;
	start(&k, 0);
	data = mem_host_w(k.mem, GPA(KIT_DATA), 64);
	for (unsigned i = 0; i < 3 * KIT_SIZE; i++) {
		memset(data, 0, 64);
		memcpy(data, "abcdef", 6);
		data[5] = (u8)i;
		kit_desc(&k, 1, KIT_DATA, 4, VRING_DESC_F_NEXT, 3);
		kit_desc(&k, 3, KIT_DATA + 4, 2, VRING_DESC_F_NEXT, 0);
		kit_desc(&k, 0, KIT_DATA + 16, 20, VRING_DESC_F_WRITE, 0);
		kit_offer(&k, 1);
		kit_kick(&k);
		assert_int_equal(kit_used(&k), i + 1);
		assert_memory_equal(data + 16, "abcde", 5);
		assert_int_equal(data[16 + 5], (u8)i);
		assert_int_equal(k.interrupts, i + 1);
	}
	kit_fini(&k);
}

static void virtio_follows_an_indirect_table(void **unused)
{
	struct vring_desc table[2] = {
		{ KIT_DATA + 64, 3, VRING_DESC_F_NEXT, 1 }, { KIT_DATA + 80, 3, VRING_DESC_F_WRITE, 0 },
	};
	struct kit k;
	u8 *data;

	(void)unused;
	start(&k, 1ull << VIRTIO_RING_F_INDIRECT_DESC);
	data = mem_host_w(k.mem, GPA(KIT_DATA), 128);
	memcpy(data, table, sizeof(table));
	memcpy(data + 64, "xyz", 3);
	kit_desc(&k, 2, KIT_DATA, sizeof(table), VRING_DESC_F_INDIRECT, 0);
	kit_offer(&k, 2);
	kit_kick(&k);
	assert_memory_equal(data + 80, "xyz", 3);
	kit_fini(&k);
}

static void pdesc(struct kit *k, unsigned i, u64 at, u32 len, u16 id, unsigned flags)
{
	struct vring_packed_desc d = { at, len, id, (u16)flags };

	memcpy(mem_host_w(k->mem, GPA(KIT_DESC + i * sizeof(d)), sizeof(d)), &d, sizeof(d));
}

#define AVAIL(wrap) ((wrap) ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED)

/* Chains of two in a ring of eight, several times round; each is answered in its first slot. */
static void virtio_serves_a_packed_ring(void **unused)
{
	struct kit k;
	u8 *data;

	(void)unused;
	start(&k, 1ull << VIRTIO_F_RING_PACKED);
	data = mem_host_w(k.mem, GPA(KIT_DATA), 64);
	for (unsigned i = 0; i < 20; i++) {
		unsigned at = 2 * i % KIT_SIZE, wrap = !(2 * i / KIT_SIZE % 2);
		struct vring_packed_desc d;

		memset(data, 0, 64);
		memcpy(data, "pack", 4);
		pdesc(&k, at, KIT_DATA, 4, 0, VRING_DESC_F_NEXT | AVAIL(wrap));
		pdesc(&k, at + 1, KIT_DATA + 8, 9, (u16)(100 + i), VRING_DESC_F_WRITE | AVAIL(wrap));
		kit_kick(&k);
		memcpy(&d, mem_host(k.mem, GPA(KIT_DESC + at * 16), 16), 16);
		assert_int_equal(d.id, 100 + i);
		assert_int_equal(d.len, 4);
		assert_int_equal(!!(d.flags & 1u << VRING_PACKED_DESC_F_USED), wrap);
		assert_memory_equal(data + 8, "pack", 4);
		assert_int_equal(k.interrupts, i + 1);
	}
	kit_fini(&k);
}

/* A driver that follows the event index is interrupted when its index is passed, and only then. */
static void virtio_keeps_to_event_indexes(void **unused)
{
	struct vring_avail *a;
	struct kit k;

	(void)unused;
	start(&k, 1ull << VIRTIO_RING_F_EVENT_IDX);
	a = (void *)mem_host_w(k.mem, GPA(KIT_DRIVER), 64);
	a->ring[KIT_SIZE] = 2;
	for (unsigned i = 0; i < 5; i++) {
		kit_desc(&k, 0, KIT_DATA, 4, VRING_DESC_F_WRITE, 0);
		kit_offer(&k, 0);
		kit_kick(&k);
		assert_int_equal(k.interrupts, i >= 2);
		/* The device asks to be notified of the very next chain. */
		assert_int_equal(*(u16 *)(void *)mem_host(k.mem, GPA(KIT_DEVICE + 4 + 8 * KIT_SIZE), 2),
				 i + 1);
	}
	kit_fini(&k);
}

static void virtio_puts_a_chain_back(void **unused)
{
	struct vq_chain *c;
	struct virtq *q;
	struct kit k;

	(void)unused;
	start(&k, 0);
	q = &k.v->queue[0];
	kit_desc(&k, 0, KIT_DATA, 4, VRING_DESC_F_WRITE, 0);
	kit_offer(&k, 0);
	c = vq_pop(q);
	assert_non_null(c);
	assert_false(vq_more(q));
	vq_unpop(c);
	assert_true(vq_more(q));
	assert_int_equal(k.v->held, 0);
	kit_fini(&k);
}

struct bad {
	const char *what;
	u64 at;
	u32 len;
	u16 flags, next;
};

static void virtio_refuses_bad_chains(void **unused)
{
	static const struct bad bad[] = {
		{ "a loop", KIT_DATA, 4, VRING_DESC_F_NEXT, 0 },
		{ "outside RAM", 0x500000, 4, 0, 0 },
		{ "over the end of RAM", 0x3ffffe, 4, 0, 0 },
		{ "address wraps", UINT64_MAX, 4, 0, 0 },
		{ "no length", KIT_DATA, 0, 0, 0 },
		{ "huge", KIT_DATA, UINT32_MAX, 0, 0 },
		{ "next is no descriptor", KIT_DATA, 4, VRING_DESC_F_NEXT, KIT_SIZE },
		{ "readable behind writable", KIT_DATA, 4, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 },
		{ "table with a broken length", KIT_DATA, 17, VRING_DESC_F_INDIRECT, 0 },
		{ "empty table", KIT_DATA, 0, VRING_DESC_F_INDIRECT, 0 },
		{ "table outside RAM", 0x500000, 16, VRING_DESC_F_INDIRECT, 0 },
		{ "table in the middle", KIT_DATA, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1 },
		{ "table that names itself", KIT_DESC, 16, VRING_DESC_F_INDIRECT, 0 },
	};

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct bad *b = &bad[i];
		struct kit k;

		start(&k, 1ull << VIRTIO_RING_F_INDIRECT_DESC);
		kit_desc(&k, 0, b->at, b->len, b->flags, b->next);
		kit_desc(&k, 1, KIT_DATA, 4, 0, 0);
		kit_offer(&k, 0);
		kit_kick(&k);
		if (!kit_broken(&k))
			fail_msg("%s was taken", b->what);
		assert_int_equal(kit_used(&k), 0);
		assert_int_equal(k.v->held, 0);
		kit_start(&k, 0); /* a reset heals it */
		assert_false(kit_broken(&k));
		kit_desc(&k, 1, KIT_DATA, 4, VRING_DESC_F_WRITE, 0);
		kit_offer(&k, 1);
		kit_kick(&k);
		assert_int_equal(kit_used(&k), 1);
		kit_fini(&k);
	}
}

static void virtio_refuses_bad_rings(void **unused)
{
	struct kit k;

	(void)unused;
	start(&k, 0);
	k.avail = KIT_SIZE; /* more is offered than there is room for */
	kit_offer(&k, 0);
	kit_kick(&k);
	assert_true(kit_broken(&k));
	kit_start(&k, 0);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0xfffff000);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	assert_true(kit_broken(&k));
	kit_start(&k, 0);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_DESCLO, 4, KIT_DESC + 4);
	kit_put(&k, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	assert_true(kit_broken(&k));
	kit_fini(&k);
}

static void virtio_reset_voids_chains(void **unused)
{
	struct echo *x;
	struct kit k;

	(void)unused;
	start(&k, 0);
	x = k.card.state;
	x->hold = true;
	kit_desc(&k, 0, KIT_DATA, 4, VRING_DESC_F_WRITE, 0);
	kit_offer(&k, 0);
	kit_kick(&k);
	assert_non_null(x->held);
	kit_status(&k, 0);
	assert_int_not_equal(kit_get(&k, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	vq_push(x->held, 4);
	assert_int_equal(kit_get(&k, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	assert_int_equal(kit_used(&k), 0);
	kit_fini(&k);
}

/* The old interface: ports, one address for the whole queue. */
static void virtio_serves_an_old_driver(void **unused)
{
	struct vring_avail *a;
	struct kit k;

	(void)unused;
	kit_wire(&k, &echo_ops, echo_wire, NULL, false);
	assert_int_equal(pci_get32(k.v->pci.config, 0), 0x10051af4);
	virtio_write(&k.card, 0, VIRTIO_PCI_STATUS, 1, 3);
	virtio_write(&k.card, 0, VIRTIO_PCI_GUEST_FEATURES, 4, 0);
	virtio_write(&k.card, 0, VIRTIO_PCI_QUEUE_SEL, 2, 0);
	assert_int_equal(virtio_read(&k.card, 0, VIRTIO_PCI_QUEUE_NUM, 2), 16);
	virtio_write(&k.card, 0, VIRTIO_PCI_QUEUE_PFN, 4, KIT_DESC >> 12);
	assert_int_equal(virtio_read(&k.card, 0, VIRTIO_PCI_QUEUE_PFN, 4), KIT_DESC >> 12);
	assert_int_equal(virtio_read(&k.card, 0, VIRTIO_PCI_CONFIG_OFF(true), 4), 0x12345678);
	kit_desc(&k, 0, KIT_DATA, 4, VRING_DESC_F_WRITE, 0);
	a = (void *)mem_host_w(k.mem, GPA(KIT_DESC + 16 * 16), 64);
	a->idx = 1;
	virtio_write(&k.card, 0, VIRTIO_PCI_QUEUE_NOTIFY, 2, 0); /* before it says that it is ready */
	assert_int_equal(((struct vring_used *)(void *)mem_host(k.mem, GPA(0x2000), 64))->idx, 1);
	kit_fini(&k);
}

/* Without MSI-X there is a wire, and a register that says why it was pulled. */
static void virtio_falls_back_to_a_wire(void **unused)
{
	struct kit k;

	(void)unused;
	start(&k, 0);
	pci_put16(k.v->pci.config, k.v->msix.cap + PCI_MSIX_FLAGS, 0);
	kit_desc(&k, 0, KIT_DATA, 4, VRING_DESC_F_WRITE, 0);
	kit_offer(&k, 0);
	kit_kick(&k);
	assert_int_equal(k.interrupts, 0);
	assert_true(k.v->pci.intx);
	assert_int_equal(kit_get(&k, 0x1000, 1), 1);
	assert_false(k.v->pci.intx);
	assert_int_equal(kit_get(&k, 0x1000, 1), 0);
	virtio_config_changed(k.v);
	assert_int_equal(kit_get(&k, 0x1000, 1), VIRTIO_PCI_ISR_CONFIG);
	kit_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virtio_negotiates),
		cmocka_unit_test(virtio_has_a_window),
		cmocka_unit_test(virtio_serves_a_split_ring),
		cmocka_unit_test(virtio_follows_an_indirect_table),
		cmocka_unit_test(virtio_serves_a_packed_ring),
		cmocka_unit_test(virtio_keeps_to_event_indexes),
		cmocka_unit_test(virtio_puts_a_chain_back),
		cmocka_unit_test(virtio_refuses_bad_chains),
		cmocka_unit_test(virtio_refuses_bad_rings),
		cmocka_unit_test(virtio_reset_voids_chains),
		cmocka_unit_test(virtio_serves_an_old_driver),
		cmocka_unit_test(virtio_falls_back_to_a_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
