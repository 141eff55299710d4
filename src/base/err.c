/* err.c - sentences for failures, and the end of the process for our own bugs. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "pandok: bug at %s:%d: %s\n", file, line, what);
	abort();
}

int err_set(struct err *e, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return rc;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int rc = errno ? -errno : -EIO;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	snprintf(e->text + n, sizeof(e->text) - n, ": %s", strerror(-rc));
	return rc;
}

int err_in(struct err *e, int rc, const char *fmt, ...)
{
	char place[128];
	struct err old = *e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(place, sizeof(place), fmt, ap);
	va_end(ap);
	snprintf(e->text, sizeof(e->text), "%s: %.380s", place, old.text);
	return rc;
}
