/* opt.h - options as rows of a table: parsing, help, manual page and completion come from it. */
#ifndef PANDOK_BASE_OPT_H
#define PANDOK_BASE_OPT_H

#include "base/err.h"
#include "base/types.h"

enum opt_kind {
	OPT_FLAG,   /* bool: --name, --name=yes, --name=no; on and off mean the same */
	OPT_TEXT,   /* char *, a copy; the last one given wins */
	OPT_MAYBE,  /* char * as OPT_TEXT, its value only behind '='; "" without one */
	OPT_LIST,   /* struct opt_list: each one given is added */
	OPT_SIZE,   /* u64 bytes, see opt_size() */
	OPT_NUMBER, /* u64 */
	OPT_TIME,   /* u64 nanoseconds, given as decimal seconds */
	OPT_CHOICE, /* unsigned: which of the words in arg, counted from 0 */
};

enum { OPT_NOT_IN_FILE = 1 }; /* makes no sense in a configuration file */

struct opt {
	const char *name; /* without the dashes; NULL ends the table */
	const char *arg;  /* how help calls the value; "a|b|c" for OPT_CHOICE; NULL for OPT_FLAG */
	u8 kind;
	u8 flags;
	u16 offset;       /* of the value in the structure that is filled */
	u64 min, max;     /* OPT_SIZE, OPT_NUMBER, OPT_TIME; max 0: no bound */
	const char *help; /* one sentence without a full stop */
};

struct opt_list {
	char **at;
	unsigned n;
};

/*
 * opt_take - take the option at argv[*i], a word that starts with "--", and its value, which is
 * behind '=' or the next word.
 *   to   the structure that the rows' offsets are of
 *   i    moved past what was taken
 * Returns 0; -EINVAL with a sentence (an unknown name gets a suggestion), -ENOMEM.
 */
MUST_CHECK int opt_take(const struct opt *rows, void *to, int argc, char **argv, int *i,
			struct err *e);

/*
 * opt_file - take "name = value" lines from a file; '#' starts a comment line, a flag may stand
 * alone. Errors name file and line.
 */
MUST_CHECK int opt_file(const struct opt *rows, void *to, const char *path, struct err *e);

/*
 * opt_words - take "name=value,name,…", as it stands behind an option that has options of its own.
 */
MUST_CHECK int opt_words(const struct opt *rows, void *to, const char *words, struct err *e);

/* opt_free - free the texts and lists that were taken. */
void opt_free(const struct opt *rows, void *to);

/* opt_find - the row of the option in word ("--name" or "--name=value"); NULL: none. */
const struct opt *opt_find(const struct opt *rows, const char *word);

/*
 * opt_size - read "64", "64m", "1g" (k, m, g, t in either case; MiB without one).
 * Returns 0; -EINVAL when text is not a size or passes 64 bits.
 */
MUST_CHECK int opt_size(const char *text, u64 *ret);

/* opt_seconds - read decimal seconds ("2", "0.25") as nanoseconds; -EINVAL. */
MUST_CHECK int opt_seconds(const char *text, u64 *ret);

/* opt_distance - edits (insert, drop, change, swap two neighbours) that turn a into b, at most
 * 64 characters of each looked at. */
unsigned opt_distance(const char *a, const char *b);

#endif
