/* shares.h - the directories that --share hands to the guest. */
#ifndef PANDOK_CLI_SHARES_H
#define PANDOK_CLI_SHARES_H

#include "base/opt.h"
#include "vm/vm.h"

#define SHARES_MAX 16

struct shares {
	struct vm_share at[SHARES_MAX];
	char tag[SHARES_MAX][40];
	unsigned n;
	unsigned max_fds; /* for each */
};

/* shares_check - are these words DIR[:TAG][:ro][:locks]? -EINVAL with a sentence. */
MUST_CHECK int shares_check(const struct opt_list *specs, struct err *e);

/* shares_open - open what shares_check() found well formed; extra: how many more shares_add() will
 * bring. Close in both cases. */
MUST_CHECK int shares_open(struct shares *s, const struct opt_list *specs, unsigned extra,
			   struct err *e);
/* shares_add - one more, with flags of fs.h. */
MUST_CHECK int shares_add(struct shares *s, const char *dir, const char *tag, unsigned flags,
			  struct err *e);
/* shares_take - one more that is open already; it is closed with the others. */
void shares_take(struct shares *s, struct fs *fs, const char *tag);
void shares_close(struct shares *s);

#endif
