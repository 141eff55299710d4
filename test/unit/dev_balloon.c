/* dev_balloon.c - memory that the guest gives back: pages it reports, pages it names. */
/* @links src/base src/dev src/mem src/disk src/net src/fs */
#include "virtio_kit.h"

#define PAGE_A (KIT_DATA + 0x10000)
#define PAGE_B (KIT_DATA + 0x20000)

static void wire(struct dev *d, const struct virtio_host *h, void *arg)
{
	(void)arg;
	virtio_balloon_wire(d, h);
}

/* The card reads zeroes from what was given back; the byte at at was 0x55. */
static u8 peek(struct kit *k, u64 at)
{
	return *mem_host(k->mem, GPA(at), 1);
}

static void start(struct kit *k, u16 queue)
{
	kit_wire(k, &virtio_balloon_ops, wire, NULL, false);
	kit_start(k, ~0ull);
	kit_put(k, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	if (queue)
		kit_queue(k, queue);
	memset(mem_host_w(k->mem, GPA(KIT_DATA), 0x100000), 0x55, 0x100000);
}

static void balloon_gives_pages_back(void **unused)
{
	u32 pfn[] = { PAGE_A >> 12, 0xffffffff, 0x400, PAGE_B >> 12 }; /* two of them are no RAM */
	struct kit k;

	(void)unused;
	start(&k, 0);
	memcpy(mem_host_w(k.mem, GPA(KIT_DATA), sizeof(pfn)), pfn, sizeof(pfn));
	kit_desc(&k, 0, KIT_DATA, sizeof(pfn), 0, 0);
	kit_offer(&k, 0);
	kit_kick(&k);
	assert_int_equal(kit_used(&k), 1);
	assert_int_equal(peek(&k, PAGE_A), 0);
	assert_int_equal(peek(&k, PAGE_B + 4095), 0);
	assert_int_equal(peek(&k, PAGE_A - 1), 0x55);
	assert_int_equal(peek(&k, PAGE_B + 4096), 0x55);
	kit_fini(&k);
}

static void balloon_takes_reported_pages(void **unused)
{
	struct kit k;

	(void)unused;
	start(&k, 2);
	kit_desc(&k, 0, PAGE_A, 0x2000, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	kit_desc(&k, 1, PAGE_B + 1, 0x2000, VRING_DESC_F_WRITE, 0); /* whole pages of it only */
	kit_offer(&k, 0);
	kit_put(&k, 0x3000 + 4 * 2, 2, 2);
	assert_int_equal(kit_used(&k), 1);
	assert_int_equal(peek(&k, PAGE_A + 0x1fff), 0);
	assert_int_equal(peek(&k, PAGE_A + 0x2000), 0x55);
	assert_int_equal(peek(&k, PAGE_B), 0x55);
	assert_int_equal(peek(&k, PAGE_B + 0x1000), 0);
	assert_int_equal(peek(&k, PAGE_B + 0x2000), 0x55);
	kit_fini(&k);
}

static void balloon_tells_its_size(void **unused)
{
	struct kit k;
	u8 generation;

	(void)unused;
	start(&k, 0);
	generation = (u8)kit_get(&k, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	virtio_balloon_set(&k.card, MIB(1));
	assert_int_equal(kit_get(&k, 0x2000, 4), 256);
	assert_int_not_equal(kit_get(&k, VIRTIO_PCI_COMMON_CFGGENERATION, 1), generation);
	kit_put(&k, 0x2004, 4, 17);
	assert_int_equal(kit_get(&k, 0x2004, 4), 17);
	kit_put(&k, 0x2000, 4, 17); /* not the driver's to change */
	assert_int_equal(kit_get(&k, 0x2000, 4), 256);
	kit_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balloon_gives_pages_back),
		cmocka_unit_test(balloon_takes_reported_pages),
		cmocka_unit_test(balloon_tells_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
