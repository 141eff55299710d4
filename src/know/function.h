/* function.h - what a function's code tells of its stack frame. */
#ifndef PANDOK_KNOW_FUNCTION_H
#define PANDOK_KNOW_FUNCTION_H

#include "know/know.h"

#define FUNCTION_PUSHES 8
#define FUNCTION_BUFFERS 16

struct function {
	u64 at, len;
	unsigned npushed;
	u8 pushed[FUNCTION_PUSHES]; /* numbers of registers, in order */
	u64 push_end[FUNCTION_PUSHES]; /* address behind each push */
	bool frame_pointer; /* rbp is set to where it was saved */
	u64 pointer_end;    /* address behind that */
	u64 locals;         /* bytes that rsp goes down for them */
	u64 locals_end;     /* address behind the subtraction; 0: there is none */
	bool canary;
	bool canary_user;   /* it comes from fs, as a program's does */
	bool canary_by_rbp;
	i64 canary_at;      /* offset from rsp in the body, or from rbp */
	unsigned nbuffers;
	struct { i64 at; bool by_rbp; } buffer[FUNCTION_BUFFERS]; /* what an address is taken of */
};

/* function_read - look through the code of the function at `at`, at most len bytes of it. false: it
 * cannot be read. */
bool function_read(struct target *t, unsigned cpu, u64 at, u64 len, struct function *ret);

/* function_cfa - where the caller's stack begins, at an instruction of it: what of the prologue has
 * run is undone. bp_at: where rbp was saved, 0: not yet, or not at all. */
u64 function_cfa(const struct function *f, u64 ip, u64 sp, u64 bp, u64 *bp_at);

#endif
