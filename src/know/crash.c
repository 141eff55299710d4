/* crash.c - what is written when a guest died: a textdump, a core file, and info beside them. */
#define _GNU_SOURCE
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "know/core.h"
#include "know/crash_dir.h"

#define LOG_MAX MIB(16)

/* ---- info --------------------------------------------------------------------------------- */

static void version_text(const struct view *v, char *ret, size_t len)
{
	u64 at = k_sym(v->k, "linux_banner");

	ret[0] = 0;
	if (at)
		k_text(v->k, at, ret, len);
	if (!strncmp(ret, "Linux", 5))
		ret[strcspn(ret, "\n")] = 0;
	else
		snprintf(ret, len, "unknown guest");
}

/* As savecore writes it, so that who knows one knows the other. */
static char *info_text(const struct view *v, const struct crash_texts *x, const struct crash *c,
		       const char *magic, u64 len)
{
	char version[512], when[64] = "";
	time_t now = time(NULL);
	struct tm tm;
	char *text;

	version_text(v, version, sizeof(version));
	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm);
	if (asprintf(&text,
		     "Dump header from device: pandok%s%s\n"
		     "  Architecture: amd64\n"
		     "  Dump Length: %" PRIu64 "\n"
		     "  Dumptime: %s\n"
		     "  Magic: %s\n"
		     "  Version String: %s\n"
		     "  Panic String: %s\n"
		     "  Bounds: %" PRIu64 "\n"
		     "  Dump Status: good\n",
		     *x->machine ? " machine " : "", x->machine, len, when, magic, version, x->reason,
		     c->number) < 0)
		return NULL;
	return text;
}

static int commit(struct crash *c, const struct view *v, const struct crash_texts *x,
		  const char *magic, char **ret, struct err *e)
{
	struct stat st;
	char *info;
	int rc;

	info = fstat(c->fd, &st) < 0 ? NULL : info_text(v, x, c, magic, (u64)st.st_size);
	if (!info) {
		crash_abandon(c);
		return err_set(e, -ENOMEM, "out of memory");
	}
	rc = crash_commit(c, info, ret, e);
	free(info);
	return rc;
}

/* ---- textdump ----------------------------------------------------------------------------- */

static bool member(struct archive *a, const char *name, const char *text, size_t len)
{
	struct archive_entry *en = archive_entry_new();
	bool ok;

	if (!en)
		return false;
	archive_entry_set_pathname(en, name);
	archive_entry_set_filetype(en, AE_IFREG);
	archive_entry_set_perm(en, 0600);
	archive_entry_set_size(en, (la_int64_t)len);
	archive_entry_set_mtime(en, time(NULL), 0);
	ok = archive_write_header(a, en) == ARCHIVE_OK &&
	     archive_write_data(a, text, len) == (la_ssize_t)len;
	archive_entry_free(en);
	return ok;
}

static bool members(struct archive *a, const struct view *v, const struct crash_texts *x)
{
	char version[512];
	struct out_text log;
	struct view to = *v;
	bool ok;

	version_text(v, version, sizeof(version));
	out_text_init(&log, LOG_MAX);
	to.out = &log.out;
	view_dmesg(&to);
	ok = member(a, "ddb.txt", x->ddb ? x->ddb : "", x->ddb_len) &&
	     member(a, "config.txt", x->config, strlen(x->config)) &&
	     member(a, "msgbuf.txt", log.at ? log.at : "", log.len) &&
	     member(a, "panic.txt", x->reason, strlen(x->reason)) &&
	     member(a, "version.txt", version, strlen(version));
	free(log.at);
	return ok;
}

static int tar_write(int fd, const struct view *v, const struct crash_texts *x, struct err *e)
{
	struct archive *a = archive_write_new();
	int rc = 0;

	if (!a)
		return err_set(e, -ENOMEM, "out of memory");
	archive_write_set_format_ustar(a);
	archive_write_set_bytes_in_last_block(a, 1);
	if (archive_write_open_fd(a, fd) != ARCHIVE_OK || !members(a, v, x) ||
	    archive_write_close(a) != ARCHIVE_OK) {
		errno = archive_errno(a);
		rc = err_sys(e, "cannot write the textdump");
	}
	archive_write_free(a);
	return rc;
}

int crash_textdump(const struct crash_config *cfg, const struct view *v, const struct crash_texts *x,
		   char **ret, struct err *e)
{
	struct crash c;
	int rc = crash_begin(cfg, "textdump.tar", &c, e);

	if (rc)
		return rc;
	rc = tar_write(c.fd, v, x, e);
	if (rc) {
		crash_abandon(&c);
		return err_in(e, rc, "'%s'", c.path);
	}
	return commit(&c, v, x, "pandok Text Dump", ret, e);
}

/* ---- core files --------------------------------------------------------------------------- */

int crash_vmcore(const struct crash_config *cfg, const struct view *v, const struct crash_texts *x,
		 enum crash_core kind, char **ret, struct err *e)
{
	struct crash c;
	int rc = crash_begin(cfg, "vmcore", &c, e);

	if (rc)
		return rc;
	rc = kind == CRASH_CORE_FULL ? core_elf_write(v->t, v->k, c.fd, e) :
				       core_kdump_write(v->t, v->k, c.fd, e);
	if (rc) {
		crash_abandon(&c);
		return err_in(e, rc, "'%s'", c.path);
	}
	return commit(&c, v, x, kind == CRASH_CORE_FULL ? "pandok Core" : "pandok Kernel Dump", ret, e);
}
