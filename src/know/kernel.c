/* kernel.c - puts together what can be known of a Linux kernel: tries all, and keeps going. */
#include "know/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "x86/x86.h"

#define ORCS_MAX (4u << 20)

/* ---- reading ------------------------------------------------------------------------------ */

bool k_read(struct kernel *k, u64 va, u64 len, void *ret)
{
	return k->mapped && space_read(k->t, &k->space, va, len, ret);
}

bool k_u64(struct kernel *k, u64 va, u64 *ret)
{
	return k_read(k, va, 8, ret);
}

bool k_u32(struct kernel *k, u64 va, u32 *ret)
{
	return k_read(k, va, 4, ret);
}

bool k_ptr(struct kernel *k, u64 obj, i32 offset, u64 *ret)
{
	return offset >= 0 && k_u64(k, obj + (u64)offset, ret);
}

bool k_int(struct kernel *k, u64 obj, i32 offset, u32 *ret)
{
	return offset >= 0 && k_u32(k, obj + (u64)offset, ret);
}

bool k_text(struct kernel *k, u64 va, char *ret, size_t len)
{
	size_t n = 0, here;

	for (; n + 1 < len; n += here) {
		here = 64 - ((va + n) & 63); /* so that no piece crosses a page */
		if (here > len - 1 - n)
			here = len - 1 - n;
		if (!k_read(k, va + n, here, ret + n))
			break;
		for (size_t i = n; i < n + here; i++) {
			if (!ret[i])
				return true;
			if (ret[i] < ' ' || ret[i] > '~')
				ret[i] = '?';
		}
	}
	ret[n] = 0;
	return n > 0;
}

u64 k_sym(struct kernel *k, const char *name)
{
	const struct sym *y = symtab_name(&k->syms, name);

	if (!y)
		y = symtab_name(&k->given, name);
	return y ? y->at : 0;
}

/* ---- what types say ----------------------------------------------------------------------- */

bool k_info(const struct kernel *k, const char *key, int base, u64 *ret)
{
	size_t len = strlen(key);
	const char *s = k->info;

	for (; s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (strncmp(s, key, len) || s[len] != '=')
			continue;
		*ret = strtoull(s + len + 1, NULL, base);
		return true;
	}
	return false;
}

/* VMCOREINFO knows a few members, too; BTF knows all. */
i32 k_offset(struct kernel *k, const char *type, const char *member)
{
	struct btf_member_view m;
	char key[128];
	u64 v;

	if (btf_lookup(&k->btf, btf_find(&k->btf, type, BTF_STRUCTS), member, &m))
		return m.bit / 8 < INT32_MAX ? (i32)(m.bit / 8) : -1;
	snprintf(key, sizeof(key), "OFFSET(%s.%s)", type, member);
	return k_info(k, key, 10, &v) && v < MIB(1) ? (i32)v : -1;
}

static void layout_fill(struct kernel *k)
{
#define X(field, type, member) k->lay.field = k_offset(k, type, member);
	LAYOUT(X)
#undef X
}

/* ---- finding ------------------------------------------------------------------------------ */

static void find_info(struct kernel *k)
{
	u64 note = k_sym(k, "vmcoreinfo_note"), at;
	struct trail tr;
	u32 head[6];

	k->no.info = NULL;
	if (k->info)
		return;
	if (k->t->note) {
		k->info = strdup(k->t->note);
	} else if (note && k_u64(k, note, &at) && space_walk(k->t, &k->space, at, &tr) &&
		   k_read(k, at, sizeof(head), head) && head[1] >= 32 && head[1] <= 4096) {
		k->info = calloc(1, head[1] + 1);
		if (k->info && !k_read(k, at + sizeof(head), head[1], k->info))
			k->info[0] = 0;
	}
	if (!k->info || strncmp(k->info, "OSRELEASE=", 10)) {
		free(k->info);
		k->info = info_scan(k->t);
	}
	if (!k->info)
		k->no.info = "the kernel made none (CONFIG_CRASH_CORE)";
}

/* The linker's symbols say where; without symbols, the header's magic is looked for. */
static void find_types(struct kernel *k, const struct bytes *image)
{
	u64 at = k_sym(k, "__start_BTF"), end = k_sym(k, "__stop_BTF");

	k->no.types = "the image has none (CONFIG_DEBUG_INFO_BTF)";
	if (at >= image->va && at < end && end - image->va <= image->len) {
		btf_load(image->at + (at - image->va), end - at, &k->btf, &k->no.types);
		return;
	}
	for (u64 i = 0; i + 64 < image->len; i += 4)
		if (image->at[i] == 0x9f && btf_len(image->at + i, image->len - i) > KIB(64) &&
		    btf_load(image->at + i, image->len - i, &k->btf, &k->no.types))
			return;
}

/* Bit fields of an entry, as the kernel's types describe them; else as 6.1 has them. */
static struct orc_form orc_form(struct kernel *k)
{
	u32 id = btf_find(&k->btf, "orc_entry", BTF_STRUCTS);
	struct orc_form f = { .type_bit = 8, .type_bits = 2, .end_bit = 10 };
	struct btf_member_view m;

	if (!btf_lookup(&k->btf, id, "type", &m) || m.bit < 32)
		return f;
	f = (struct orc_form){ .type_bit = (u8)(m.bit - 32), .type_bits = (u8)m.bits & 7 };
	if (btf_lookup(&k->btf, id, "signal", &m) && m.bit >= 32)
		f.signal_bit = (u8)(m.bit - 32) & 15;
	if (btf_lookup(&k->btf, id, "end", &m) && m.bit >= 32)
		f.end_bit = (u8)(m.bit - 32) & 15;
	f.type_bit &= 15;
	f.types_from_2 = !f.end_bit;
	return f;
}

