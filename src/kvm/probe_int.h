/* probe_int.h - between the probe's machine and the process that watches it. */
#ifndef PANDOK_KVM_PROBE_INT_H
#define PANDOK_KVM_PROBE_INT_H

#include "mem/mem.h"
#include "x86/x86.h"

#define PROBE_RAM MIB(2)

/* How far the guest came; the child writes it, its parent reads it while it runs and after. */
struct probe_shared {
	_Atomic u32 step;  /* that began last, 0: none */
	_Atomic u32 end;   /* enum probe_end */
	_Atomic u32 trap;  /* vector + 1 of an exception nobody expected */
	struct err err;    /* PROBE_ERROR */
};
enum probe_end { PROBE_RUNS, PROBE_DONE, PROBE_WRONG, PROBE_SHUTDOWN, PROBE_ERROR, PROBE_NO_VM };

/* probe_image - write code, tables and parameters into the guest's RAM, and set v to its start. */
void probe_image(struct mem *m, struct vcpu *v, u32 tsc_khz);

/* probe_step_name - what step n of the guest is about, 1..; NULL past the end. */
const char *probe_step_name(u32 n);

/* probe_guest_run - make the machine and run it to its end; fills s. */
void probe_guest_run(struct probe_shared *s);

#endif
