/* compare.h - do two outcomes of one sequence agree? */
#ifndef DIFF_COMPARE_H
#define DIFF_COMPARE_H

#include <stdio.h>

#include "seq.h"

struct compare_options {
	bool precise; /* compare the arithmetic flags at faults too */
};

/*
 * outcome_normalize - take out what Linux or the processor makes of an outcome that is no part
 * of the architecture; every such thing is listed in this function and nowhere else.
 */
void outcome_normalize(struct outcome *o, bool bits32);

/*
 * outcomes_differ - of two normalized outcomes; prints each difference to f unless it is NULL.
 * What tolerate() allows to differ is made equal in both.
 */
bool outcomes_differ(const struct seq *q, struct outcome *native, struct outcome *guest,
		     const struct compare_options *c, FILE *f);

/*
 * tolerate - take out of two outcomes what the manual leaves open when the instruction they both
 * fault at is one of a few; tolerate.c has the table.
 */
void tolerate(const struct seq *q, struct outcome *native, struct outcome *guest);
void print_tolerated(void);

/* outcome_skipped - the oracle could not finish this sequence; there is nothing to compare. */
bool outcome_skipped(const struct outcome *native);

/* seq_ended - did it run to its end, rather than fault? */
bool seq_ended(const struct seq *q, const struct outcome *o);

#endif
