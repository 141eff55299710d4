/* lapic_pveoi.c - end of interrupt through a byte in guest RAM.
 * Source: linux/Documentation/virt/kvm/x86/msr.rst, MSR_KVM_PV_EOI_EN. */
#include <stdatomic.h>

#include "dev/lapic.h"
#include "mem/mem.h"

static _Atomic u8 *pv_eoi_byte(const struct lapic *l)
{
	return (_Atomic u8 *)mem_host_w(l->bus->mem, GPA(l->pv_eoi & ~3ull), 1);
}

/*
 * Offered only when nothing waits for the EOI: no other request, nothing else in service, no
 * IOAPIC line. The guest clears the bit without a lock, so only its own thread may look at it.
 */
void pv_eoi_offer(struct lapic *l, unsigned vector)
{
	_Atomic u8 *byte;
	bool alone;

	bit_put(l->isr, vector, false);
	alone = lapic_bits_last(l->isr) < 0;
	bit_put(l->isr, vector, true);
	if (!(l->pv_eoi & 1) || !alone || bit_get(l->tmr, vector) || lapic_bits_last(l->irr) >= 0)
		return;
	byte = pv_eoi_byte(l);
	if (!byte)
		return;
	atomic_fetch_or(byte, 1);
	mem_written(l->bus->mem, GPA(l->pv_eoi & ~3ull), 1);
	l->pv_eoi_open = 1;
}

/*
 * The offer ends here, taken or not: if the bit is still set the guest will write the EOI
 * register. When nothing else is requested the offer may as well stay.
 */
void pv_eoi_sync(struct lapic *l)
{
	_Atomic u8 *byte = l->pv_eoi_open ? pv_eoi_byte(l) : NULL;

	if (!byte)
		return;
	l->pv_eoi_open = 0;
	if (atomic_fetch_and(byte, (u8)~1u) & 1)
		mem_written(l->bus->mem, GPA(l->pv_eoi & ~3ull), 1);
	else
		lapic_end_of_interrupt(l);
}

bool pv_eoi_write(struct lapic *l, u64 val)
{
	if (val & 2)
		return false;
	l->pv_eoi = val;
	return true;
}
