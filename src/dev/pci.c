/* pci.c - the PCI host bridge: configuration space by ports and by ECAM, and where BARs answer.
 * Source: PCI Local Bus 3.0 3.2.2.3, 6.2; PCI Express Base 7.2.2; Intel Q35 (82Q35 MCH)
 * and 440FX data sheets. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "base/log.h"
#include "dev/dev.h"

enum { CMD_IO = PCI_COMMAND_IO, CMD_MEMORY = PCI_COMMAND_MEMORY, CMD_MASTER = PCI_COMMAND_MASTER,
       CMD_INTX_OFF = PCI_COMMAND_INTX_DISABLE, STATUS_INTX = PCI_STATUS_INTERRUPT };
enum { REGION_PORTS, REGION_ECAM };
#define ADDRESS_ENABLE (1u << 31)
#define Q35_PCIEXBAR 0x60
#define Q35_PAM 0x90
#define I440FX_PAM 0x59

struct pci {
	u32 address; /* port 0xcf8 */
	struct pci_wiring w;
	struct pci_dev bridge;
	struct pci_dev *slot[PCI_SLOTS];
	u8 intx_count[4]; /* functions that hold this line */
};

static const struct dev_field pci_fields[] = { FIELD(pci, address, U32), { 0 } };

void pci_put16(u8 *config, unsigned off, u16 val)
{
	memcpy(config + off, &val, sizeof(val));
}

void pci_put32(u8 *config, unsigned off, u32 val)
{
	memcpy(config + off, &val, sizeof(val));
}

u32 pci_get32(const u8 *config, unsigned off)
{
	u32 val;

	memcpy(&val, config + off, sizeof(val));
	return val;
}

static u16 get16(const u8 *config, unsigned off)
{
	u16 val;

	memcpy(&val, config + off, sizeof(val));
	return val;
}

/* Where BAR n is now, as a region. Its low bits are kept by the write mask. */
static struct dev_region bar_region(const struct pci_dev *p, unsigned n)
{
	const struct pci_bar *bar = &p->bar[n];
	u64 at = pci_get32(p->config, PCI_BASE_ADDRESS_0 + 4 * n);

	if (bar->wide)
		at |= (u64)pci_get32(p->config, PCI_BASE_ADDRESS_0 + 4 * n + 4) << 32;
	return (struct dev_region){
		.space = bar->io ? DEV_PIO : DEV_MMIO, .size_min = 1, .size_max = bar->io ? 4 : 8,
		.base = at & ~(u64)(bar->io ? 3 : 15), .size = bar->size,
	};
}

/* BAR n answers: decoding is on, and an address was given that lies in its space. */
static bool bar_live(const struct pci_dev *p, unsigned n, const struct dev_region *r)
{
	u16 need = p->bar[n].io ? CMD_IO : CMD_MEMORY;

	if (!p->bar[n].size || !(get16(p->config, PCI_COMMAND) & need) || !r->base)
		return false;
	return r->space == DEV_MMIO || r->base + r->size <= 0x10000;
}

/*
 * Let every BAR answer where it now stands. One that would overlap something else answers
 * nowhere, until a later change makes room.
 */
static void pci_remap(struct pci *h)
{
	for (unsigned i = 0; i < PCI_SLOTS * PCI_BARS; i++) {
		struct pci_dev *p = h->slot[i / PCI_BARS];
		unsigned n = i % PCI_BARS;

		if (p && p->mapped[n])
			bus_unmap(h->w.bus, p->dev, n);
		if (p)
			p->mapped[n] = false;
	}
	for (unsigned i = 0; i < PCI_SLOTS * PCI_BARS; i++) {
		struct pci_dev *p = h->slot[i / PCI_BARS];
		unsigned n = i % PCI_BARS;
		struct dev_region r;

		if (!p || !p->bar[n].size)
			continue;
		r = bar_region(p, n);
		p->mapped[n] = bar_live(p, n, &r) && !bus_map(h->w.bus, &r, p->dev, n);
	}
}

