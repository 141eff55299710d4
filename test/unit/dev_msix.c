/* dev_msix.c - MSI-X: what is raised while masked, and what the guest may write. */
/* @links src/base src/dev src/net src/mem src/disk src/fs */
#include <linux/pci_regs.h>

#include "dev_kit.h"

#define BAR 1
#define ECAM(off) (PCI_ECAM_BASE + (1 << 15) + (off)) /* slot 1 */

struct card {
	struct pci_dev pci;
	struct pci_msix msix;
	struct dev dev, host, reset;
	struct bus *bus;
	struct clock *clock;
	unsigned sent;
	u64 at;
	u32 data;
};

static u64 card_read(struct dev *d, unsigned bar, u64 off, unsigned size)
{
	(void)bar;
	return pci_msix_read(&((struct card *)d->state)->msix, off, size);
}

static void card_write(struct dev *d, unsigned bar, u64 off, unsigned size, u64 val)
{
	struct card *c = d->state;

	(void)bar;
	pci_msix_write(&c->pci, &c->msix, off, size, val);
}

static const struct dev_ops card_ops = { .name = "card", .read = card_read, .write = card_write };

static void on_msi(void *ctx, u64 at, u32 data)
{
	struct card *c = ctx;

	c->sent++;
	c->at = at;
	c->data = data;
}

static void on_config(struct pci_dev *p, unsigned off, unsigned size)
{
	struct card *c = container_of(p, struct card, pci);

	pci_msix_config_written(p, &c->msix, off, size);
}

static void card_init(struct card *c)
{
	struct pci_wiring w = { .reset = &c->reset, .msi = on_msi, .ctx = c };
	struct err e;

	*c = (struct card){ .clock = kit_clock() };
	assert_int_equal(bus_new(&c->bus, &e), 0);
	c->reset = kit_dev(&reset_ops, c->clock, 0);
	c->host = kit_dev(&pci_ops, c->clock, 0);
	assert_int_equal(bus_add(c->bus, &c->host, &e), 0);
	w.bus = c->bus;
	pci_wire(&c->host, &w);
	c->dev = (struct dev){ .ops = &card_ops, .state = c };
	c->pci.dev = &c->dev;
	c->pci.config_written = on_config;
	pci_msix_init(&c->pci, &c->msix, BAR, 2);
	assert_int_equal(pci_add(&c->host, 1, &c->pci, &e), 0);
	bus_write(c->bus, DEV_MMIO, ECAM(PCI_BASE_ADDRESS_1), 4, 0xc0000000);
	bus_write(c->bus, DEV_MMIO, ECAM(PCI_COMMAND), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void card_fini(struct card *c)
{
	dev_fini(&c->host);
	dev_fini(&c->reset);
	bus_free(c->bus);
	clock_free(c->clock);
}

static void control(struct card *c, u16 flags)
{
	bus_write(c->bus, DEV_MMIO, ECAM(c->msix.cap + PCI_MSIX_FLAGS), 2, flags);
}

static void entry(struct card *c, unsigned word, u32 val)
{
	bus_write(c->bus, DEV_MMIO, 0xc0000000 + 16 + 4 * word, 4, val); /* of vector 1 */
}

static u64 pending(struct card *c)
{
	return bus_read(c->bus, DEV_MMIO, 0xc0000800, 8);
}

static void msix_keeps_what_is_masked(void **unused)
{
	struct card c;

	(void)unused;
	card_init(&c);
	entry(&c, 0, 0xfee01000);
	entry(&c, 2, 0x41);
	pci_msix_raise(&c.pci, &c.msix, 1);
	assert_int_equal(c.sent, 0); /* not switched on: neither sent nor kept */
	assert_int_equal(pending(&c), 0);

	control(&c, PCI_MSIX_FLAGS_ENABLE);
	pci_msix_raise(&c.pci, &c.msix, 1);
	assert_int_equal(c.sent, 0);
	assert_int_equal(pending(&c), 2);
	control(&c, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	entry(&c, 3, 0);
	assert_int_equal(c.sent, 0);
	control(&c, PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(c.sent, 1);
	assert_int_equal(c.at, 0xfee01000);
	assert_int_equal(c.data, 0x41);
	assert_int_equal(pending(&c), 0);
	pci_msix_raise(&c.pci, &c.msix, 1);
	assert_int_equal(c.sent, 2);
	pci_msix_raise(&c.pci, &c.msix, 7); /* no such vector */
	assert_int_equal(c.sent, 2);
	card_fini(&c);
}

static void msix_capability_is_found(void **unused)
{
	struct card c;
	unsigned at;

	(void)unused;
	card_init(&c);
	assert_true(bus_read(c.bus, DEV_MMIO, ECAM(PCI_STATUS), 2) & PCI_STATUS_CAP_LIST);
	at = (unsigned)bus_read(c.bus, DEV_MMIO, ECAM(PCI_CAPABILITY_LIST), 1);
	assert_int_equal(bus_read(c.bus, DEV_MMIO, ECAM(at), 1), PCI_CAP_ID_MSIX);
	assert_int_equal(bus_read(c.bus, DEV_MMIO, ECAM(at + PCI_MSIX_FLAGS), 2), 1); /* two vectors */
	bus_write(c.bus, DEV_MMIO, 0xc0000000 + 16, 2, 0xffff); /* half a word: ignored */
	assert_int_equal(bus_read(c.bus, DEV_MMIO, 0xc0000000 + 16, 4), 0);
	card_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(msix_keeps_what_is_masked),
		cmocka_unit_test(msix_capability_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
