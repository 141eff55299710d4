/* machines.c - the commands that speak to running machines: list, stop, kill, pause, resume, stats. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stat.h"
#include "base/unix.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/json.h"

#define STOP_NS 30000000000ull
#define SECOND 1000000000ull
#define LATE_S 10 /* a machine that was ended is given so long to be gone */

struct machines_options {
	bool json;
	u64 timeout_ns;
};

#define JSON_ROW { "json", NULL, OPT_FLAG, 0, offsetof(struct machines_options, json), 0, 0, \
		   "print JSON" }

const struct opt list_opts[] = { JSON_ROW, { 0 } };
const struct opt stats_opts[] = { JSON_ROW, { 0 } };
const struct opt stop_opts[] = {
	{ "timeout", "SECONDS", OPT_TIME, 0, offsetof(struct machines_options, timeout_ns), 0, 86400 * SECOND,
	  "how long the guest has before it is ended (default 30)" },
	{ 0 },
};

/* The options of a command, and where its names start. */
static int parse(int argc, char **argv, const struct opt *rows, struct machines_options *o, int *names)
{
	struct err e;
	int i = 1;

	*o = (struct machines_options){ .timeout_ns = STOP_NS };
	while (i < argc && !strncmp(argv[i], "--", 2)) {
		if (!rows || opt_take(rows, o, argc, argv, &i, &e))
			return cli_usage(argv[0], "%s", rows ? e.text : "it takes no options");
	}
	*names = i;
	return 0;
}

/* Ask a machine that is named; fd is its socket, still open on success. */
static int ask(const char *name, const char *request, char *reply, int *fd, struct err *e)
{
	int rc;

	*fd = ctl_dial(name, e);
	if (*fd < 0)
		return *fd;
	rc = ctl_ask(*fd, request, reply, e);
	if (rc)
		close(*fd);
	return rc;
}

/* ---- list ---- */

static int is_socket(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && !strcmp(d->d_name + n - 5, ".sock");
}

