/* crash.c - `pandok crash`: what guests that died have left. */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "know/know.h"

#define MEMBER_MAX MIB(64)

struct crash_options {
	char *dir;
};

const struct opt crash_opts[] = {
	{ "crash-dir", "FOLDER", OPT_TEXT, 0, offsetof(struct crash_options, dir), 0, 0,
	  "where dumps are kept instead of pandok/crash under $XDG_STATE_HOME" },
	{ 0 },
};

struct numbers {
	u64 *at;
	unsigned n;
};

/* ---- info.N ------------------------------------------------------------------------------- */

/* The value of a line "  key: value" of an info file; "" when it has none. */
static void info_value(const char *dir, u64 number, const char *key, char *ret, size_t len)
{
	char path[640], line[1024];
	FILE *f;

	ret[0] = 0;
	snprintf(path, sizeof(path), "%s/info.%" PRIu64, dir, number);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *s = line + strspn(line, " ");

		if (strncmp(s, key, strlen(key)) || strncmp(s + strlen(key), ": ", 2))
			continue;
		s[strcspn(s, "\n")] = 0;
		snprintf(ret, len, "%s", s + strlen(key) + 2);
	}
	if (f)
		fclose(f);
}

/* A guest chose its last words: no control character of them reaches a terminal. */
static void text_put(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		u8 c = (u8)s[i];

		putchar((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t' ? c : '?');
	}
}

/* ---- list --------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Dumps have an info beside them; each number once. */
static int numbers_read(const char *dir, struct numbers *ret, struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	u64 number, *p;

	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, "cannot read '%s'", dir);
	while ((de = readdir(d))) {
		if (strncmp(de->d_name, "info.", 5) || !crash_name(de->d_name, &number))
			continue;
		p = realloc(ret->at, (ret->n + 1) * sizeof(*p));
		if (!p) {
			closedir(d);
			return err_set(e, -ENOMEM, "out of memory");
		}
		ret->at = p;
		ret->at[ret->n++] = number;
	}
	closedir(d);
	if (ret->n)
		qsort(ret->at, ret->n, sizeof(*ret->at), by_number);
	return 0;
}

static int list(const char *dir, struct err *e)
{
	struct numbers all = { 0 };
	int rc = numbers_read(dir, &all, e);

	if (!rc && !all.n)
		printf("no dumps in %s\n", dir);
	else if (!rc)
		printf("%5s  %-26s %-19s %s\n", "N", "WHEN", "KIND", "WHY");
	for (unsigned i = 0; !rc && i < all.n; i++) {
		char when[64], magic[64], why[512];

		info_value(dir, all.at[i], "Dumptime", when, sizeof(when));
		info_value(dir, all.at[i], "Magic", magic, sizeof(magic));
		info_value(dir, all.at[i], "Panic String", why, sizeof(why));
		printf("%5" PRIu64 "  %-26s %-19s ", all.at[i], when, magic);
		text_put(why, strlen(why));
		putchar('\n');
	}
	free(all.at);
	return rc;
}

/* ---- show, print -------------------------------------------------------------------------- */

static int member_show(struct archive *a, struct archive_entry *en)
{
	la_int64_t size = archive_entry_size(en);
	char buf[65536];
	la_ssize_t n;

	if (size < 0 || (u64)size > MEMBER_MAX)
		return -EFBIG;
	while ((n = archive_read_data(a, buf, sizeof(buf))) > 0)
		text_put(buf, (size_t)n);
	return n < 0 ? -EIO : 0;
}

/* One member of a textdump; NULL: all, each under its name. */
static int members_show(const char *path, const char *member, struct err *e)
{
	struct archive *a = archive_read_new();
	struct archive_entry *en;
	bool found = false;
	int rc = 0;

	if (!a)
		return err_set(e, -ENOMEM, "out of memory");
	archive_read_support_format_tar(a);
	if (archive_read_open_filename(a, path, 65536) != ARCHIVE_OK)
		rc = err_set(e, -EIO, "cannot read '%s': %s", path, archive_error_string(a));
	while (!rc && archive_read_next_header(a, &en) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(en);

		if (member && (!name || strcmp(name, member)))
			continue;
		found = true;
		if (!member)
			printf("%s---- %s ----\n", "\n", name ? name : "?");
		if (member_show(a, en))
			rc = err_set(e, -EIO, "'%s' is damaged", path);
		if (!member)
			putchar('\n');
	}
	archive_read_free(a);
	return rc || found || !member ? rc : err_set(e, -ENOENT, "'%s' has no '%s'", path, member);
}

