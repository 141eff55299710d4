/* term.c - raw mode of the terminal on standard input, and every way it ends. */
#define _GNU_SOURCE
#include "cli/term.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* The process has one terminal; a signal handler has to find it. */
static struct term {
	struct termios before, raw;
	atomic_bool is_raw;
	int guard_fd;      /* -1: no guard; closing it wakes the guard */
	pid_t guard;
} term = { .guard_fd = -1 };

bool term_size(u16 *cols, u16 *rows)
{
	struct winsize w;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_col || !w.ws_row)
		return false;
	*cols = w.ws_col;
	*rows = w.ws_row;
	return true;
}

bool term_is_raw(void)
{
	return atomic_load(&term.is_raw);
}

void term_restore(void)
{
	int keep = errno;

	if (atomic_exchange(&term.is_raw, false))
		tcsetattr(STDIN_FILENO, TCSANOW, &term.before);
	errno = keep;
}

/* Fatal signal: the terminal first, then what would have happened anyway. */
static void on_fatal(int sig)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	term_restore();
	sigaction(sig, &dfl, NULL);
	/* Blocked while this handler runs: delivered, and deadly, on return. */
	raise(sig);
}

static bool kills(int sig)
{
	switch (sig) {
	case SIGKILL: case SIGSTOP: /* cannot be caught */
	case SIGCHLD: case SIGCONT: case SIGURG: case SIGWINCH: /* ignored when not caught */
	case SIGTSTP: case SIGTTIN: case SIGTTOU: /* stop */
		return false;
	default:
		return true;
	}
}

void term_catch(void)
{
	struct sigaction old, sa = { .sa_handler = on_fatal, .sa_flags = SA_ONSTACK };

	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (!kills(sig) || sigaction(sig, NULL, &old) < 0)
			continue;
		if (!(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_DFL)
			sigaction(sig, &sa, NULL);
	}
}

static bool same_mode(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag;
}

/*L:300 The guard of the terminal
 * A raw terminal is useless to the shell that gets it back, so it is restored on every way out: at
 * the end of a run, in exit(), in a handler for each deadly signal. Nobody can handle SIGKILL. So a
 * child process that does nothing sleeps on a pipe whose other end dies with us, and restores the
 * terminal if it is still as we left it. It has a session of its own: what kills our process group
 * does not reach it, and the terminal's job control does not stop it.
 * @test test/terminal/kill9.t
 */
static NORETURN void guard_main(int fd)
{
	struct termios now;
	char byte;
	ssize_t n;

	setsid();
	signal(SIGHUP, SIG_IGN);
	/* All but the terminal and the pipe: a reader of our output must see its end. */
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	if (fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 0 && tcgetattr(STDIN_FILENO, &now) == 0 && same_mode(&now, &term.raw))
		tcsetattr(STDIN_FILENO, TCSANOW, &term.before);
	_exit(0);
}

/* Without a guard only SIGKILL leaves a raw terminal behind: no reason to refuse the run. */
static void guard_start(void)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0)
		return;
	term.guard = fork();
	if (term.guard == 0) {
		close(fd[1]);
		guard_main(fd[0]);
	}
	close(fd[0]);
	if (term.guard < 0)
		close(fd[1]);
	else
		term.guard_fd = fd[1];
}

void term_done(void)
{
	term_restore();
	if (term.guard_fd < 0)
		return;
	if (write(term.guard_fd, "x", 1) == 1)
		waitpid(term.guard, NULL, 0);
	close(term.guard_fd);
	term.guard_fd = -1;
}

int term_open(struct err *e)
{
	if (tcgetattr(STDIN_FILENO, &term.before) < 0)
		return err_sys(e, "cannot read the terminal's settings");
	term.raw = term.before;
	cfmakeraw(&term.raw);
	guard_start();
	atexit(term_done);
	return 0;
}

int term_raw(struct err *e)
{
	if (atomic_exchange(&term.is_raw, true))
		return 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &term.raw) == 0)
		return 0;
	atomic_store(&term.is_raw, false);
	return err_sys(e, "cannot put the terminal into raw mode");
}
