/* help.c - the tables of commands and options as text, as manual page and for the shell. */
#include "cli/cli.h"

#include <stddef.h>
#include <string.h>

#define COLUMN 28 /* where an option's help starts */
#define WIDTH 80

struct help {
	unsigned as;
};

enum { AS_TEXT, AS_ROFF, AS_BASH };

const struct opt help_opts[] = {
	{ "as", "text|roff|bash", OPT_CHOICE, 0, offsetof(struct help, as), 0, 0,
	  "form: text, or all commands for a manual page, or for bash's completion" },
	{ 0 },
};

/* A value that may be left out brings its own "=". */
static const char *gap(const struct opt *o)
{
	return o->arg && o->kind != OPT_MAYBE ? " " : "";
}

/* "  --name VALUE", padded to COLUMN, then help wrapped at WIDTH. */
static void option_text(const struct opt *o, FILE *to)
{
	int at = fprintf(to, "  --%s%s%s", o->name, gap(o), o->arg ? o->arg : "");
	const char *p = o->help;

	if (at > COLUMN - 2) {
		fputc('\n', to);
		at = 0;
	}
	at += fprintf(to, "%*s", COLUMN - at, "");
	for (bool first = true; *p; first = false) {
		size_t word = strcspn(p, " ");
		bool wrap = !first && at + 1 + (int)word > WIDTH;

		if (wrap)
			at = fprintf(to, "\n%*s", COLUMN, "") - 1;
		else if (!first)
			at += fprintf(to, " ");
		at += fprintf(to, "%.*s", (int)word, p);
		p += word;
		p += *p == ' ';
	}
	fputc('\n', to);
}

void help_cmd(const struct cmd *c, FILE *to)
{
	fprintf(to, "Usage: pandok %s %s\n", c->name, c->usage);
	if (c->run == cmd_run)
		fprintf(to, "       pandok SIZE KERNEL [OPTION or ARGUMENT...]\n");
	fprintf(to, "\nWhat it does: %s.\n", c->help);
	if (c->opts && c->opts->name)
		fprintf(to, "\nOptions:\n");
	for (const struct opt *o = c->opts; o && o->name; o++)
		option_text(o, to);
	if (c->more)
		fprintf(to, "\n%s", c->more);
}

static void overview(FILE *to)
{
	fprintf(to, "Usage: pandok COMMAND [OPTION...] [ARGUMENT...]\n"
		    "       pandok SIZE KERNEL [OPTION or ARGUMENT...]\n"
		    "\nA small hypervisor: boots kernels in a virtual machine, with or without /dev/kvm.\n"
		    "\nCommands:\n");
	for (const struct cmd *c = cmds; c->name; c++)
		fprintf(to, "  %-10s %s\n", c->name, c->help);
	fprintf(to, "\n'pandok help COMMAND' tells more; 'pandok --version' the version.\n");
}

/* A hyphen in roff is a minus sign only when escaped; a dot or quote at a line's start is not text. */
static void roff_text(const char *s, FILE *to)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", to);
	for (; *s; s++) {
		if (*s == '-')
			fputc('\\', to);
		if (*s == '\\')
			fputs("\\e", to);
		else
			fputc(*s, to);
		if (*s == '\n' && (s[1] == '.' || s[1] == '\''))
			fputs("\\&", to);
	}
}

static void roff(FILE *to)
{
	for (const struct cmd *c = cmds; c->name; c++) {
		fprintf(to, ".SS \"pandok %s ", c->name);
		roff_text(c->usage, to);
		fputs("\"\n", to);
		roff_text(c->help, to);
		fputs(".\n", to);
		for (const struct opt *o = c->opts; o && o->name; o++) {
			fputs(".TP\n.B \\-\\-", to);
			roff_text(o->name, to);
			fprintf(to, "%s%s\n", gap(o), o->arg ? o->arg : "");
			roff_text(o->help, to);
			fputs(".\n", to);
		}
	}
}

static void bash_words(const struct cmd *c, FILE *to)
{
	for (const struct opt *o = c->opts; o && o->name; o++)
		fprintf(to, "%s--%s", o == c->opts ? "" : " ", o->name);
}

/* After "--engine" come its choices; after other options and in other places, files. */
static void bash_choices(const struct cmd *c, FILE *to)
{
	for (const struct opt *o = c->opts; o && o->name; o++) {
		if (o->kind != OPT_CHOICE)
			continue;
		fprintf(to, "\t--%s) words='", o->name);
		for (const char *p = o->arg; *p; p++)
			fputc(*p == '|' ? ' ' : *p, to);
		fprintf(to, "' ;;\n");
	}
}

static void bash(FILE *to)
{
	fprintf(to, "# bash completion for pandok; made by `pandok help --as bash`.\n"
		    "_pandok()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]}"
		    " prev=${COMP_WORDS[COMP_CWORD-1]} words=\n\tCOMPREPLY=()\n"
		    "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords='--help --version");
	for (const struct cmd *c = cmds; c->name; c++)
		fprintf(to, " %s", c->name);
	fprintf(to, "'\n\telse case $cur in -*) case ${COMP_WORDS[1]} in\n");
	for (const struct cmd *c = cmds; c->name; c++) {
		fprintf(to, "\t%s) words='", c->name);
		bash_words(c, to);
		fprintf(to, "' ;;\n");
	}
	fprintf(to, "\tesac ;; esac; fi\n\tcase $prev in\n");
	for (const struct cmd *c = cmds; c->name; c++)
		bash_choices(c, to);
	fprintf(to, "\tesac\n\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
		    "complete -o bashdefault -o default -F _pandok pandok\n");
}

int cmd_help(int argc, char **argv)
{
	struct help h = { 0 };
	const struct cmd *c = NULL;
	struct err e;
	int i = 1;

	while (i < argc && !strncmp(argv[i], "--", 2))
		if (opt_take(help_opts, &h, argc, argv, &i, &e))
			return cli_usage("help", "%s", e.text);
	if (i + 1 < argc)
		return cli_usage("help", "one command at a time");
	if (i < argc && !(c = cmd_find(argv[i])))
		return cli_usage("help", "unknown command '%s'", argv[i]);
	if (h.as == AS_ROFF)
		roff(stdout);
	else if (h.as == AS_BASH)
		bash(stdout);
	else if (c)
		help_cmd(c, stdout);
	else
		overview(stdout);
	return cli_flush();
}
