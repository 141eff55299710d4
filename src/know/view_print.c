/* view_print.c - variables and expressions over the guest's memory, with BTF's types. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "know/btf_text.h"

#define TYPES (~0u) /* any kind */

/* BTF names types but, in most kernels, no variable that is not per processor. */
static const struct { const char *name, *type; bool pointer; } variables[] = {
	{ "init_task", "task_struct", false },       { "init_mm", "mm_struct", false },
	{ "init_uts_ns", "uts_namespace", false },   { "init_nsproxy", "nsproxy", false },
	{ "init_pid_ns", "pid_namespace", false },   { "init_net", "net", false },
	{ "init_cred", "cred", false },              { "modules", "list_head", false },
	{ "super_blocks", "list_head", false },      { "jiffies", "long unsigned int", false },
	{ "system_state", "system_states", false },  { "panic_timeout", "int", false },
	{ "nr_cpu_ids", "unsigned int", false },     { "prb", "printk_ringbuffer", true },
	{ "root_task_group", "task_group", false },  { "boot_cpu_data", "cpuinfo_x86", false },
	{ "max_pfn", "long unsigned int", false },   { "saved_command_line", "char", true },
};

/* Something in memory with a type; stars: that many pointers more than type says. */
struct value {
	u64 at;
	u32 type, bit, bits;
	unsigned stars;
};

struct parse {
	const struct view *v;
	const char *s;
	struct err *e;
};

static void blanks(struct parse *p)
{
	while (isspace((u8)*p->s))
		p->s++;
}

static bool take(struct parse *p, const char *what)
{
	size_t n = strlen(what);

	blanks(p);
	if (strncmp(p->s, what, n))
		return false;
	p->s += n;
	return true;
}

/* A name, or a number in digits: what stands up to the next sign. */
static void word(struct parse *p, char *ret, size_t len)
{
	size_t n = 0;

	blanks(p);
	while ((isalnum((u8)*p->s) || strchr("_$:%", *p->s)) && *p->s && n + 1 < len)
		ret[n++] = *p->s++;
	ret[n] = 0;
}

/* "struct x", "x", "unsigned long"; 0: none. */
static u32 type_named(const struct btf *b, const char *name)
{
	static const struct { const char *word; u32 kinds; } tags[] = {
		{ "struct ", BTF_STRUCTS }, { "union ", BTF_STRUCTS },
		{ "enum ", 1u << BTF_KIND_ENUM | 1u << BTF_KIND_ENUM64 },
	};
	const u32 plain = BTF_STRUCTS | 1u << BTF_KIND_INT | 1u << BTF_KIND_TYPEDEF |
			  1u << BTF_KIND_ENUM | 1u << BTF_KIND_ENUM64;

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t n = strlen(tags[i].word);

		if (!strncmp(name, tags[i].word, n))
			return btf_find(b, name + n, tags[i].kinds);
	}
	return btf_find(b, name, plain);
}

static int cast(struct parse *p, struct value *ret)
{
	const char *end = strchr(p->s, ')');
	size_t n = end ? (size_t)(end - p->s) : 0;
	char name[128], addr[128];

	if (!n || n >= sizeof(name))
		return err_set(p->e, -EINVAL, "the cast has no end");
	memcpy(name, p->s, n);
	name[n] = 0;
	p->s = end + 1;
	*ret = (struct value){ 0 };
	for (; n && (name[n - 1] == '*' || name[n - 1] == ' '); name[--n] = 0)
		ret->stars += name[n - 1] == '*';
	if (!ret->stars)
		return err_set(p->e, -EINVAL, "cast an address to a pointer: (%s *)", name);
	ret->stars--;
	ret->type = type_named(&p->v->k->btf, name);
	if (!ret->type)
		return err_set(p->e, -EINVAL, "no type is called '%s'", name);
	word(p, addr, sizeof(addr));
	return view_eval(p->v, addr, &ret->at, p->e);
}

/* A per-processor variable's address is an offset into the processor's area. */
static bool percpu_type(const struct view *v, const char *name, struct value *ret)
{
	struct btf_view t;
	u32 id = btf_find(&v->k->btf, name, 1u << BTF_KIND_VAR);

	if (!btf_view(&v->k->btf, id, &t))
		return false;
	ret->type = t.type;
	if (!(ret->at >> 63))
		ret->at += target_vcpu(v->t, v->cpu)->seg[SEG_GS].base;
	return true;
}

static int variable(struct parse *p, struct value *ret)
{
	const struct btf *b = &p->v->k->btf;
	char name[192];

	word(p, name, sizeof(name));
	*ret = (struct value){ 0 };
	if (!*name)
		return err_set(p->e, -EINVAL, "a variable is missing before '%s'", p->s);
	if (view_eval(p->v, name, &ret->at, p->e))
		return -EINVAL;
	if (isdigit((u8)*name) || *name == '$' || percpu_type(p->v, name, ret))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		if (!strcmp(variables[i].name, name)) {
			ret->type = type_named(b, variables[i].type);
			ret->stars = variables[i].pointer;
		}
	return 0;
}

