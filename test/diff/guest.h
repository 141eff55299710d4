/* guest.h - a tiny machine that runs sequences in the soft engine. */
#ifndef DIFF_GUEST_H
#define DIFF_GUEST_H

#include "base/err.h"
#include "seq.h"
#include "x86/x86.h"

struct guest;

struct guest_options {
	bool single_step, precise;
	u32 kick_us; /* another thread kicks the vCPU about this often; 0 never */
	bool log;    /* log each exception delivered */
};

/* guest_new - a machine whose user memory is the layout, with a handler for every vector. */
int guest_new(const struct guest_options *o, struct guest **ret, struct err *e);
void guest_free(struct guest *g);

/*
 * guest_run - run a sequence from its initial state to the exception that ends it.
 *   again   it is the same sequence as the last time: what was translated may be used again
 */
void guest_run(struct guest *g, const struct seq *q, bool again, struct outcome *out);

/* guest_setup.c: descriptor tables, page tables, handlers. */
#define SUP_VA 0xffff800000000000ull /* all RAM, for the supervisor only */
#define GUEST_RAM MIB(4)
#define GDT_AT 0x1000
#define IDT_AT 0x2000
#define TSS_AT 0x3000
#define LDT_AT 0x3800
#define HANDLERS_AT 0x4000 /* 16 bytes each */
#define STACK_AT 0x8000    /* grows down from here */
#define TABLES_AT 0x10000
#define FRAMES_AT 0x100000

/* Frame i of the layout lies here: out of order, since identity hides bugs. */
u64 guest_frame_at(unsigned i);
void guest_set_up(u8 *ram, struct vcpu *v);
struct seg guest_seg(u16 sel);

#endif
