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
	/* before the guest reads, after it wrote [off, off+size) of config; may be NULL */
	void (*config_reading)(struct pci_dev *p, unsigned off, unsigned size);
	void (*config_written)(struct pci_dev *p, unsigned off, unsigned size);
	u8 last_cap;  /* where the newest capability is; 0: none */
	u8 caps_end;  /* first free byte for capabilities; 0: 0x40 */
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
	bool older; /* a 440FX instead of a Q35 */
};

void pci_wire(struct dev *host, const struct pci_wiring *w);
/* pci_add - plug p into a free slot 1..31 as function 0. -EBUSY with a sentence. */
MUST_CHECK int pci_add(struct dev *host, unsigned slot, struct pci_dev *p, struct err *e);
void pci_intx(struct pci_dev *p, bool level);
void pci_msi(struct pci_dev *p, u64 at, u32 data); /* a message-signalled interrupt */

/* pci_cap_add - make room for a capability of len bytes (id and next pointer are filled in), last in
 * the list; returns where it is. Before pci_add(). */
unsigned pci_cap_add(struct pci_dev *p, u8 id, unsigned len);

/* ---- MSI-X: vectors of a function, in one of its memory BARs. PCI Local Bus 3.0 6.8.2 ---- */
#define PCI_MSIX_MAX 65
#define PCI_MSIX_BAR_SIZE 4096

struct pci_msix {
	u8 cap;  /* where its capability is */
	u16 n;   /* vectors; 0: the function has no MSI-X */
	u32 entry[PCI_MSIX_MAX][4]; /* address, address above 4 GiB, data, control */
	u64 pending[(PCI_MSIX_MAX + 63) / 64];
};

/* pci_msix_init - capability and BAR for n vectors; before pci_add(). The function's own functions
 * hand accesses to that BAR, and config writes and resets, to these. */
void pci_msix_init(struct pci_dev *p, struct pci_msix *m, unsigned bar, unsigned n);
void pci_msix_reset(struct pci_msix *m);
u64 pci_msix_read(const struct pci_msix *m, u64 offset, unsigned size);
void pci_msix_write(struct pci_dev *p, struct pci_msix *m, u64 offset, unsigned size, u64 val);
void pci_msix_config_written(struct pci_dev *p, struct pci_msix *m, unsigned off, unsigned size);
bool pci_msix_on(const struct pci_dev *p, const struct pci_msix *m); /* else use pci_intx() */
/* pci_msix_raise - send vector's message, or keep it until it is unmasked. */
void pci_msix_raise(struct pci_dev *p, struct pci_msix *m, unsigned vector);

/* Little-endian access to config space by whoever owns the function. */
void pci_put16(u8 *config, unsigned off, u16 val);
void pci_put32(u8 *config, unsigned off, u32 val);
u32 pci_get32(const u8 *config, unsigned off);

#endif
