/* oracle.h - runs sequences on the processor itself, in a child process. */
#ifndef DIFF_ORACLE_H
#define DIFF_ORACLE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "seq.h"

#define ORACLE_BATCH 32

/* What the child needs to know of a sequence. */
struct oracle_job {
	struct state init;
	u32 salt, code_at, code_len;
	u8 code[SEQ_CODE];
};

/* Shared between the tester, the keeper (which starts children anew) and the child. */
struct oracle {
	_Atomic u32 turn;   /* goes up when jobs are ready */
	_Atomic u32 done;   /* the turn whose jobs are done */
	_Atomic u32 cur;    /* job that runs */
	u32 n;              /* jobs of this turn */
	int limit_ms;       /* time for one job */
	_Atomic i32 child;
	_Atomic bool late;  /* the tester killed the child for taking too long */
	pid_t keeper;
	int memfd;          /* the frames */
	u8 *image;
	struct oracle_job job[ORACLE_BATCH];
	struct outcome out[ORACLE_BATCH];
};

/* oracle_new - start the child; call it before the engine is made. NULL with a sentence. */
struct oracle *oracle_new(const char **why);

/* oracle_set_ldt - fill this process's local descriptor table, which its children inherit.
 * Returns false where the host's kernel has none. */
bool oracle_set_ldt(void);

void oracle_free(struct oracle *o);

/* oracle_run - run jobs 0..n-1; the answers are in o->out. */
void oracle_run(struct oracle *o, u32 n);

/* oracle_put - make job i of a sequence. */
void oracle_put(struct oracle *o, u32 i, const struct seq *q);

/* oracle_child - the child's whole life; oracle_child.c. */
NORETURN void oracle_child(struct oracle *o);

/* futex on a word of the shared memory. ms < 0: no limit. */
void futex_wait(_Atomic u32 *at, u32 val, int ms);
void futex_wake(_Atomic u32 *at);

#endif
