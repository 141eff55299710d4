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

/* outcomes_differ - of two normalized outcomes; prints each difference to f unless it is NULL. */
bool outcomes_differ(const struct seq *q, const struct outcome *native, const struct outcome *guest,
		     const struct compare_options *c, FILE *f);

/* outcome_skipped - the oracle could not finish this sequence; there is nothing to compare. */
bool outcome_skipped(const struct outcome *native);

/* seq_ended - did it run to its end, rather than fault? */
bool seq_ended(const struct seq *q, const struct outcome *o);

#endif
