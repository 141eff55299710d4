/* doctor.c - the command `doctor`: what the doctor found, for people or as JSON. */
#define _GNU_SOURCE
#include "doctor/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/consult.h"
#include "cli/json.h"
#include "vm/vm.h"

struct doctor_options {
	bool json, relocs, got;
	unsigned protocol;
	char *layout; /* "" as text, else a file to write SVG to */
};

#define ROW(name, arg, kind, field) name, arg, kind, 0, offsetof(struct doctor_options, field)

const struct opt doctor_opts[] = {
	{ ROW("for", "any|xen|pvh|multiboot|linux", OPT_CHOICE, protocol), 0, 0,
	  "judge it as a kernel for this boot protocol" },
	{ ROW("json", NULL, OPT_FLAG, json), 0, 0, "print the findings as JSON" },
	{ ROW("layout", "[=FILE.svg]", OPT_MAYBE, layout), 0, 0,
	  "draw sections, segments and symbols on one address axis, as text or into FILE.svg" },
	{ ROW("relocs", NULL, OPT_FLAG, relocs), 0, 0, "explain each dynamic relocation" },
	{ ROW("got", NULL, OPT_FLAG, got), 0, 0, "explain each slot of the global offset table" },
	{ 0 },
};

static const unsigned protocols[] = { 0, DOCTOR_XEN, DOCTOR_PVH, DOCTOR_MULTIBOOT, DOCTOR_LINUX };
static const char *const severities[] = { "note", "warning", "fatal" };

/* A file under examination; bytes are mapped or malloc()ed. */
struct patient {
	const char *path;
	char *name; /* what it is called in the report */
	const u8 *data;
	u64 len;
	struct doctor *doctor;
};

static void can_print(const struct doctor *d, const char *between, FILE *to, bool json)
{
	const char *sep = "";

	for (unsigned bit = 1; bit < DOCTOR_ANY; bit <<= 1) {
		if (!(d->can & bit))
			continue;
		fprintf(to, "%s", sep);
		if (json)
			json_text(to, doctor_protocol(bit));
		else
			fprintf(to, "%s", doctor_protocol(bit));
		sep = between;
	}
	if (!*sep && !json)
		fprintf(to, "nothing that boots here");
}

static void people_print(const struct patient *p, const struct doctor_options *o)
{
	const struct doctor *d = p->doctor;

	printf("%s: %s; starts as: ", p->name, d->kind);
	can_print(d, ", ", stdout, false);
	putchar('\n');
	for (unsigned i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->finding[i];
		bool again = i + 1 < d->n && f[1].check == f->check && f[1].severity == f->severity;

		printf("%s %u %s: %s\n", severities[f->severity], f->check->id, f->check->name, f->text);
		if (f->severity == DOCTOR_NOTE || again)
			continue;
		printf("  why: %s\n  fix: %s\n", f->check->why, f->check->fix);
	}
	if (!d->n)
		puts("nothing to complain of");
	if (o->layout && !*o->layout) {
		puts("layout:");
		doctor_layout(d, stdout);
	}
	if (o->relocs) {
		puts("relocations:");
		doctor_relocs(d, stdout);
	}
	if (o->got) {
		puts("global offset table:");
		doctor_got(d, stdout);
	}
}

static void field(const char *name, const char *text, const char *after)
{
	printf("\"%s\": ", name);
	json_text(stdout, text);
	fputs(after, stdout);
}

static void json_print(const struct patient *p, bool first)
{
	const struct doctor *d = p->doctor;

	printf("%s\n  {\n    ", first ? "" : ",");
	field("file", p->name, ",\n    ");
	field("kind", d->kind, ",\n    \"protocols\": [");
	can_print(d, ", ", stdout, true);
	printf("],\n    \"findings\": [");
	for (unsigned i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->finding[i];

		printf("%s\n      { \"id\": %u, ", i ? "," : "", f->check->id);
		field("name", f->check->name, ", ");
		field("severity", severities[f->severity], ", ");
		field("where", f->where, ", ");
		printf("\"address\": %llu,\n        ", (unsigned long long)f->addr);
		field("what", f->text, ",\n        ");
		field("why", f->check->why, ",\n        ");
		field("fix", f->check->fix, " }");
	}
	printf("%s]\n  }", d->n ? "\n    " : "");
}

