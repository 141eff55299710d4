/* trace.c - an strace log becomes a chat script: which dialogue is meant. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "chat/trace.h"

/* All that was sent to f in one piece: what is looked for may have been written in several. */
static bool sends(const struct file *f, const char *text)
{
	struct bytes all = { 0 };
	bool found = false;
	int rc = 0;

	for (unsigned i = 0; i < f->nturns && !rc; i++)
		if (f->turn[i].sent)
			rc = bytes_add(&all, f->data.at + f->turn[i].at, f->turn[i].n);
	if (!rc && all.n)
		found = memmem(all.at, all.n, text, strlen(text));
	free(all.at);
	return found;
}

static bool is_meant(const struct file *f, const struct chat_trace *how)
{
	if (how->find)
		return sends(f, how->find);
	if (how->path)
		return !strcmp(f->path, how->path);
	if (how->fd >= 0)
		return f->fd == how->fd;
	/* Somebody who asked for nothing means the device. */
	return !strncmp(f->path, "/dev/tty", 8) && strcmp(f->path, "/dev/tty");
}

/* The one with most turns, of those that are meant. */
static const struct file *choose(const struct files *all, const struct chat_trace *how)
{
	const struct file *best = NULL;

	for (const struct file *f = all->first; f; f = f->next)
		if (f->nturns && is_meant(f, how) && (!best || f->nturns > best->nturns))
			best = f;
	return best;
}

static int refuse(const struct files *all, const struct chat_trace *how, struct err *e)
{
	bool any = false;

	for (const struct file *f = all->first; f; f = f->next)
		any |= f->nturns != 0;
	if (!any)
		return err_set(e, -ENODATA, "there is no read and no write in it: is it strace's output?");
	if (how->find)
		return err_set(e, -ENOENT, "nothing that was sent has '%s' in it", how->find);
	if (how->path)
		return err_set(e, -ENOENT, "nothing went through '%s'", how->path);
	if (how->fd >= 0)
		return err_set(e, -ENOENT, "nothing went through descriptor %d", how->fd);
	return err_set(e, -ENOENT, "no /dev/tty* was spoken to; say what is meant with --find, --path or --fd");
}

static void warn(const struct chat_trace *how, const char *fmt, ...) PRINTF(2, 3);
static void warn(const struct chat_trace *how, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (how->warn)
		how->warn(how->ctx, text);
}

/*C:200 A dialogue cut out of a trace
 * A program that can talk to a device shows how when strace watches it. The log has every process's
 * calls mixed, so descriptors are followed as the kernel would, through dup, close, reuse and fork,
 * to the file that an open() gave; what went through that file, in order, is the dialogue. Then each
 * run of sent bytes becomes a word to send, and of what came between two of them the line that
 * says the device is done becomes the word to expect.
 * @test test/chat/run
 */
int chat_from_trace(FILE *log, const struct chat_trace *how, FILE *to, struct err *e)
{
	const struct file *f;
	struct files all;
	int rc = files_read(&all, log);

	if (rc)
		err_set(e, rc, "out of memory");
	f = rc ? NULL : choose(&all, how);
	if (!rc && !f)
		rc = refuse(&all, how, e);
	if (f && f->cut)
		warn(how, "strace cut %u strings short: make the trace with -s 4096", f->cut);
	if (f)
		script_write(f, how, to);
	files_free(&all);
	return rc;
}
