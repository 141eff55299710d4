/* unwind.h - walks the calls that are on a stack. */
#ifndef PANDOK_KNOW_UNWIND_H
#define PANDOK_KNOW_UNWIND_H

#include "know/kernel.h"

enum frame_how { /* how a frame was found: the most trusted first */
	FRAME_REGS, FRAME_ORC, FRAME_CODE, FRAME_POINTER,
};

struct frame {
	u64 ip, sp, bp;
	bool exact;   /* ip is where it stands (registers), not behind a call */
	bool entry;   /* an interrupt or exception came here; regs is what it interrupted */
	enum frame_how how;
	u64 cfa;      /* of this frame: where the caller's stack begins; 0: not known yet */
	u64 ret_at;   /* where the return address was found; 0: in registers */
	u64 regs;     /* address of the pt_regs it was read from; 0: none */
};

struct unwind {
	struct kernel *k;
	struct frame f, was; /* was: the one before, with its cfa */
	u64 full_regs, prev_regs; /* pt_regs on the way; 0: none */
	bool full;
	unsigned n;        /* frames so far */
	const char *end;   /* why it ended, NULL: reached the bottom */
	u64 gpr[16];       /* of the processor, while they are the first frame's */
	bool have_gpr;
	struct space space;
	unsigned cpu;
};

/* unwind_cpu, unwind_task - the first frame is in u->f. false: none, u->end says why. */
bool unwind_cpu(struct kernel *k, unsigned cpu, struct unwind *u);
bool unwind_task(struct kernel *k, u64 task, struct unwind *u);

/* unwind_next - the caller's frame; false at the end. Frames are bounded, and stacks only go one
 * way, so that no stack makes it run for ever. */
bool unwind_next(struct unwind *u);

/* unwind_is_text - is that an address of code, as far as is known? */
bool unwind_is_text(struct kernel *k, u64 at);

/* unwind_is_return - as above; a call that never returns may be the last thing there. */
bool unwind_is_return(struct kernel *k, u64 at);

/* unwind_place - as kernel_place(); a return address (not exact) belongs to the call before it. */
const char *unwind_place(struct kernel *k, u64 ip, bool exact, char *buf, size_t len);

#endif
