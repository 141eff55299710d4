/* opt.c - takes options by their rows; knows no option. */
#include "base/opt.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISTANCE_MAX 64

int opt_size(const char *text, u64 *ret)
{
	static const char units[] = "kmgt";
	unsigned shift = 20;
	const char *u;
	char *end;
	u64 n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	if (*end) {
		u = strchr(units, tolower((unsigned char)*end));
		if (!u || end[1])
			return -EINVAL;
		shift = 10 * (unsigned)(u - units + 1);
	}
	if (n > UINT64_MAX >> shift)
		return -EINVAL;
	*ret = n << shift;
	return 0;
}

int opt_seconds(const char *text, u64 *ret)
{
	u64 ns = 0, unit = 1000000000;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	ns = strtoull(text, &end, 10);
	if (errno || ns > UINT64_MAX / unit - 1)
		return -EINVAL;
	ns *= unit;
	if (*end == '.') {
		for (end++; isdigit((unsigned char)*end); end++) {
			unit /= 10;
			ns += unit * (u64)(*end - '0');
		}
	}
	if (*end)
		return -EINVAL;
	*ret = ns;
	return 0;
}

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned opt_distance(const char *a, const char *b)
{
	unsigned na = (unsigned)strnlen(a, DISTANCE_MAX), nb = (unsigned)strnlen(b, DISTANCE_MAX);
	unsigned d[3][DISTANCE_MAX + 1]; /* rows i-2, i-1, i in turn */

	for (unsigned j = 0; j <= nb; j++)
		d[0][j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned *now = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			unsigned best = min2(up[j], now[j - 1]) + 1;

			best = min2(best, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = min2(best, up2[j - 2] + 1);
			now[j] = best;
		}
	}
	return d[na % 3][nb];
}

static const struct opt *find(const struct opt *rows, const char *name, size_t len)
{
	for (; rows->name; rows++)
		if (!strncmp(rows->name, name, len) && !rows->name[len])
			return rows;
	return NULL;
}

const struct opt *opt_find(const struct opt *rows, const char *word)
{
	return strncmp(word, "--", 2) ? NULL : find(rows, word + 2, strcspn(word + 2, "="));
}

/* The row whose name is meant by a misspelt one; NULL when none is near. */
static const struct opt *nearest(const struct opt *rows, const char *name)
{
	unsigned best = 1 + (unsigned)strlen(name) / 3;
	const struct opt *found = NULL;

	for (; rows->name; rows++) {
		unsigned d = opt_distance(name, rows->name);

		if (d <= best && !(found && d == best)) {
			best = d;
			found = rows;
		}
	}
	return found;
}

static int unknown(const struct opt *rows, const char *dashes, const char *name, size_t len,
		   struct err *e)
{
	const struct opt *near;
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)len, name);
	near = nearest(rows, text);
	if (near)
		return err_set(e, -EINVAL, "unknown option '%s%s'; did you mean '%s%s'?", dashes,
			       text, dashes, near->name);
	return err_set(e, -EINVAL, "unknown option '%s%s'", dashes, text);
}

static int bad_value(const struct opt *o, const char *val, const char *want, struct err *e)
{
	return err_set(e, -EINVAL, "%s: '%s' is not %s", o->name, val, want);
}

static int set_flag(const struct opt *o, bool *to, const char *val, struct err *e)
{
	bool yes = !val || !strcmp(val, "yes") || !strcmp(val, "on");

	if (!yes && strcmp(val, "no") && strcmp(val, "off"))
		return bad_value(o, val, "yes or no", e);
	*to = yes;
	return 0;
}

static int set_text(char **to, const char *val, struct err *e)
{
	char *copy = strdup(val);

	if (!copy)
		return err_set(e, -ENOMEM, "out of memory");
	free(*to);
	*to = copy;
	return 0;
}

static int add_text(struct opt_list *to, const char *val, struct err *e)
{
	char **at = reallocarray(to->at, to->n + 1, sizeof(*at));

	if (!at)
		return err_set(e, -ENOMEM, "out of memory");
	to->at = at;
	to->at[to->n] = NULL;
	return set_text(&to->at[to->n++], val, e);
}

/* Sizes are bounded in bytes, times in nanoseconds; the sentence says so in the user's unit. */
static int check_bounds(const struct opt *o, u64 n, struct err *e)
{
	u64 unit = o->kind == OPT_SIZE ? MIB(1) : o->kind == OPT_TIME ? 1000000000 : 1;
	const char *name = o->kind == OPT_SIZE ? " MiB" : o->kind == OPT_TIME ? " seconds" : "";

	if (n < o->min)
		return err_set(e, -EINVAL, "%s: must be at least %llu%s", o->name,
			       (unsigned long long)(o->min / unit), name);
	if (o->max && n > o->max)
		return err_set(e, -EINVAL, "%s: must be at most %llu%s", o->name,
			       (unsigned long long)(o->max / unit), name);
	return 0;
}

