/* signals.c - SIGTERM and the like as events of the main loop. */
#define _GNU_SOURCE
#include "cli/signals.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/term.h"

static const int served[] = { SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH };

/* The first one is a wish the guest can serve: it presses the power button. */
static void on_terminate(struct signals *s, int sig)
{
	if (s->asked || sig == SIGHUP) {
		vm_stop(s->vm, VM_QUIT, "ended by SIG%s", sigabbrev_np(sig));
		return;
	}
	s->asked = true;
	cli_say("SIG%s: pressing the power button; once more to quit", sigabbrev_np(sig));
	vm_power_button(s->vm);
}

/* Stopped with the terminal as the shell wants it; SIGCONT puts it back. */
static void on_suspend(void)
{
	term_restore();
	raise(SIGSTOP);
}

static void tell_size(struct signals *s)
{
	u16 cols, rows;

	if (s->terminal && term_size(&cols, &rows))
		vm_console_size(s->vm, cols, rows);
}

static void on_signal(struct signals *s, int sig)
{
	struct err e;

	switch (sig) {
	case SIGTSTP:
		on_suspend();
		break;
	case SIGCONT:
		if (s->terminal && term_raw(&e))
			vm_stop(s->vm, VM_ERROR, "%s", e.text);
		break;
	case SIGWINCH:
		tell_size(s);
		break;
	default:
		on_terminate(s, sig);
	}
}

static void on_ready(struct source *src, short events)
{
	struct signals *s = container_of(src, struct signals, source);
	struct signalfd_siginfo info;

	(void)events;
	if (read(src->fd, &info, sizeof(info)) == sizeof(info))
		on_signal(s, (int)info.ssi_signo);
}

int signals_init(struct signals *s, struct loop *l, struct err *e)
{
	sigset_t set;

	*s = (struct signals){ .source = { -1, POLLIN, on_ready } };
	signal(SIGPIPE, SIG_IGN); /* writes say EPIPE, */
	signal(SIGXFSZ, SIG_IGN); /* and EFBIG */
	sigemptyset(&set);
	for (unsigned i = 0; i < ARRAY_SIZE(served); i++)
		sigaddset(&set, served[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->source.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->source.fd < 0)
		return err_sys(e, "cannot make a signal file");
	loop_add(l, &s->source);
	return 0;
}

void signals_fini(struct signals *s)
{
	if (s->source.fd >= 0)
		close(s->source.fd);
	s->source.fd = -1;
}

int signals_start(struct signals *s, struct vm *vm, bool terminal)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t pending;

	s->vm = vm;
	s->terminal = terminal;
	tell_size(s);
	sigpending(&pending);
	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigismember(&pending, ends[i]))
			return ends[i];
	return 0;
}
