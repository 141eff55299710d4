/* debug.c - `pandok debug`: the debugger's prompt on a running machine or on a file. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/unix.h"
#include "cli/cli.h"
#include "cli/ctl.h"
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

/* A file: the debugger is in this process. */
static int open_file(struct dbg **dbg, const char *path, const struct debug_options *o, int *ret,
		     struct err *e)
{
	const struct dbg_config c = { .core = path, .kernel = { .symbols = o->symbols },
				      .crash = { .dir = o->crash_dir } };
	int rc = dbg_new(&c, dbg, e);

	return rc ? rc : dbg_session(*dbg, ret, e);
}

static int open_socket(const char *path, int *ret, struct err *e)
{
	*ret = unix_connect(path);
	if (*ret >= 0)
		return 0;
	errno = -*ret;
	return err_sys(e, "cannot reach a machine at '%s'", path);
}

static int open_machine(const char *name, int *ret, struct err *e)
{
	char reply[CTL_REPLY_MAX];

	*ret = ctl_dial(name, e);
	return *ret < 0 ? *ret : ctl_ask(*ret, "debug", reply, e);
}

/* A socket, a file that a crash left, or a machine's name. */
static int open_any(struct dbg **dbg, const char *where, const struct debug_options *o, int *ret,
		    struct err *e)
{
	struct stat st;

	if (!strncmp(where, "unix:", 5))
		return open_socket(where + 5, ret, e);
	if (stat(where, &st) < 0)
		return strchr(where, '/') ? err_sys(e, "cannot open '%s'", where)
					  : open_machine(where, ret, e);
	return S_ISSOCK(st.st_mode) ? open_socket(where, ret, e) : open_file(dbg, where, o, ret, e);
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
	struct dbg *dbg = NULL;
	struct prompt *p = NULL;
	struct err e;
	int fd = -1, rc = open_any(&dbg, where, o, &fd, &e);

	if (!rc)
		rc = prompt_new(fd, lines, n, !n, &p, &e);
	if (!rc)
		talk(p, fd);
	else
		cli_error("debug", &e);
	prompt_free(p);
	dbg_free(dbg);
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
