/* cli.h - the commands, and how every one of them speaks and ends. */
#ifndef PANDOK_CLI_CLI_H
#define PANDOK_CLI_CLI_H

#include <stdio.h>

#include "base/err.h"
#include "base/opt.h"

/* Exit statuses; pandok(1) documents them. With --debug-exit the guest chooses an odd one. */
enum cli_status {
	CLI_OK = 0,        /* the guest powered off */
	CLI_ERROR = 1,     /* the host's or the user's fault */
	CLI_USAGE = 2,     /* the command line makes no sense */
	CLI_PANIC = 3,     /* the guest panicked */
	CLI_DEAD = 4,      /* triple fault, or nothing can wake the guest any more */
	CLI_TIMEOUT = 124, /* the time limit was reached */
};

/* A subcommand: usage, help, completion and the manual page come from this row. */
struct cmd {
	const char *name;
	const char *usage; /* what follows the name */
	const char *help;  /* one sentence without a full stop */
	int (*run)(int argc, char **argv); /* argv[0] is the name; returns the exit status */
	const struct opt *opts; /* NULL: none */
	const char *more;  /* text under the options in its help; NULL: none */
};

extern const struct cmd cmds[]; /* ends with name NULL */
const struct cmd *cmd_find(const char *name); /* NULL: none */
const char *cmd_nearest(const char *name);    /* the command a misspelt name means; NULL */

int cmd_run(int argc, char **argv);
int cmd_lguest(int argc, char **argv); /* pandok SIZE KERNEL ...; argv[0] is "pandok" */
int cmd_list(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_chat(int argc, char **argv);
int cmd_modem(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_kill(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_balloon(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_crash(int argc, char **argv);
int cmd_debug(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_help(int argc, char **argv);

extern const struct opt chat_opts[], modem_opts[], list_opts[], stop_opts[], stats_opts[];
extern const struct opt run_opts[], help_opts[], check_opts[], crash_opts[], doctor_opts[],
	debug_opts[];

/* cli_error - show the one error this process ends with: "pandok: place: sentence". */
void cli_error(const char *place, const struct err *e);

/* cli_say - tell the person at the terminal something: "pandok: sentence" on standard error. */
void cli_say(const char *fmt, ...) PRINTF(1, 2);

/* cli_usage - the command line of place (a command's name) makes no sense; returns CLI_USAGE. */
int cli_usage(const char *place, const char *fmt, ...) PRINTF(2, 3);

/* cli_flush - end a command that printed: CLI_OK, or CLI_ERROR said when standard output failed. */
int cli_flush(void);

int cli_version(void); /* print it; returns the exit status */

/* help_cmd - print a command's help, as `pandok help NAME` does. */
void help_cmd(const struct cmd *c, FILE *to);

#endif
