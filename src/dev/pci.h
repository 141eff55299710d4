/* pci.h - the PCI host bridge and what a PCI function brings. Include dev/dev.h instead. */
#ifndef PANDOK_DEV_PCI_H
#define PANDOK_DEV_PCI_H

#include "dev/dev.h"

extern const struct dev_ops pci_ops;

#define PCI_ECAM_BASE 0xe0000000u /* 256 MiB: bus 0..255; dsdt.asl reserves it */
#define PCI_CONFIG_SIZE 256
#define PCI_BARS 6
#define PCI_SLOTS 32
#define PCI_GSI_BASE 16 /* INTx of slot s, pin p: GSI 16 + (s + p) % 4 */

struct pci_bar {
	u64 size;      /* bytes, a power of two, at least 16 (4 for ports); 0: no BAR */
	bool io;       /* ports, else memory */
	bool wide;     /* 64-bit: takes the next BAR too */
	bool prefetch;
};

/*
 * One function. Whoever makes it fills config and writable before pci_add(); the bridge owns
 * the command register's decode bits and the BARs. Accesses to BAR n reach dev's functions with
 * region number n.
 */
struct pci_dev {
	struct dev *dev;
	struct pci_bar bar[PCI_BARS];
	u8 initial[PCI_CONFIG_SIZE];  /* config space after reset */
	u8 writable[PCI_CONFIG_SIZE]; /* bits the guest may change */
	u8 config[PCI_CONFIG_SIZE];
	/* after the guest wrote [off, off+size) of config; may be NULL */
	void (*config_written)(struct pci_dev *p, unsigned off, unsigned size);
	u8 slot;
	bool mapped[PCI_BARS];
	bool intx;         /* level of this function's INTA# */
	bool intx_out;     /* what the line got of it: the command register can hold it back */
	struct pci *host;
};

struct pci_wiring {
	struct bus *bus;
	struct dev *reset;       /* has port 0xcf9 */
	struct irq *intx[4];     /* GSI PCI_GSI_BASE + n */
	void (*msi)(void *ctx, u64 at, u32 data);
	void *ctx;
};

void pci_wire(struct dev *host, const struct pci_wiring *w);
/* pci_add - plug p into a free slot 1..31 as function 0. -EBUSY with a sentence. */
MUST_CHECK int pci_add(struct dev *host, unsigned slot, struct pci_dev *p, struct err *e);
void pci_intx(struct pci_dev *p, bool level);
void pci_msi(struct pci_dev *p, u64 at, u32 data); /* a message-signalled interrupt */

/* Little-endian access to config space by whoever owns the function. */
void pci_put16(u8 *config, unsigned off, u16 val);
void pci_put32(u8 *config, unsigned off, u32 val);
u32 pci_get32(const u8 *config, unsigned off);

#endif
