/* shares.c - reads what --share was given and opens the directories. */
#define _GNU_SOURCE
#include "cli/shares.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define TAG_MAX 36u
#define FDS_OURS 256u /* file descriptors that are left for everything else */

struct spec {
	char dir[4096], tag[TAG_MAX + 1];
	unsigned flags;
};

/* A tag by itself: the directory's last name. */
static int name_tag(struct spec *s, const char *text, struct err *e)
{
	char *full = realpath(s->dir, NULL);
	const char *name = full ? strrchr(full, '/') + 1 : s->dir;

	if (strlen(name) > TAG_MAX) {
		free(full);
		return err_set(e, -EINVAL, "--share %s: the directory's name is too long for a tag; give "
			       "one: --share DIR:TAG", text);
	}
	strcpy(s->tag, *name ? name : "root");
	free(full);
	return 0;
}

/* What follows the directory: words that mean something, and one that does not, which is the tag. */
static int parse_word(struct spec *s, const char *word, size_t len, const char *text, struct err *e)
{
	static const struct { const char *word; unsigned flag; } words[] = {
		{ "ro", FS_READONLY }, { "locks", FS_LOCKS },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].word) == len && !memcmp(words[i].word, word, len)) {
			s->flags |= words[i].flag;
			return 0;
		}
	}
	if (!len || len > TAG_MAX || s->tag[0])
		return err_set(e, -EINVAL, "--share %s: what follows the directory is a tag of up to %u "
			       "characters, 'ro' and 'locks'", text, TAG_MAX);
	memcpy(s->tag, word, len);
	return 0;
}

static int parse(const char *text, struct spec *s, struct err *e)
{
	size_t len = strcspn(text, ":");
	const char *p = text + len;
	int rc = 0;

	*s = (struct spec){ .flags = 0 };
	if (!len || len >= sizeof(s->dir))
		return err_set(e, -EINVAL, "--share %s: a directory is missing: DIR[:TAG][:ro][:locks]",
			       text);
	memcpy(s->dir, text, len);
	while (*p && !rc) {
		len = strcspn(++p, ":");
		rc = parse_word(s, p, len, text, e);
		p += len;
	}
	return rc || s->tag[0] ? rc : name_tag(s, text, e);
}

int shares_check(const struct opt_list *specs, struct err *e)
{
	struct spec s;
	int rc = 0;

	if (specs->n > SHARES_MAX / 2)
		return err_set(e, -EINVAL, "--share: %u at most", SHARES_MAX / 2);
	for (unsigned i = 0; i < specs->n && !rc; i++)
		rc = parse(specs->at[i], &s, e);
	return rc;
}

void shares_take(struct shares *s, struct fs *fs, const char *tag)
{
	BUG_ON(s->n == SHARES_MAX);
	s->at[s->n] = (struct vm_share){ fs, strcpy(s->tag[s->n], tag) };
	s->n++;
}

int shares_add(struct shares *s, const char *dir, const char *tag, unsigned flags, struct err *e)
{
	struct fs *fs;
	int rc;

	for (unsigned i = 0; i < s->n; i++)
		if (!strcmp(s->tag[i], tag))
			return err_set(e, -EINVAL, "two shares have the tag '%s'; give another: --share "
				       "%s:TAG", tag, dir);
	rc = fs_open(dir, flags, s->max_fds, &fs, e);
	if (!rc)
		shares_take(s, fs, tag);
	return rc;
}

/* Each file that a guest knows may need a descriptor: take as many as we are allowed to have. */
static unsigned all_fds(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return 0;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r))
		return 0;
	return r.rlim_cur < FDS_OURS ? 0 : r.rlim_cur > 1u << 20 ? 1u << 20 : (unsigned)r.rlim_cur - FDS_OURS;
}

int shares_open(struct shares *s, const struct opt_list *specs, unsigned extra, struct err *e)
{
	struct spec spec;
	int rc = 0;

	*s = (struct shares){ .n = 0 };
	if (specs->n + extra)
		s->max_fds = all_fds() / (specs->n + extra);
	for (unsigned i = 0; i < specs->n && !rc; i++) {
		rc = parse(specs->at[i], &spec, e);
		if (!rc)
			rc = shares_add(s, spec.dir, spec.tag, spec.flags, e);
	}
	return rc;
}

void shares_close(struct shares *s)
{
	while (s->n)
		fs_close(s->at[--s->n].fs);
}