/* What a pointer points to. */
static int follow(struct parse *p, struct value *x)
{
	const struct btf *b = &p->v->k->btf;
	struct btf_view t;
	u64 to;

	if (!k_u64(p->v->k, x->at, &to))
		return err_set(p->e, -EINVAL, "nothing can be read at 0x%" PRIx64, x->at);
	if (x->stars) {
		x->stars--;
	} else {
		if (!btf_view(b, btf_strip(b, x->type), &t) || t.kind != BTF_KIND_PTR)
			return err_set(p->e, -EINVAL, "it is no pointer");
		x->type = t.type;
	}
	x->at = to;
	return 0;
}

static bool is_pointer(const struct btf *b, const struct value *x)
{
	struct btf_view t;

	return x->stars || (btf_view(b, btf_strip(b, x->type), &t) && t.kind == BTF_KIND_PTR);
}

static int member(struct parse *p, struct value *x)
{
	const struct btf *b = &p->v->k->btf;
	struct btf_member_view m;
	char name[128], type[192];
	int rc;

	if (is_pointer(b, x)) {
		rc = follow(p, x);
		if (rc)
			return rc;
	}
	word(p, name, sizeof(name));
	if (!btf_lookup(b, x->type, name, &m))
		return err_set(p->e, -EINVAL, "%s has no member '%s'",
			       btf_name(b, x->type, type, sizeof(type)), name);
	x->type = m.type;
	x->bits = m.bits;
	x->bit = m.bits ? m.bit % 8 : 0;
	x->at += m.bit / 8;
	return 0;
}

static int element(struct parse *p, struct value *x)
{
	const struct btf *b = &p->v->k->btf;
	struct btf_view t;
	u64 i;
	char text[64];
	int rc;

	word(p, text, sizeof(text));
	rc = view_eval(p->v, text, &i, p->e);
	if (rc)
		return rc;
	if (!take(p, "]"))
		return err_set(p->e, -EINVAL, "']' is missing");
	if (is_pointer(b, x)) {
		rc = follow(p, x);
		if (rc)
			return rc;
	} else if (btf_view(b, btf_strip(b, x->type), &t) && t.kind == BTF_KIND_ARRAY) {
		memcpy(&x->type, t.extra, sizeof(x->type));
	} else {
		return err_set(p->e, -EINVAL, "it is neither an array nor a pointer");
	}
	x->at += i * (x->stars ? 8 : btf_size(b, x->type));
	return 0;
}

static int parse(struct parse *p, struct value *ret)
{
	unsigned stars = 0;
	int rc;

	while (take(p, "*"))
		stars++;
	rc = take(p, "(") ? cast(p, ret) : variable(p, ret);
	while (!rc && (blanks(p), *p->s)) {
		if (take(p, "->") || take(p, "."))
			rc = member(p, ret);
		else if (take(p, "["))
			rc = element(p, ret);
		else
			return err_set(p->e, -EINVAL, "'%s' is not understood here", p->s);
	}
	for (; !rc && stars; stars--)
		rc = follow(p, ret);
	return rc;
}

static int need_types(const struct view *v, struct err *e)
{
	return v->k->btf.n ? 0 : err_set(e, -EINVAL, "the kernel's types are not known: %s",
					 v->k->no.types ? v->k->no.types : "no BTF");
}

int view_print(const struct view *v, const char *text, struct err *e)
{
	struct parse p = { v, text, e };
	struct value x;
	u64 word_at;
	int rc = need_types(v, e);

	target_look(v->t);
	if (!rc)
		rc = parse(&p, &x);
	if (rc)
		return rc;
	out_say(v->out, "%s = ", text);
	if (x.type && !x.stars)
		btf_show(v, x.type, x.at, x.bit, x.bits);
	else if (k_u64(v->k, x.at, &word_at))
		out_say(v->out, "0x%" PRIx64 "%s\n", word_at,
			x.type ? "" : " (8 bytes: no type says more; cast it: (type *)name)");
	else
		out_say(v->out, "?? nothing can be read at 0x%" PRIx64 "\n", x.at);
	return 0;
}

int view_whatis(const struct view *v, const char *text, struct err *e)
{
	struct parse p = { v, text, e };
	struct symbol y;
	struct value x;
	char name[192];
	int rc = need_types(v, e);
	u32 type;

	target_look(v->t);
	if (rc)
		return rc;
	type = type_named(&v->k->btf, text);
	if (type) {
		btf_show_type(v, type);
		return 0;
	}
	rc = parse(&p, &x);
	if (rc)
		return rc;
	if (kernel_symbol(v->k, text, &y))
		out_say(v->out, "%s is at 0x%" PRIx64 "%s%s, ", text, y.at.at, *y.module ? " in " : "",
			y.module);
	out_say(v->out, "type %s%s\n", x.type ? btf_name(&v->k->btf, x.type, name, sizeof(name)) : "unknown",
		x.stars ? " *" : "");
	return 0;
}
