/* look.c - shows views of a vmcore: look FILE VIEW [ARGUMENT]... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "know/know.h"

static void put(struct out *o, const char *text, size_t len)
{
	(void)o;
	fwrite(text, 1, len, stdout);
}

static const struct { const char *name; void (*show)(const struct view *v); } views[] = {
	{ "known", view_known }, { "bt", view_bt }, { "alltrace", view_bt_all }, { "ps", view_ps },
	{ "dmesg", view_dmesg }, { "modules", view_modules }, { "regs", view_regs },
	{ "pcpu", view_pcpu }, { "mounts", view_mounts }, { "interrupts", view_interrupts },
	{ "locks", view_locks },
};

static int bt_pid(const struct view *v, const char *arg, struct err *e)
{
	return view_bt_task(v, strtoull(arg, NULL, 0), e);
}

static int vtop(const struct view *v, const char *arg, struct err *e)
{
	u64 at;
	int rc = view_eval(v, arg, &at, e);

	if (!rc)
		view_vtop(v, GVA(at));
	return rc;
}

static int dis(const struct view *v, const char *arg, struct err *e)
{
	u64 at;
	int rc = view_eval(v, arg, &at, e);

	if (!rc)
		view_dis(v, GVA(at), 16);
	return rc;
}

static int frame(const struct view *v, const char *arg, struct err *e)
{
	(void)e;
	view_frame(v, (unsigned)atoi(arg));
	return 0;
}

static const struct { const char *name; int (*show)(const struct view *v, const char *arg, struct err *e); } asks[] = {
	{ "pid", bt_pid }, { "print", view_print }, { "whatis", view_whatis }, { "vtop", vtop },
	{ "dis", dis }, { "frame", frame },
};

static int show(struct view *v, const char *name, char **arg)
{
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		if (!strcmp(views[i].name, name)) {
			views[i].show(v);
			return 0;
		}
	for (size_t i = 0; *arg && i < ARRAY_SIZE(asks); i++)
		if (!strcmp(name, asks[i].name) && asks[i].show(v, *arg, &e)) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
	return 0;
}

int main(int argc, char **argv)
{
	struct out o = { put };
	struct kernel_config none = { 0 };
	struct target *t;
	struct kernel *k;
	struct err e;
	struct view v;
	int rc = 1;

	if (argc < 3)
		return 2;
	if (target_open(argv[1], &t, &e) || kernel_new(t, &none, &k, &e)) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	v = (struct view){ t, k, 0, &o };
	rc = show(&v, argv[2], argv + 3);
	kernel_free(k);
	target_free(t);
	return rc;
}
