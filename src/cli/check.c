/* check.c - `pandok check`: shows facts and problems, for people or as JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "cli/cli.h"
#include "cli/json.h"

struct check_options {
	bool json;
};

const struct opt check_opts[] = {
	{ "json", NULL, OPT_FLAG, 0, offsetof(struct check_options, json), 0, 0,
	  "print one JSON object" },
	{ 0 },
};

/* ---- for people --------------------------------------------------------------------------- */

/* A name of the JSON form as words. */
static void words_print(const char *name, int width)
{
	int n = 0;

	for (; *name; name++, n++)
		putchar(*name == '_' ? ' ' : *name);
	printf("%*s", width > n ? width - n : 1, "");
}

static void value_print(const struct fact *f)
{
	if (f->kind == FACT_BOOL)
		puts(f->number ? "yes" : "no");
	else if (f->text[0] || f->kind == FACT_TEXT)
		puts(f->text);
	else if (!strcmp(f->unit, "Hz"))
		printf("%.3f MHz\n", (double)f->number / 1e6);
	else
		printf("%" PRIu64 "%s%s\n", f->number, f->unit[0] ? " " : "", f->unit);
}

static void people_print(const struct check *c)
{
	const char *section = "";
	unsigned i;

	for (i = 0; i < c->nfacts; i++) {
		const struct fact *f = &c->fact[i];

		if (f->kind == FACT_TEXT && !f->text[0])
			continue;
		if (strcmp(section, f->section))
			printf("%s:\n", f->section);
		section = f->section;
		printf("  ");
		words_print(f->name, 24);
		value_print(f);
	}
	for (i = 0; i < c->nproblems; i++) {
		printf("problem: %s\n", c->problem[i].what);
		if (c->problem[i].fix[0])
			printf("  fix: %s\n", c->problem[i].fix);
	}
	if (!c->nproblems)
		puts("no problems");
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void json_value(const struct fact *f)
{
	if (f->kind == FACT_TEXT)
		json_text(stdout, f->text);
	else if (f->kind == FACT_BOOL)
		printf(f->number ? "true" : "false");
	else if (f->number == UINT64_MAX) /* no limit */
		printf("null");
	else
		printf("%" PRIu64, f->number);
}

static void json_name(const struct fact *f)
{
	const char *u = f->unit;

	printf("\"%s%s", f->name, *u ? "_" : "");
	for (; *u; u++)
		putchar(*u >= 'A' && *u <= 'Z' ? *u + 32 : *u);
	printf("\": ");
}

static void json_print(const struct check *c)
{
	const char *section = "";
	unsigned i;

	printf("{\n");
	for (i = 0; i < c->nfacts; i++) {
		const struct fact *f = &c->fact[i];

		if (strcmp(section, f->section))
			printf("%s  \"%s\": {\n", i ? "\n  },\n" : "", f->section);
		else
			printf(",\n");
		section = f->section;
		printf("    ");
		json_name(f);
		json_value(f);
	}
	printf("\n  },\n  \"problems\": [");
	for (i = 0; i < c->nproblems; i++) {
		printf("%s\n    { \"what\": ", i ? "," : "");
		json_text(stdout, c->problem[i].what);
		printf(", \"fix\": ");
		json_text(stdout, c->problem[i].fix);
		printf(" }");
	}
	printf("%s]\n}\n", c->nproblems ? "\n  " : "");
}

/*P:800 Will it run here?
 * `pandok check` answers before anyone boots anything: which engine would be taken and why, and for
 * each thing that is wrong one way to mend it. kvm_probe() does the hard part. What it finds is a
 * list of facts, so that the text for people and the JSON cannot disagree.
 */
int cmd_check(int argc, char **argv)
{
	struct check_options o = { 0 };
	struct check *c;
	struct err e;
	int i = 1;

	while (i < argc) {
		if (strncmp(argv[i], "--", 2) || !argv[i][2])
			return cli_usage("check", "check takes no arguments, only options");
		if (opt_take(check_opts, &o, argc, argv, &i, &e) < 0)
			return cli_usage("check", "%s", e.text);
	}
	c = malloc(sizeof(*c));
	if (!c) {
		err_set(&e, -1, "out of memory");
		cli_error("check", &e);
		return CLI_ERROR;
	}
	check_machine(c);
	if (o.json)
		json_print(c);
	else
		people_print(c);
	free(c);
	return cli_flush();
}