static void intx_apply(struct pci_dev *p)
{
	struct pci *h = p->host;
	bool level = p->intx && !(get16(p->config, PCI_COMMAND) & CMD_INTX_OFF);
	unsigned line = p->slot % 4; /* pin A; dsdt.asl's _PRT says the same */

	if (level == p->intx_out)
		return;
	p->intx_out = level;
	h->intx_count[line] = (u8)(h->intx_count[line] + (level ? 1 : -1));
	irq_set(h->w.intx[line], h->intx_count[line] > 0);
}

void pci_intx(struct pci_dev *p, bool level)
{
	u16 status = get16(p->config, PCI_STATUS);

	p->intx = level;
	pci_put16(p->config, PCI_STATUS, level ? status | STATUS_INTX : status & (u16)~STATUS_INTX);
	intx_apply(p);
}

void pci_msi(struct pci_dev *p, u64 at, u32 data)
{
	if (get16(p->config, PCI_COMMAND) & CMD_MASTER)
		p->host->w.msi(p->host->w.ctx, at, data);
}

static u64 config_read(struct pci *h, unsigned bdf, unsigned off, unsigned size)
{
	struct pci_dev *p = bdf & 7 || bdf >> 8 ? NULL : h->slot[bdf >> 3 & 31];
	u64 val = 0;

	if (!p)
		return UINT64_MAX;
	if (p->config_reading)
		p->config_reading(p, off, size);
	if (off + size <= PCI_CONFIG_SIZE)
		memcpy(&val, p->config + off, size);
	return val;
}

static bool touches(unsigned off, unsigned size, unsigned first, unsigned end)
{
	return off < end && off + size > first;
}

static void config_write(struct pci *h, unsigned bdf, unsigned off, unsigned size, u64 val)
{
	struct pci_dev *p = bdf & 7 || bdf >> 8 ? NULL : h->slot[bdf >> 3 & 31];

	if (!p || off + size > PCI_CONFIG_SIZE)
		return;
	for (unsigned i = 0; i < size; i++) {
		u8 mask = p->writable[off + i];

		p->config[off + i] = (u8)((p->config[off + i] & ~mask) | (val >> i * 8 & mask));
	}
	if (touches(off, size, PCI_COMMAND, PCI_COMMAND + 2) ||
	    touches(off, size, PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_0 + 4 * PCI_BARS)) {
		pci_remap(h);
		intx_apply(p);
	}
	if (p->config_written)
		p->config_written(p, off, size);
}

/* Port 0xcfc goes to the register that 0xcf8 names; 0xcf9 lies inside 0xcf8 but is the reset control. */
static u64 ports_read(struct pci *h, unsigned off, unsigned size)
{
	if (off == 0 && size == 4)
		return h->address;
	if (off == 1 && size == 1)
		return reset_control_read(h->w.reset);
	if (off < 4 || !(h->address & ADDRESS_ENABLE))
		return UINT64_MAX;
	return config_read(h, h->address >> 8 & 0xffff, (h->address & 0xfc) + off - 4, size);
}

static void ports_write(struct pci *h, unsigned off, unsigned size, u32 val)
{
	if (off == 0 && size == 4)
		h->address = val & (ADDRESS_ENABLE | 0xfffffc);
	else if (off == 1 && size == 1)
		reset_control_write(h->w.reset, (u8)val);
	else if (off >= 4 && (h->address & ADDRESS_ENABLE))
		config_write(h, h->address >> 8 & 0xffff, (h->address & 0xfc) + off - 4, size, val);
}

/*D:600 Configuration space, twice
 * A function's 256 bytes are reached by address and data port, or as memory: ECAM gives each
 * function 4 KiB. Both end in the same two functions. A write changes only the bits that the
 * function declared writable; a write to a BAR moves where the bus finds it.
 * @test pci_bar_moves
 */
static u64 pci_read(struct dev *d, unsigned region, u64 offset, unsigned size)
{
	struct pci *h = d->state;

	if (region == REGION_PORTS)
		return ports_read(h, (unsigned)offset, size);
	return config_read(h, (unsigned)(offset >> 12), offset & 0xfff, size);
}

static void pci_write(struct dev *d, unsigned region, u64 offset, unsigned size, u64 val)
{
	struct pci *h = d->state;

	if (region == REGION_PORTS)
		ports_write(h, (unsigned)offset, size, (u32)val);
	else
		config_write(h, (unsigned)(offset >> 12), offset & 0xfff, size, val);
}

