/* chat.c - the command `chat`: chat(8)'s options and signals around the scripts. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include "chat/chat.h"
#include "cli/cli.h"
#include "cli/line.h"
#include "cli/record.h"

struct chat_command {
	char *to, *record, *trace, *find, *path, *secret, *variable;
	u64 fd;
	const char *file, *report;
	bool verbose, to_stderr, no_syslog;
	struct chat_config config;
	struct line line;
};

const struct opt chat_opts[] = {
	{ "to", "WHERE", OPT_TEXT, 0, offsetof(struct chat_command, to), 0, 0,
	  "whom to speak to: a device's path, unix:PATH, tcp:HOST:PORT, machine:NAME" },
	{ "record", "FILE", OPT_TEXT, 0, offsetof(struct chat_command, record), 0, 0,
	  "with --to: speak yourself, and write a script of it to FILE" },
	{ "from-trace", "FILE", OPT_TEXT, 0, offsetof(struct chat_command, trace), 0, 0,
	  "print the script of a dialogue in FILE, an strace log ('-': standard input)" },
	{ "find", "TEXT", OPT_TEXT, 0, offsetof(struct chat_command, find), 0, 0,
	  "from-trace: the dialogue in which TEXT was sent, a PIN say" },
	{ "path", "FILE", OPT_TEXT, 0, offsetof(struct chat_command, path), 0, 0,
	  "from-trace: the dialogue with FILE" },
	{ "fd", "N", OPT_NUMBER, 0, offsetof(struct chat_command, fd), 0, 0,
	  "from-trace: the dialogue through descriptor N" },
	{ "secret", "TEXT", OPT_TEXT, 0, offsetof(struct chat_command, secret), 0, 0,
	  "from-trace, record: write a variable instead of TEXT" },
	{ "variable", "NAME", OPT_TEXT, 0, offsetof(struct chat_command, variable), 0, 0,
	  "that variable (default SECRET)" },
	{ 0 },
};

/* ---- options ---- */

/* chat's own letters; a value stands behind its letter or is the next word. -1: unknown. */
static int take_flag(struct chat_command *c, char letter)
{
	switch (letter) {
	case 'e': c->config.echo = true; return 0;
	case 'E': c->config.env = true; return 0;
	case 'v': c->verbose = true; return 0;
	case 'V': c->config.show = true; return 0;
	case 's': c->to_stderr = true; return 0;
	case 'S': c->no_syslog = true; return 0;
	default: return -1;
	}
}

static int take_value(struct chat_command *c, char letter, const char *val)
{
	switch (letter) {
	case 'f': c->file = val; return 0;
	case 'r': c->report = val; return 0;
	case 't': c->config.timeout_s = atoi(val) > 0 ? (unsigned)atoi(val) : 0; return 0;
	case 'T': c->config.phone = val; return 0;
	case 'U': c->config.phone2 = val; return 0;
	default: return -1;
	}
}

static int take_letters(struct chat_command *c, int argc, char **argv, int *i)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		if (!take_flag(c, *p))
			continue;
		if (!strchr("frtTU", *p))
			return cli_usage("chat", "unknown option '-%c'", *p);
		if (!p[1] && ++*i == argc)
			return cli_usage("chat", "option '-%c' needs a value", *p);
		take_value(c, *p, p[1] ? p + 1 : argv[*i]);
		break;
	}
	++*i;
	return 0;
}

static int parse(struct chat_command *c, int argc, char **argv, int *words)
{
	struct err e;
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (argv[i][1] != '-') {
			if (take_letters(c, argc, argv, &i))
				return CLI_USAGE;
		} else if (opt_take(chat_opts, c, argc, argv, &i, &e)) {
			return cli_usage("chat", "%s", e.text);
		}
	}
	if (!c->file && c->to && i + 1 == argc && !access(argv[i], R_OK))
		c->file = argv[i++];
	if (c->file && i < argc)
		return cli_usage("chat", "a script in a file and '%s', too", argv[i]);
	*words = i;
	return 0;
}

/* ---- what the engine calls ---- */

static void log_line(void *ctx, const char *text)
{
	const struct chat_command *c = ctx;

	if (c->to_stderr)
		fprintf(stderr, "%s\n", text);
	if (!c->no_syslog)
		syslog(LOG_INFO, "%s", text);
}

