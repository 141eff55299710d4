/* debug.c - `pandok debug`: the debugger's prompt on a running machine or on a file. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/prompt.h"
#include "dbg/dbg.h"

struct debug_options {
	bool help;
	char *symbols, *crash_dir;
};

const struct opt debug_opts[] = {
	{ "symbols", "FILE", OPT_TEXT, 0, offsetof(struct debug_options, symbols), 0, 0,
	  "an ELF file with the kernel's symbols, for a file" },
	{ "crash-dir", "DIR", OPT_TEXT, 0, offsetof(struct debug_options, crash_dir), 0, 0,
	  "where 'textdump dump' on a file writes" },
	{ "help", NULL, OPT_FLAG, 0, offsetof(struct debug_options, help), 0, 0, "show this" },
	{ 0 },
};

/* A session in this process: the debugger's side runs on a thread. */
struct local {
	struct dbg *dbg;
	pthread_t thread;
	int fd;
};

static void *local_main(void *arg)
{
	struct local *l = arg;

	dbg_serve(l->dbg, l->fd);
	return NULL;
}

static int local_open(struct local *l, const char *path, const struct debug_options *o, int *ret,
		      struct err *e)
{
	const struct dbg_config c = { .core = path, .kernel = { .symbols = o->symbols },
				      .crash = { .dir = o->crash_dir } };
	int pair[2], rc = dbg_new(&c, &l->dbg, e);

	if (rc)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "cannot make a socket");
	l->fd = pair[0];
	*ret = pair[1];
	if (pthread_create(&l->thread, NULL, local_main, l))
		return err_set(e, -EAGAIN, "cannot start a thread");
	return 0;
}

static int connect_to(const char *path, int *ret, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(un.sun_path))
		return err_set(e, -EINVAL, "the path '%s' is too long for a socket", path);
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, "cannot make a socket");
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0) {
		int rc = err_sys(e, "cannot reach a machine at '%s'", path);

		close(fd);
		return rc;
	}
	*ret = fd;
	return 0;
}

/* A machine's socket, or a file that a crash left. */
static int open_any(struct local *l, const char *where, const struct debug_options *o, int *ret,
		    struct err *e)
{
	struct stat st;

	if (!strncmp(where, "unix:", 5))
		return connect_to(where + 5, ret, e);
	if (stat(where, &st) < 0)
		return err_sys(e, "'%s' is neither a machine nor a file", where);
	return S_ISSOCK(st.st_mode) ? connect_to(where, ret, e) : local_open(l, where, o, ret, e);
}

/* Ctrl-C is for the machine. */
static void *interrupt_main(void *arg)
{
	const int *fd = arg;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	while (!sigwait(&set, &sig))
		prompt_interrupt(*fd);
	return NULL;
}

static bool interrupts_start(int *fd, pthread_t *ret)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	return !pthread_sigmask(SIG_BLOCK, &set, NULL) &&
	       !pthread_create(ret, NULL, interrupt_main, fd);
}

static void talk(struct prompt *p, int fd)
{
	pthread_t thread;
	bool started = interrupts_start(&fd, &thread);

	prompt_run(p, true);
	if (started) {
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
}

static int debug(const char *where, char **lines, unsigned n, const struct debug_options *o)
{
	struct local l = { .fd = -1 };
	struct prompt *p = NULL;
	struct err e;
	int fd = -1, rc = open_any(&l, where, o, &fd, &e);

	if (!rc)
		rc = prompt_new(fd, lines, n, !n, &p, &e);
	if (!rc)
		talk(p, fd);
	else
		cli_error("debug", &e);
	prompt_free(p);
	if (l.fd >= 0)
		pthread_join(l.thread, NULL);
	dbg_free(l.dbg);
	return rc ? CLI_ERROR : cli_flush();
}

int cmd_debug(int argc, char **argv)
{
	struct debug_options o = { 0 };
	struct err e;
	int i = 1, status;

	while (i < argc && !strncmp(argv[i], "--", 2))
		if (opt_take(debug_opts, &o, argc, argv, &i, &e)) {
			opt_free(debug_opts, &o);
			return cli_usage("debug", "%s", e.text);
		}
	if (o.help) {
		help_cmd(cmd_find("debug"), stdout);
		status = cli_flush();
	} else if (i == argc) {
		status = cli_usage("debug", "no machine and no file given");
	} else {
		status = debug(argv[i], argv + i + 1, (unsigned)(argc - i - 1), &o);
	}
	opt_free(debug_opts, &o);
	return status;
}