bool k_orc(struct kernel *k, u64 ip_at, u64 entry_at, u64 n, struct orc *ret)
{
	*ret = (struct orc){ .ip_va = ip_at, .form = orc_form(k) };
	if (!n || n > ORCS_MAX)
		return false;
	ret->ip = malloc(n * 4);
	ret->entry = malloc(n * 6);
	if (!ret->ip || !ret->entry || !k_read(k, ip_at, n * 4, ret->ip) ||
	    !k_read(k, entry_at, n * 6, ret->entry)) {
		orc_fini(ret);
		return false;
	}
	ret->n = (u32)n;
	return true;
}

static void find_orc(struct kernel *k)
{
	u64 ip = k_sym(k, "__start_orc_unwind_ip"), end = k_sym(k, "__stop_orc_unwind_ip");
	u64 entry = k_sym(k, "__start_orc_unwind");

	k->no.orc = NULL;
	if (!ip || end <= ip || !entry)
		k->no.orc = k->no.syms ? "not found without symbols" : "no symbols name them";
	else if (!k_orc(k, ip, entry, (end - ip) / 4, &k->orc))
		k->no.orc = "their pages are not there";
}

/* A process's page tables may be gone later; the kernel's first ones stay. */
static void use_first_tables(struct kernel *k)
{
	u64 at = k_sym(k, "init_top_pgt");
	struct space s = k->space;
	struct trail tr;

	if (!at || !space_walk(k->t, &k->space, at, &tr))
		return;
	s.cr3 = tr.pa;
	if (space_walk(k->t, &s, at, &tr))
		k->space = s;
}

/*A:400 What a stock kernel gives away
 * From the image alone come symbols (kallsyms), types (BTF, there for BPF programs), the tables
 * that undo calls (ORC, there for its own oops messages) and VMCOREINFO, there for crash dumps.
 * kernel_new() tries each of them and remembers why one is missing; what stands on a missing one
 * says so instead of guessing.
 * @test kernel_without_anything
 */
/* Symbols of a file are of where it was linked; the guest may have moved itself. */
static void given_slide(struct kernel *k)
{
	const struct sym *text = symtab_name(&k->given, "_text");
	u64 linked = text ? text->at : 0, slide = k->base - linked;

	for (u32 i = 0; linked && slide && i < k->given.n; i++)
		if (k->given.sym[i].at >= linked) /* below are offsets, not addresses */
			k->given.sym[i].at += slide;
	k->given.end += linked ? slide : 0;
	k->slide += linked ? slide : 0;
}

/* No Linux: what there is, a processor's page tables show, and the file that was booted names it. */
static void find_stranger(struct kernel *k)
{
	struct err e;

	if (k->t->ncpus) {
		k->space = target_space(k->t, 0);
		k->mapped = true;
	}
	if (!k->given.n && k->config.file && elfsyms_read(k->config.file, &k->given, &e))
		k->no.syms = "no kernel image was found, and the kernel file has no symbols";
	else if (!k->source && !k->config.symbols && k->config.file)
		k->source = source_open(k->config.file);
}

static void find_all(struct kernel *k)
{
	struct bytes image = { 0 };
	u8 *copy;

	target_look(k->t);
	k->no.syms = k->no.types = k->no.orc = k->no.info = k->no.modules =
		"no kernel image was found";
	if (!image_find(k)) {
		find_stranger(k);
		return;
	}
	given_slide(k);
	copy = image_copy(k, &image.len);
	image.at = copy;
	image.va = k->base;
	if (!copy) {
		k->no.syms = k->no.types = k->no.orc = "out of memory";
		return;
	}
	kallsyms_find(&image, &k->syms, &k->no.syms);
	use_first_tables(k);
	find_types(k, &image);
	free(copy);
	find_info(k);
	find_orc(k);
	layout_fill(k);
	modules_read(k);
}

static void forget(struct kernel *k)
{
	modules_free(k);
	symtab_fini(&k->syms);
	btf_fini(&k->btf);
	orc_fini(&k->orc);
	free(k->info);
	k->info = NULL;
	k->mapped = false;
	k->base = k->end = 0;
	memset(&k->lay, 0xff, sizeof(k->lay));
}

int kernel_new(struct target *t, const struct kernel_config *c, struct kernel **ret, struct err *e)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int rc = 0;

	if (!k)
		return err_set(e, -ENOMEM, "out of memory");
	k->t = t;
	forget(k);
	k->config = *c;
	if (c->symbols)
		rc = elfsyms_read(c->symbols, &k->given, e);
	if (c->symbols && !rc)
		k->source = source_open(c->symbols);
	if (rc) {
		kernel_free(k);
		return rc;
	}
	find_all(k);
	*ret = k;
	return 0;
}

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	forget(k);
	symtab_fini(&k->given);
	source_close(k->source);
	free(k);
}

void kernel_ran(struct kernel *k)
{
	u64 at = k_sym(k, "init_top_pgt");
	struct trail tr;

	target_ran(k->t);
	target_look(k->t);
	/* A guest that was reset has its kernel elsewhere now. */
	if (k->mapped && !k->no.syms && at && space_walk(k->t, &k->space, at, &tr)) {
		modules_free(k);
		modules_read(k);
		return;
	}
	forget(k);
	find_all(k);
}
