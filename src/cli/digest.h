/* digest.h - the file of --digest. */
#ifndef PANDOK_CLI_DIGEST_H
#define PANDOK_CLI_DIGEST_H

#include <stdio.h>

#include "base/err.h"
#include "base/types.h"

struct digest {
	FILE *to;
	const char *path;
};

MUST_CHECK int digest_open(struct digest *d, const char *path, struct err *e);
void digest_put(void *ctx, u64 icount, u64 digest, u64 rip); /* ctx: struct digest */
void digest_close(struct digest *d, struct err *failed); /* failed: set when lines were lost */

#endif