static int svg_write(const struct patient *p, const char *path, struct err *e)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return err_sys(e, "cannot create '%s'", path);
	doctor_layout_svg(p->doctor, p->name, f);
	if (fclose(f))
		return err_sys(e, "cannot write '%s'", path);
	return 0;
}

/* Examine and report; returns the exit status. */
static int examine(struct patient *p, const struct doctor_options *o, bool first, struct err *e)
{
	const struct doctor_finding *worst;
	int rc = 0, status = CLI_OK;

	p->doctor = doctor_look(p->data, p->len, protocols[o->protocol]);
	if (!p->doctor)
		return err_set(e, -ENOMEM, "out of memory");
	if (o->json)
		json_print(p, first);
	else
		people_print(p, o);
	if (o->layout && *o->layout)
		rc = svg_write(p, o->layout, e);
	worst = doctor_worst(p->doctor);
	if (worst)
		status = worst->severity == DOCTOR_FATAL ? CLI_DEAD :
			 worst->severity == DOCTOR_WARNING ? CLI_PANIC : CLI_OK;
	doctor_free(p->doctor);
	return rc ? rc : status;
}

static int greater(int a, int b)
{
	return a > b ? a : b;
}

/* A bzImage says little by itself: the kernel inside is what Xen and PVH loaders look at. */
static int examine_payload(const char *path, const struct doctor_options *o, struct err *e)
{
	struct patient p = { .path = path };
	struct err ignored;
	int status = CLI_OK;
	u8 *data;

	if (boot_extract(path, false, &data, &p.len, &ignored))
		return CLI_OK;
	p.data = data;
	if (asprintf(&p.name, "%s, the vmlinux inside", path) < 0)
		p.name = NULL;
	else
		status = examine(&p, o, false, e);
	free(p.name);
	free(data);
	return status;
}

static bool is_bzimage(const struct patient *p)
{
	return p->len > 0x206 && !memcmp(p->data + 0x202, "HdrS", 4);
}

/* The kernel inside a bzImage is what --for xen and --for pvh mean. */
static int examine_file(const char *path, const struct doctor_options *o, bool first, struct err *e)
{
	struct patient p = { .path = path, .name = (char *)path };
	bool inner = protocols[o->protocol] & (DOCTOR_XEN | DOCTOR_PVH);
	int rc = file_map(path, &p.data, &p.len, e), status = CLI_OK;

	if (rc)
		return rc;
	if (!is_bzimage(&p) || !inner || o->json)
		status = examine(&p, o, first, e);
	if (status >= 0 && is_bzimage(&p) && !o->json) {
		rc = examine_payload(path, o, e);
		status = rc < 0 ? rc : greater(status, rc);
	}
	file_unmap(p.data, p.len);
	return status;
}

static int examine_all(int argc, char **argv, const struct doctor_options *o)
{
	int status = CLI_OK, rc;
	struct err e;

	if (o->json)
		printf("[");
	for (int i = 1; i < argc; i++) {
		rc = examine_file(argv[i], o, i == 1, &e);
		if (rc < 0) {
			cli_error("doctor", &e);
			rc = CLI_ERROR;
		}
		status = greater(status, rc);
	}
	if (o->json)
		printf("\n]\n");
	rc = cli_flush();
	return rc ? rc : status;
}

/* Options may stand anywhere; what is left are the files, moved to argv[1] and on. */
static int take_options(int *argc, char **argv, struct doctor_options *o, struct err *e)
{
	int n = 1, rc;

	for (int i = 1; i < *argc;) {
		if (strncmp(argv[i], "--", 2) || !argv[i][2]) {
			argv[n++] = argv[i++];
			continue;
		}
		rc = opt_take(doctor_opts, o, *argc, argv, &i, e);
		if (rc)
			return rc;
	}
	*argc = n;
	if (n == 1)
		return err_set(e, -EINVAL, "no file given");
	if (o->layout && *o->layout && n > 2)
		return err_set(e, -EINVAL, "--layout=%s: give one file at a time", o->layout);
	return 0;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_options o = { 0 };
	struct err e;
	int rc = take_options(&argc, argv, &o, &e), status;

	if (rc)
		status = cli_usage("doctor", "%s", e.text);
	else
		status = examine_all(argc, argv, &o);
	opt_free(doctor_opts, &o);
	return status;
}