static void show_machine(const char *reply)
{
	static const struct {
		const char *name, *heading;
		int width;
	} columns[] = {
		{ "name", "NAME", -16 }, { "pid", "PID", 7 }, { "state", "STATE", -7 },
		{ "engine", "ENGINE", -6 }, { "cpus", "CPUS", 4 }, { "memory_mib", "MIB", 7 },
		{ "up_seconds", "SECONDS", 8 }, { "kernel", "KERNEL", 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(columns); i++) {
		char val[256] = "";

		if (reply)
			json_get(reply, columns[i].name, val, sizeof(val));
		printf("%s%*s", i ? " " : "", columns[i].width, reply ? val : columns[i].heading);
	}
	putchar('\n');
}

/* What a machine says of itself; false: it is gone, or says nothing. */
static bool ask_info(const char *name, const char *path, char *reply)
{
	struct err e;
	int fd;

	if (!ask(name, "info", reply, &fd, &e)) {
		close(fd);
		return true;
	}
	unix_tidy(path);
	if (strstr(e.text, "answer"))
		cli_say("%s: %s", name, e.text);
	return false;
}

static void list(const char *folder, struct dirent **d, int n, bool json)
{
	bool first = true;

	if (json)
		putchar('[');
	for (int i = 0; i < n; i++) {
		char name[NAME_MAX + 1], path[PATH_MAX], reply[CTL_REPLY_MAX];

		snprintf(name, sizeof(name), "%.*s", (int)strlen(d[i]->d_name) - 5, d[i]->d_name);
		ctl_path(folder, name, path);
		if (!ask_info(name, path, reply))
			continue;
		if (json)
			printf("%s%s", first ? "" : ",\n ", reply);
		else if (first)
			show_machine(NULL);
		if (!json)
			show_machine(reply);
		first = false;
	}
	if (json)
		puts("]");
}

int cmd_list(int argc, char **argv)
{
	struct machines_options o;
	char folder[PATH_MAX];
	struct dirent **d;
	struct err e;
	int names, n;

	if (parse(argc, argv, list_opts, &o, &names))
		return CLI_USAGE;
	if (names < argc)
		return cli_usage("list", "it takes no names");
	if (ctl_folder(folder, &e)) {
		cli_error("list", &e);
		return CLI_ERROR;
	}
	n = scandir(folder, &d, is_socket, versionsort);
	if (n < 0) {
		err_sys(&e, "cannot read '%s'", folder);
		cli_error("list", &e);
		return CLI_ERROR;
	}
	list(folder, d, n, o.json);
	for (int i = 0; i < n; i++)
		free(d[i]);
	free(d);
	return cli_flush();
}

/* ---- requests to machines by name ---- */

/* The machine closes its end when it is gone. */
static int wait_for_end(int fd, u64 ns, struct err *e)
{
	struct pollfd p = { fd, POLLIN, 0 };
	u64 until = loop_now() + ns + LATE_S * SECOND;
	char byte;

	while (loop_now() < until) {
		if (poll(&p, 1, 1000) > 0 && read(fd, &byte, 1) <= 0 && errno != EAGAIN)
			return 0;
		errno = 0;
	}
	return err_set(e, -ETIMEDOUT, "it does not end");
}

enum { AND_WAIT = 1 };

static int each(int argc, char **argv, const struct opt *rows, const char *request, unsigned how)
{
	char line[CTL_LINE_MAX], reply[CTL_REPLY_MAX];
	struct machines_options o;
	int i, status = CLI_OK;

	if (parse(argc, argv, rows, &o, &i))
		return CLI_USAGE;
	if (i == argc)
		return cli_usage(argv[0], "no machine named");
	snprintf(line, sizeof(line), rows ? "%s %g" : "%s", request, (double)o.timeout_ns / SECOND);
	for (; i < argc; i++) {
		struct err e;
		int fd, rc = ask(argv[i], line, reply, &fd, &e);

		if (!rc && how == AND_WAIT)
			rc = wait_for_end(fd, o.timeout_ns, &e);
		if (!rc)
			close(fd);
		if (rc) {
			cli_error(argv[i], &e);
			status = CLI_ERROR;
		}
	}
	return status;
}

int cmd_stop(int argc, char **argv) { return each(argc, argv, stop_opts, "stop", AND_WAIT); }
int cmd_kill(int argc, char **argv) { return each(argc, argv, NULL, "kill", AND_WAIT); }
int cmd_pause(int argc, char **argv) { return each(argc, argv, NULL, "pause", 0); }
int cmd_resume(int argc, char **argv) { return each(argc, argv, NULL, "resume", 0); }

int cmd_balloon(int argc, char **argv)
{
	char line[CTL_LINE_MAX], reply[CTL_REPLY_MAX];
	struct err e;
	int fd;

	if (argc != 3)
		return cli_usage("balloon", "a machine's name and a size are wanted");
	snprintf(line, sizeof(line), "balloon %s", argv[2]);
	if (ask(argv[1], line, reply, &fd, &e)) {
		cli_error(argv[1], &e);
		return CLI_ERROR;
	}
	close(fd);
	return CLI_OK;
}

static void show_stats(const char *reply)
{
	const char *name, *help;
	char val[24];

	for (unsigned i = 0; (name = stat_name(i, &help)); i++)
		if (json_get(reply, name, val, sizeof(val)) && strcmp(val, "0"))
			printf("%-14s %15s  %s\n", name, val, help);
}

int cmd_stats(int argc, char **argv)
{
	struct machines_options o;
	char reply[CTL_REPLY_MAX];
	struct err e;
	int i, fd;

	if (parse(argc, argv, stats_opts, &o, &i))
		return CLI_USAGE;
	if (i + 1 != argc)
		return cli_usage("stats", "one machine at a time");
	if (ask(argv[i], "stats", reply, &fd, &e)) {
		cli_error(argv[i], &e);
		return CLI_ERROR;
	}
	close(fd);
	if (o.json)
		puts(reply);
	else
		show_stats(reply);
	return cli_flush();
}
