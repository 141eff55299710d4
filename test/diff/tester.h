/* tester.h - what the parts of the test program share. */
#ifndef DIFF_TESTER_H
#define DIFF_TESTER_H

#include <stdatomic.h>

#include "compare.h"
#include "guest.h"
#include "oracle.h"
#include "seq.h"

struct options {
	u64 seed, count;
	u32 seconds;        /* 0: no limit */
	u32 jobs;
	u32 findings;       /* stop after so many */
	bool self;          /* the oracle against itself: finds what is not deterministic */
	bool table;         /* print how often each form was covered */
	bool check;         /* check the table of forms instead of running anything */
	bool list;          /* print the sequence as well when nothing differs */
	bool no_shrink;
	const char *forms, *without;
	struct gen_options gen;
	struct guest_options guest;
	struct compare_options compare;
};

#define MAX_FINDINGS 64
#define MAX_JOBS 64
#define MAX_SPECS 2048

/* Between the workers and the process that watches them. */
struct tally {
	_Atomic u64 next;    /* first seed nobody has taken */
	_Atomic u64 run, skipped, ended, faulted;
	_Atomic u32 n;       /* findings */
	u64 found[MAX_FINDINGS];
	char text[MAX_FINDINGS][2048]; /* what differed when it was found */
	_Atomic u64 at[MAX_JOBS]; /* the sequence each worker is busy with */
	_Atomic u64 count[MAX_SPECS][2], faults[MAX_SPECS];
	_Atomic u32 vectors[32];
};

/* work.c: run sequences until the count, the time or the number of findings is reached. */
NORETURN void work(const struct options *o, struct tally *t, unsigned worker);

/* tally_found - note a sequence that differs; returns the finding's number, which may be too big. */
u32 tally_found(struct tally *t, u64 seed);

/*
 * shrink.c: make a sequence that differs smaller, and print it.
 *   found   what differed when it was found, for when it does not differ again; or NULL
 */
void analyze(const struct options *o, u64 seed, const char *found);

/* report.c */
void print_sequence(const struct seq *q, FILE *f);
void print_outcome(const struct seq *q, const char *who, const struct outcome *out, FILE *f);

/* cover.c: what was covered, and what was not and why. Returns how many rows ran never. */
unsigned print_coverage(const struct tally *t, bool all);

/* check.c: does each row encode what it says, and is no unprivileged instruction forgotten?
 * Returns the number of complaints. */
unsigned check_table(void);

#endif
