/* pci_msix.c - message-signalled interrupts of a PCI function. Source: PCI Local Bus 3.0 6.8.2. */
#include <linux/pci_regs.h>
#include <string.h>

#include "dev/dev.h"

enum { WORD_ADDRESS, WORD_HIGH, WORD_DATA, WORD_CONTROL };
#define PBA_AT 2048u /* in the BAR, behind the table */
_Static_assert(PCI_MSIX_MAX * 16 <= PBA_AT, "the table ends before the pending bits");

void pci_msix_init(struct pci_dev *p, struct pci_msix *m, unsigned bar, unsigned n)
{
	unsigned cap = pci_cap_add(p, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);

	BUG_ON(!n || n > PCI_MSIX_MAX);
	pci_put16(p->initial, cap + PCI_MSIX_FLAGS, (u16)(n - 1));
	pci_put32(p->initial, cap + PCI_MSIX_TABLE, bar);
	pci_put32(p->initial, cap + PCI_MSIX_PBA, PBA_AT | bar);
	pci_put16(p->writable, cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	p->bar[bar] = (struct pci_bar){ .size = PCI_MSIX_BAR_SIZE };
	m->cap = (u8)cap;
	m->n = (u16)n;
	pci_msix_reset(m);
}

void pci_msix_reset(struct pci_msix *m)
{
	memset(m->entry, 0, sizeof(m->entry));
	memset(m->pending, 0, sizeof(m->pending));
	for (unsigned i = 0; i < m->n; i++)
		m->entry[i][WORD_CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static u16 flags(const struct pci_dev *p, const struct pci_msix *m)
{
	return (u16)(pci_get32(p->config, m->cap) >> 16);
}

bool pci_msix_on(const struct pci_dev *p, const struct pci_msix *m)
{
	return m->n && (flags(p, m) & PCI_MSIX_FLAGS_ENABLE);
}

static bool masked(const struct pci_dev *p, const struct pci_msix *m, unsigned vector)
{
	return (flags(p, m) & PCI_MSIX_FLAGS_MASKALL) ||
	       (m->entry[vector][WORD_CONTROL] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/*D:620 An interrupt that is a write
 * With MSI-X a device has no wire: its interrupt is a write of a number to an address, and the guest
 * fills a table with both, a row a vector. A vector can be masked, and all of them together; what
 * is raised meanwhile is remembered in a bit, and sent when the mask goes away.
 * @test msix_keeps_what_is_masked
 */
void pci_msix_raise(struct pci_dev *p, struct pci_msix *m, unsigned vector)
{
	const u32 *e;

	if (vector >= m->n || !pci_msix_on(p, m))
		return;
	e = m->entry[vector];
	if (masked(p, m, vector))
		m->pending[vector / 64] |= 1ull << vector % 64;
	else
		pci_msi(p, (u64)e[WORD_HIGH] << 32 | e[WORD_ADDRESS], e[WORD_DATA]);
}

static void send_pending(struct pci_dev *p, struct pci_msix *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		u64 bit = 1ull << i % 64;

		if (!(m->pending[i / 64] & bit) || masked(p, m, i) || !pci_msix_on(p, m))
			continue;
		m->pending[i / 64] &= ~bit;
		pci_msix_raise(p, m, i);
	}
}

void pci_msix_config_written(struct pci_dev *p, struct pci_msix *m, unsigned off, unsigned size)
{
	if (m->n && off < m->cap + 4u && off + size > m->cap + 2u)
		send_pending(p, m);
}

u64 pci_msix_read(const struct pci_msix *m, u64 offset, unsigned size)
{
	u64 val = 0;

	if (offset + size <= m->n * 16u)
		memcpy(&val, (const u8 *)m->entry + offset, size);
	else if (offset >= PBA_AT && offset + size <= PBA_AT + sizeof(m->pending))
		memcpy(&val, (const u8 *)m->pending + offset - PBA_AT, size);
	return val;
}

/* Only whole words may be written. PCI Local Bus 3.0 6.8.2. */
void pci_msix_write(struct pci_dev *p, struct pci_msix *m, u64 offset, unsigned size, u64 val)
{
	if (size < 4 || offset % size || offset + size > m->n * 16u)
		return;
	memcpy((u8 *)m->entry + offset, &val, size);
	send_pending(p, m);
}
