/* stat.c - the names of the counters. */
#include "base/stat.h"

static const char *const stat_names[STAT_N][2] = {
#define X(name, help) { #name, help },
	STATS(X)
#undef X
};

const char *stat_name(unsigned i, const char **help)
{
	if (i >= STAT_N)
		return NULL;
	*help = stat_names[i][1];
	return stat_names[i][0];
}
