/* modem.c - the command `modem`: the emulated modem at a pseudo terminal of this machine. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "modem/modem.h"

struct modem_command {
	bool pty;
	char *link;
	const char *spec;
};

const struct opt modem_opts[] = {
	{ "pty", NULL, OPT_FLAG, 0, offsetof(struct modem_command, pty), 0, 0,
	  "at a new pseudo terminal, whose name is printed (the default)" },
	{ "link", "PATH", OPT_TEXT, 0, offsetof(struct modem_command, link), 0, 0,
	  "make PATH a symbolic link to it" },
	{ 0 },
};

static int parse(struct modem_command *c, int argc, char **argv)
{
	struct err e;
	int i = 1;

	while (i < argc && !strncmp(argv[i], "--", 2))
		if (opt_take(modem_opts, c, argc, argv, &i, &e))
			return cli_usage("modem", "%s", e.text);
	if (i + 1 < argc)
		return cli_usage("modem", "one word for all the modem's settings: pin=1234,sim=ready");
	c->spec = argv[i];
	return modem_check(c->spec, &e) ? cli_usage("modem", "%s", e.text) : 0;
}

/* The slave stays open here, too: else every program that closes it would hang the line up. */
static int pty_open(int *slave, char *name, size_t size, struct err *e)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct termios t;

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, size))
		return err_sys(e, "cannot make a pseudo terminal");
	*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0 || tcgetattr(*slave, &t) < 0)
		return err_sys(e, "cannot open '%s'", name);
	cfmakeraw(&t);
	tcsetattr(*slave, TCSANOW, &t);
	return fd;
}

/* Before any thread starts, so that all inherit it. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int offer(const struct modem_command *c, struct err *e)
{
	struct modem *m = NULL;
	int slave = -1, rc, fd, sig;
	sigset_t set;
	char name[64];

	fd = pty_open(&slave, name, sizeof(name), e);
	if (fd < 0)
		return fd;
	if (c->link && symlink(name, c->link) < 0)
		return err_sys(e, "cannot make the link '%s'", c->link);
	block_signals(&set);
	rc = modem_start(c->spec, fd, &m, e);
	if (!rc) {
		puts(name);
		if (fflush(stdout) == 0)
			sigwait(&set, &sig);
		modem_stop(m);
	}
	if (c->link)
		unlink(c->link);
	return rc;
}

int cmd_modem(int argc, char **argv)
{
	struct modem_command c = { 0 };
	struct err e;
	int rc = parse(&c, argc, argv);

	if (!rc && offer(&c, &e)) {
		cli_error("modem", &e);
		rc = CLI_ERROR;
	}
	opt_free(modem_opts, &c);
	return rc;
}
