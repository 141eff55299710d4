/* breakin.c - the debugger's prompt in the middle of a console that is a terminal in raw mode. */
#include "cli/breakin.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/term.h"

/* Ctrl-C at the prompt was no wish to end the machine. */
static void forget_interrupts(void)
{
	static const struct timespec now = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	while (sigtimedwait(&set, NULL, &now) == SIGINT)
		;
}

void breakin_enter(struct breakin *b, int fd)
{
	struct err e;

	term_restore(); /* first: the editor keeps what it finds, and puts that back in the end */
	putchar('\n');
	if (!b->prompt && prompt_new(fd, NULL, 0, true, &b->prompt, &e))
		cli_say("%s", e.text);
	else
		b->fd = fd >= 0 ? fd : b->fd;
	if (b->prompt && prompt_run(b->prompt, false) == PROMPT_OVER)
		breakin_close(b);
	forget_interrupts();
	if (term_raw(&e))
		cli_say("%s", e.text);
}

void breakin_close(struct breakin *b)
{
	prompt_free(b->prompt);
	*b = (struct breakin){ .fd = -1 };
}
