/* kinds.c - the list of every kind of device. */
#include "dev/dev.h"

const struct dev_ops *const dev_kinds[] = {
	&pic_ops,
	&pit_ops,
	&rtc_ops,
	&uart_ops,
	&kbd_ops,
	&reset_ops,
	&lapic_ops,
	&ioapic_ops,
	&pci_ops,
	&pm_ops,
	&pmtimer_ops,
	&pvpanic_ops,
	&debugcon_ops,
	&debugexit_ops,
	&kvmclock_ops,
	&fwcfg_ops,
	&virtio_blk_ops,
	&virtio_rng_ops,
	&virtio_net_ops,
	&virtio_fs_ops,
	&virtio_vsock_ops,
	&ide_ops,
	&vga_ops,
	NULL,
};
