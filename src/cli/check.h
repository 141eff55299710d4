/* check.h - what `check` finds out about this machine, as facts and problems. */
#ifndef PANDOK_CLI_CHECK_H
#define PANDOK_CLI_CHECK_H

#include "base/types.h"

enum fact_kind { FACT_TEXT, FACT_BOOL, FACT_NUMBER };

struct fact {
	const char *section, *name; /* names in JSON; words have '_' between */
	const char *unit;           /* of a number, for people; "" none */
	enum fact_kind kind;
	u64 number;                 /* FACT_NUMBER, FACT_BOOL */
	char text[400];             /* FACT_TEXT; for a number not empty: what people read instead */
};

struct problem {
	char what[320];
	char fix[240];
};

#define FACTS_MAX 48
#define PROBLEMS_MAX 12

struct check {
	struct fact fact[FACTS_MAX];
	unsigned nfacts;
	struct problem problem[PROBLEMS_MAX];
	unsigned nproblems;
};

/* check_machine - look at everything; takes as long as the KVM probe. */
void check_machine(struct check *c);

#endif