static int set_number(const struct opt *o, u64 *to, const char *val, struct err *e)
{
	char *end;
	u64 n = 0;
	int rc;

	if (o->kind == OPT_SIZE) {
		if (opt_size(val, &n) < 0)
			return bad_value(o, val, "a size such as 64m or 1g", e);
	} else if (o->kind == OPT_TIME) {
		if (opt_seconds(val, &n) < 0)
			return bad_value(o, val, "a number of seconds", e);
	} else {
		errno = 0;
		n = strtoull(val, &end, 10);
		if (!isdigit((unsigned char)*val) || *end || errno)
			return bad_value(o, val, "a number", e);
	}
	rc = check_bounds(o, n, e);
	if (!rc)
		*to = n;
	return rc;
}

static int set_choice(const struct opt *o, unsigned *to, const char *val, struct err *e)
{
	size_t len = strlen(val);
	unsigned i = 0;

	for (const char *p = o->arg; *p; i++) {
		size_t n = strcspn(p, "|");

		if (n == len && !strncmp(p, val, n)) {
			*to = i;
			return 0;
		}
		p += n + (p[n] == '|');
	}
	return err_set(e, -EINVAL, "%s: '%s' is not one of %s", o->name, val, o->arg);
}

static int set(const struct opt *o, void *to, const char *val, struct err *e)
{
	void *at = (char *)to + o->offset;

	switch (o->kind) {
	case OPT_FLAG:
		return set_flag(o, at, val, e);
	case OPT_TEXT:
	case OPT_MAYBE:
		return set_text(at, val, e);
	case OPT_LIST:
		return add_text(at, val, e);
	case OPT_CHOICE:
		return set_choice(o, at, val, e);
	default:
		return set_number(o, at, val, e);
	}
}

int opt_take(const struct opt *rows, void *to, int argc, char **argv, int *i, struct err *e)
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const struct opt *o = find(rows, name, len);
	const char *val = name[len] ? name + len + 1 : NULL;
	int used = 1;

	if (!o)
		return unknown(rows, "--", name, len, e);
	if (!val && o->kind == OPT_MAYBE)
		val = "";
	if (!val && o->kind != OPT_FLAG) {
		if (*i + 1 >= argc)
			return err_set(e, -EINVAL, "option '--%s' needs a value: %s", o->name, o->arg);
		val = argv[*i + 1];
		used = 2;
	}
	*i += used;
	return set(o, to, val, e);
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		*--end = 0;
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

static int take_line(const struct opt *rows, void *to, char *line, struct err *e)
{
	char *name = trim(line), *val;
	const struct opt *o;

	if (!*name || *name == '#')
		return 0;
	val = strchr(name, '=');
	if (val) {
		*val++ = 0;
		val = trim(val);
		name = trim(name);
	}
	o = find(rows, name, strlen(name));
	if (!o)
		return unknown(rows, "", name, strlen(name), e);
	if (o->flags & OPT_NOT_IN_FILE)
		return err_set(e, -EINVAL, "'%s' belongs on the command line", name);
	if (!val && o->kind != OPT_FLAG)
		return err_set(e, -EINVAL, "'%s' needs a value: %s = %s", name, name, o->arg);
	return set(o, to, val, e);
}

int opt_words(const struct opt *rows, void *to, const char *words, struct err *e)
{
	int rc = 0;

	while (!rc && *words) {
		size_t len = strcspn(words, ",");
		char *word = strndup(words, len);

		if (!word)
			return err_set(e, -ENOMEM, "out of memory");
		rc = take_line(rows, to, word, e);
		free(word);
		words += len + (words[len] == ',');
	}
	return rc;
}

int opt_file(const struct opt *rows, void *to, const char *path, struct err *e)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int rc = 0;

	if (!f)
		return err_sys(e, "cannot open '%s'", path);
	for (unsigned n = 1; !rc && getline(&line, &room, f) >= 0; n++) {
		rc = take_line(rows, to, line, e);
		if (rc)
			rc = err_in(e, rc, "%s:%u", path, n);
	}
	if (!rc && ferror(f))
		rc = err_sys(e, "cannot read '%s'", path);
	free(line);
	fclose(f);
	return rc;
}

void opt_free(const struct opt *rows, void *to)
{
	for (; rows->name; rows++) {
		void *at = (char *)to + rows->offset;
		struct opt_list *list = at;

		if (rows->kind == OPT_TEXT || rows->kind == OPT_MAYBE) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (rows->kind == OPT_LIST) {
			for (unsigned i = 0; i < list->n; i++)
				free(list->at[i]);
			free(list->at);
			*list = (struct opt_list){ 0 };
		}
	}
}
