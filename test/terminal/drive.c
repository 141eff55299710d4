/* drive.c - plays a script against a program on a terminal of its own.
 *   usage: drive SCRIPT PROGRAM
 * Steps, one a line: run ARGS (must be first), expect TEXT, send KEYS (^X is a control key in both),
 * raw, cooked, size COLSxROWS, kill SIGNAL-NUMBER, stopped, status N (128 + signal for one that was
 * killed). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define STEP_MS 10

struct play {
	const char *program;
	int master, slave;
	struct termios before;
	pid_t pid;
	char seen[1 << 16]; /* output since the last expect */
	size_t n;
};

static int fail(struct play *p, const char *what, const char *arg)
{
	printf("%s %s; seen since: \"", what, arg);
	for (size_t i = 0; i < p->n && i < 300; i++)
		putchar(p->seen[i] >= ' ' && p->seen[i] <= '~' ? p->seen[i] : '.');
	puts("\"");
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
	return 1;
}

/* Take what the program prints for so long. */
static void listen_for(struct play *p, int ms)
{
	struct pollfd f = { p->master, POLLIN, 0 };
	ssize_t n;

	if (poll(&f, 1, ms) < 1)
		return;
	if (p->n > sizeof(p->seen) / 2)
		p->n = 0;
	n = read(p->master, p->seen + p->n, sizeof(p->seen) - p->n - 1);
	if (n > 0)
		p->n += (size_t)n;
	p->seen[p->n] = 0;
}

static void child(struct play *p, char *args)
{
	char *argv[32] = { (char *)p->program };
	int n = 1;

	for (char *a = strtok(args, " "); a && n < 31; a = strtok(NULL, " "))
		argv[n++] = a;
	setsid();
	ioctl(p->slave, TIOCSCTTY, 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(p->slave, fd);
	close_range(3, ~0u, 0);
	execv(p->program, argv);
	_exit(127);
}

static int step_run(struct play *p, char *args)
{
	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->master < 0 || grantpt(p->master) || unlockpt(p->master))
		return fail(p, "no terminal:", strerror(errno));
	p->slave = open(ptsname(p->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->slave < 0 || tcgetattr(p->slave, &p->before))
		return fail(p, "no terminal:", strerror(errno));
	p->pid = fork();
	if (!p->pid)
		child(p, args);
	return 0;
}

/* Turn ^X into the control key. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++)
		*to++ = *s == '^' && s[1] ? *++s & 0x1f : *s;
	*to = 0;
}

static int step_send(struct play *p, char *keys)
{
	size_t len;

	unescape(keys);
	len = strlen(keys);
	return write(p->master, keys, len) == (ssize_t)len ? 0 : fail(p, "cannot type", keys);
}

static bool has_ended(struct play *p)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

static int step_expect(struct play *p, char *text)
{
	bool ended = false;

	unescape(text);
	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		char *at = memmem(p->seen, p->n, text, strlen(text));

		if (at) {
			at += strlen(text);
			p->n -= (size_t)(at - p->seen);
			memmove(p->seen, at, p->n + 1);
			return 0;
		}
		if (ended)
			break;
		ended = has_ended(p); /* all it printed is there by now */
		listen_for(p, STEP_MS);
	}
	return fail(p, "never printed", text);
}

static bool is_before(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
	       a->c_cflag == b->c_cflag;
}

static int wait_mode(struct play *p, bool raw)
{
	struct termios now;

	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		tcgetattr(p->slave, &now);
		if (raw ? !(now.c_lflag & (ICANON | ECHO | ISIG)) : is_before(&now, &p->before))
			return 0;
		listen_for(p, STEP_MS);
	}
	return fail(p, "the terminal never became", raw ? "raw" : "as before");
}

static int step_raw(struct play *p, char *arg)
{
	(void)arg;
	return wait_mode(p, true);
}

static int step_cooked(struct play *p, char *arg)
{
	(void)arg;
	return wait_mode(p, false);
}

static int step_kill(struct play *p, char *sig)
{
	return kill(p->pid, atoi(sig)) ? fail(p, "cannot send signal", sig) : 0;
}

/* Wait for a change of the process; its wait status, or -1. */
static int wait_change(struct play *p, int options)
{
	int status;

	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		if (waitpid(p->pid, &status, options | WNOHANG) == p->pid)
			return status;
		listen_for(p, STEP_MS);
	}
	return -1;
}

static int step_stopped(struct play *p, char *arg)
{
	int status = wait_change(p, WUNTRACED);

	return status >= 0 && WIFSTOPPED(status) ? 0 : fail(p, "did not stop", arg);
}

static int step_status(struct play *p, char *want)
{
	int status = wait_change(p, 0), got;
	char text[16];

	if (status < 0)
		return fail(p, "never ended, wanted status", want);
	p->pid = 0;
	got = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	snprintf(text, sizeof(text), "%d", got);
	return strcmp(text, want) ? fail(p, "ended with status", text) : 0;
}

/* "COLSxROWS"; who has the terminal gets SIGWINCH. */
static int step_size(struct play *p, char *size)
{
	struct winsize w = { 0 };

	if (sscanf(size, "%hux%hu", &w.ws_col, &w.ws_row) != 2 || ioctl(p->master, TIOCSWINSZ, &w))
		return fail(p, "cannot make the terminal", size);
	return 0;
}

static const struct step {
	const char *name;
	int (*play)(struct play *p, char *arg);
} steps[] = {
	{ "run", step_run }, { "expect", step_expect }, { "send", step_send }, { "raw", step_raw },
	{ "cooked", step_cooked }, { "kill", step_kill }, { "stopped", step_stopped },
	{ "status", step_status }, { "size", step_size },
};

static int play_line(struct play *p, char *line)
{
	char *arg = line + strcspn(line, " ");

	if (*arg)
		*arg++ = 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (!strcmp(steps[i].name, line))
			return steps[i].play(p, arg);
	return fail(p, "no such step:", line);
}

int main(int argc, char **argv)
{
	static struct play p;
	char line[512];
	FILE *f = argc == 3 ? fopen(argv[1], "r") : NULL;
	int rc = 0;

	if (!f)
		return 2;
	p.program = argv[2];
	while (!rc && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (*line && *line != '#')
			rc = play_line(&p, line);
	}
	fclose(f);
	return rc;
}
