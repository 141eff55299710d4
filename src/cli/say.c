/* say.c - what a command says to the person: errors, remarks, usage. Nothing else prints. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/keys.h"
#include "cli/term.h"

static void say(const char *place, const char *text)
{
	/* With output processing off a bare line feed would leave the next line hanging. */
	fprintf(stderr, "%spandok: %s%s%s%s", term_is_raw() ? "\r" : "", place ? place : "",
		place ? ": " : "", text, term_is_raw() ? "\r\n" : "\n");
}

void cli_error(const char *place, const struct err *e)
{
	say(place, e->text);
}

void cli_say(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(NULL, text);
}

void keys_show(const struct keys *k)
{
	for (const struct key_row *r = key_rows; r->name; r++)
		if (k->viewer || !r->viewer)
			cli_say("%-14s %s", r->name, r->help);
}

int cli_usage(const char *place, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(place, text);
	if (place)
		fprintf(stderr, "Try 'pandok help %s'.\n", place);
	else
		fprintf(stderr, "Try 'pandok help'.\n");
	return CLI_USAGE;
}

int cli_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_OK;
	if (errno != EPIPE) /* whoever closed the pipe has read enough */
		cli_say("standard output: %s", strerror(errno));
	return CLI_ERROR;
}

int cli_version(void)
{
	printf("pandok %s\n", PANDOK_VERSION);
	return cli_flush();
}