static void send_break(void *ctx)
{
	line_break(&((struct chat_command *)ctx)->line);
}

static const char *interrupted(void *ctx, bool hangup)
{
	const struct chat_command *c = ctx;
	struct signalfd_siginfo info;

	if (read(c->config.wake, &info, sizeof(info)) != sizeof(info) ||
	    (info.ssi_signo == SIGHUP && !hangup))
		return NULL;
	return info.ssi_signo == SIGINT ? "SIGINT" : info.ssi_signo == SIGHUP ? "SIGHUP" : "SIGTERM";
}

static int signals_open(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the conversation ---- */

static int open_all(struct chat_command *c, struct err *e)
{
	struct chat_config *k = &c->config;
	int rc;

	k->ctx = c;
	k->err = STDERR_FILENO;
	k->line_break = send_break;
	k->interrupted = interrupted;
	k->wake = signals_open();
	if (c->verbose)
		k->log = log_line;
	if (c->verbose && !c->no_syslog)
		openlog("chat", LOG_PID | LOG_NDELAY, LOG_LOCAL2);
	k->report = c->report ? fopen(c->report, "ae") : stderr;
	if (!k->report)
		return err_sys(e, "cannot write '%s'", c->report);
	rc = line_open(&c->line, c->to, e);
	if (rc)
		return rc;
	k->in = c->line.in;
	k->out = c->line.out;
	return 0;
}

static int converse(struct chat_command *c, int argc, char **argv, struct err *e)
{
	struct chat *chat;
	int status = CHAT_GO_ON;

	if (chat_new(&c->config, &chat, e))
		return CHAT_BAD;
	if (c->file)
		status = chat_file(chat, c->file);
	for (int i = 0; i < argc && status == CHAT_GO_ON; i++)
		status = chat_word(chat, argv[i]);
	status = chat_end(chat, status);
	err_set(e, 0, "%s", chat_why(chat));
	chat_free(chat);
	return status;
}

/* ---- out of a trace ---- */

static void warn(void *ctx, const char *text)
{
	(void)ctx;
	cli_say("%s", text);
}

static struct chat_trace trace_of(const struct chat_command *c)
{
	return (struct chat_trace){
		.find = c->find, .path = c->path, .fd = c->fd < INT_MAX ? (int)c->fd : -1,
		.secret = c->secret && *c->secret ? c->secret : NULL,
		.variable = c->variable ? c->variable : "SECRET", .warn = warn,
	};
}

static int record(struct chat_command *c, struct err *e)
{
	struct chat_trace how = trace_of(c);

	if (!c->to)
		return err_set(e, -EINVAL, "--record needs --to: whom to speak to"), CHAT_BAD;
	if (line_open(&c->line, c->to, e) || record_session(&c->line, c->to, &how, c->record, e))
		return CHAT_BROKEN;
	return CHAT_OK;
}

static int print_script(struct chat_command *c, struct err *e)
{
	bool is_stdin = !strcmp(c->trace, "-");
	FILE *f = is_stdin ? stdin : fopen(c->trace, "re");
	struct chat_trace how = trace_of(c);
	int rc;

	if (!f)
		return err_sys(e, "cannot open '%s'", c->trace), CHAT_BAD;
	rc = chat_from_trace(f, &how, stdout, e);
	if (rc)
		err_in(e, rc, "%s", is_stdin ? "standard input" : c->trace);
	if (!is_stdin)
		fclose(f);
	return rc ? CHAT_BAD : cli_flush();
}

int cmd_chat(int argc, char **argv)
{
	struct chat_command c = { .line = { .in = -1, .out = -1 }, .fd = UINT64_MAX };
	struct err e = { "" };
	int words = argc, status = CHAT_BAD;

	if (parse(&c, argc, argv, &words))
		status = CHAT_BAD;
	else if (c.record)
		status = record(&c, &e);
	else if (c.trace)
		status = print_script(&c, &e);
	else
		status = open_all(&c, &e) ? CHAT_BROKEN : converse(&c, argc - words, argv + words, &e);
	if (status && e.text[0])
		cli_error("chat", &e);
	if (!line_close(&c.line)) /* as chat has it, even when all was said */
		status = CHAT_BROKEN;
	if (c.config.report && c.report)
		fclose(c.config.report);
	opt_free(chat_opts, &c);
	return status;
}