static int number_read(const char *text, u64 *ret, struct err *e)
{
	char *end;

	if (!text)
		return err_set(e, -EINVAL, "which dump? give its number, see 'pandok crash list'");
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9')
		return err_set(e, -EINVAL, "'%s' is no number of a dump", text);
	return 0;
}

static void core_out(struct out *o, const char *text, size_t len)
{
	(void)o;
	fwrite(text, 1, len, stdout);
}

/* What a core file tells at a glance. */
static int core_show(const char *path, struct err *e)
{
	struct kernel_config none = { 0 };
	struct out o = { core_out };
	struct target *t;
	struct kernel *k;
	int rc = target_open(path, &t, e);

	if (rc)
		return rc;
	rc = kernel_new(t, &none, &k, e);
	for (unsigned i = 0; !rc && i < target_ncpus(t); i++) {
		struct view v = { t, k, i, &o };

		putchar('\n');
		if (!i)
			view_known(&v);
		view_bt(&v);
	}
	if (!rc)
		kernel_free(k);
	target_free(t);
	return rc;
}

static int info_show(const char *dir, u64 number)
{
	char path[640], line[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/info.%" PRIu64, dir, number);
	f = fopen(path, "re");
	if (!f)
		return -ENOENT;
	while (fgets(line, sizeof(line), f))
		text_put(line, strlen(line));
	fclose(f);
	return 0;
}

static bool is_there(const char *dir, const char *kind, u64 number, char *ret, size_t len)
{
	struct stat st;

	snprintf(ret, len, "%s/%s.%" PRIu64, dir, kind, number);
	return stat(ret, &st) == 0;
}

static int show(const char *dir, const char *arg, struct err *e)
{
	char path[640];
	u64 number;
	int rc = number_read(arg, &number, e);

	if (rc)
		return rc;
	if (info_show(dir, number))
		return err_set(e, -ENOENT, "no dump has the number %" PRIu64 " in %s", number, dir);
	if (is_there(dir, "textdump.tar", number, path, sizeof(path)))
		return members_show(path, NULL, e);
	return is_there(dir, "vmcore", number, path, sizeof(path)) ? core_show(path, e) : 0;
}

static int print(const char *dir, const char *arg, const char *member, struct err *e)
{
	char path[640];
	u64 number;
	int rc = number_read(arg, &number, e);

	if (rc)
		return rc;
	if (is_there(dir, "textdump.tar", number, path, sizeof(path)))
		return members_show(path, member ? member : "ddb.txt", e);
	if (is_there(dir, "vmcore", number, path, sizeof(path)))
		return err_set(e, -EINVAL, "number %" PRIu64 " is a core file: 'pandok crash show %" PRIu64
			       "', or open '%s'", number, number, path);
	return err_set(e, -ENOENT, "no dump has the number %" PRIu64 " in %s", number, dir);
}

/* ---- the command -------------------------------------------------------------------------- */

static int crash_do(const char *dir, int n, char **word, struct err *e)
{
	if (!strcmp(word[0], "list") && n == 1)
		return list(dir, e);
	if (!strcmp(word[0], "show") && n <= 2)
		return show(dir, n > 1 ? word[1] : NULL, e);
	if (!strcmp(word[0], "print") && n <= 3)
		return print(dir, n > 1 ? word[1] : NULL, n > 2 ? word[2] : NULL, e);
	return err_set(e, -EINVAL, "say 'list', 'show N' or 'print N [MEMBER]'");
}

/*L:860 What a guest has left
 * A textdump is a tar file that any tool can read; `pandok crash` saves one the search for it. What
 * a guest wrote before it died may try to talk to the terminal, so only text goes there.
 */
int cmd_crash(int argc, char **argv)
{
	struct crash_options o = { 0 };
	char *word[4] = { NULL };
	char dir[512];
	struct err e;
	int i = 1, n = 0, rc = 0;

	while (i < argc && !rc) {
		if (!strncmp(argv[i], "--", 2))
			rc = opt_take(crash_opts, &o, argc, argv, &i, &e);
		else if (n < 4)
			word[n++] = argv[i++];
		else
			rc = err_set(&e, -EINVAL, "too many arguments");
	}
	if (!rc && !n)
		rc = err_set(&e, -EINVAL, "say 'list', 'show N' or 'print N [MEMBER]'");
	if (!rc) {
		struct crash_config c = { .dir = o.dir };

		rc = crash_path(&c, dir, sizeof(dir), &e);
	}
	if (!rc)
		rc = crash_do(dir, n, word, &e);
	opt_free(crash_opts, &o);
	if (rc == -EINVAL)
		return cli_usage("crash", "%s", e.text);
	if (rc) {
		cli_error("crash", &e);
		return CLI_ERROR;
	}
	return cli_flush();
}
