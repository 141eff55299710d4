/* ide.h - an IDE controller with up to four drives. Include dev/dev.h instead. */
#ifndef PANDOK_DEV_IDE_H
#define PANDOK_DEV_IDE_H

#include "dev/dev.h"

struct disk;
struct mem;

extern const struct dev_ops ide_ops;

#define IDE_DRIVES 4 /* primary master and slave, secondary master and slave */

struct ide_wiring {
	struct mem *mem;
	pthread_mutex_t *lock;  /* the board's */
	bool synchronous;       /* deterministic: a request is over before the guest goes on */
	struct irq *irq[2];
	struct disk *disk[IDE_DRIVES]; /* NULL: nothing plugged in; DISK_CDROM: a CD-ROM drive */
};

/* ide_wire - after dev_init(); the state begins with the struct pci_dev for pci_add(). */
void ide_wire(struct dev *d, const struct ide_wiring *w);
/* ide_drain - as a reset, and wait until no disk is at work. Gives the board's lock away meanwhile. */
void ide_drain(struct dev *d);
void ide_unwire(struct dev *d); /* after ide_drain(), before dev_fini() */

#endif