unsigned pci_cap_add(struct pci_dev *p, u8 id, unsigned len)
{
	unsigned at = p->caps_end ? p->caps_end : PCI_STD_HEADER_SIZEOF;

	BUG_ON(at + len > PCI_CONFIG_SIZE);
	p->initial[p->last_cap ? p->last_cap + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST] = (u8)at;
	p->initial[at] = id;
	p->initial[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	p->last_cap = (u8)at;
	p->caps_end = (u8)((at + len + 3) & ~3u);
	return at;
}

/* A BAR's address bits are writable down to its size, so that writing ones tells the size. */
static void bar_prepare(struct pci_dev *p, unsigned n)
{
	const struct pci_bar *bar = &p->bar[n];
	u64 mask = ~(bar->size - 1);
	u32 kind = bar->io ? 1 : (bar->wide ? 4 : 0) | (bar->prefetch ? 8 : 0);

	if (!bar->size)
		return;
	pci_put32(p->initial, PCI_BASE_ADDRESS_0 + 4 * n, kind);
	pci_put32(p->writable, PCI_BASE_ADDRESS_0 + 4 * n, (u32)mask);
	if (bar->wide)
		pci_put32(p->writable, PCI_BASE_ADDRESS_0 + 4 * n + 4, (u32)(mask >> 32));
}

static void pci_prepare(struct pci *h, unsigned slot, struct pci_dev *p)
{
	u16 command = CMD_MASTER | CMD_INTX_OFF;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		bar_prepare(p, i);
		command |= p->bar[i].size ? p->bar[i].io ? CMD_IO : CMD_MEMORY : 0;
	}
	pci_put16(p->writable, PCI_COMMAND, command);
	p->writable[PCI_INTERRUPT_LINE] = 0xff;
	memcpy(p->config, p->initial, sizeof(p->config));
	p->slot = (u8)slot;
	p->host = h;
	h->slot[slot] = p;
}

int pci_add(struct dev *host, unsigned slot, struct pci_dev *p, struct err *e)
{
	struct pci *h = host->state;

	if (!slot || slot >= PCI_SLOTS || h->slot[slot])
		return err_set(e, -EBUSY, "PCI slot %u is not free", slot);
	pci_prepare(h, slot, p);
	return 0;
}

static void pci_reset(struct dev *d)
{
	struct pci *h = d->state;

	h->address = 0;
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		struct pci_dev *p = h->slot[i];

		if (!p)
			continue;
		memcpy(p->config, p->initial, sizeof(p->config));
		pci_intx(p, false);
	}
	pci_remap(h);
}

/*
 * The bridge that firmware and kernels know. PCIEXBAR tells where ECAM is; PAM bits only store. A
 * BIOS would move a Q35's ECAM over our RAM, so it meets the older 440FX, which has none.
 */
static void bridge_init(struct pci_dev *p, bool older)
{
	pci_put16(p->initial, 0, 0x8086);
	pci_put16(p->initial, 2, older ? 0x1237 : 0x29c0);
	pci_put32(p->initial, 8, 0x06000002); /* host bridge, revision 2 */
	pci_put16(p->initial, 0x2c, 0x1af4);
	pci_put16(p->initial, 0x2e, 0x1100);
	if (!older)
		pci_put32(p->initial, Q35_PCIEXBAR, PCI_ECAM_BASE | 1);
	memset(p->writable + (older ? I440FX_PAM : Q35_PAM), 0x33, 7);
}

void pci_wire(struct dev *host, const struct pci_wiring *w)
{
	struct pci *h = host->state;

	h->w = *w;
	h->bridge.dev = host;
	bridge_init(&h->bridge, w->older);
	pci_prepare(h, 0, &h->bridge);
}

const struct dev_ops pci_ops = {
	.name = "pci",
	.help = "PCI host bridge",
	.state_size = sizeof(struct pci),
	.region = {
		[REGION_PORTS] = { DEV_PIO, 1, 4, .base = 0xcf8, .size = 8 },
		[REGION_ECAM] = { DEV_MMIO, 1, 4, .base = PCI_ECAM_BASE, .size = 0x10000000 },
	},
	.fields = pci_fields,
	.reset = pci_reset,
	.read = pci_read,
	.write = pci_write,
};
