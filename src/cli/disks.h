/* disks.h - the disks that the options ask for. */
#ifndef PANDOK_CLI_DISKS_H
#define PANDOK_CLI_DISKS_H

#include "cli/options.h"
#include "vm/vm.h"

struct disks {
	struct vm_disk *at;
	unsigned n;
};

/* disks_open - one for each --block, and the CD-ROM. Close in both cases, after the machine is gone. */
MUST_CHECK int disks_open(struct disks *ds, const struct options *o, struct err *e);
void disks_close(struct disks *ds);

#endif
