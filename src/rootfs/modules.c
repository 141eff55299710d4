/* modules.c - which files a kernel's modules are in, and which modules they depend on. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rootfs/int.h"

static bool has(const char *dir, const char *file)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return !access(path, R_OK);
}

/* A folder with modules: installed, as in a package, or where a kernel was built. */
static bool try(struct rootfs *r, const char *fmt, const char *a, const char *b)
{
	char path[PATH_MAX], *full;

	if (snprintf(path, sizeof(path), fmt, a, b) >= (int)sizeof(path))
		return false;
	if (!has(path, "modules.dep") && !has(path, "modules.order"))
		return false;
	full = realpath(path, NULL);
	snprintf(r->modules, sizeof(r->modules), "%s", full ? full : path);
	free(full);
	return true;
}

bool modules_find(const struct rootfs_config *c, struct rootfs *r)
{
	const char *slash = strrchr(c->kernel, '/');
	char by[PATH_MAX] = ".";

	if (slash)
		snprintf(by, sizeof(by), "%.*s", (int)(slash - c->kernel) + 1, c->kernel);
	if (try(r, "%s/lib/modules/%s", c->dir, r->release))
		return true;
	r->share_modules = true;
	if (try(r, "%s/lib/modules/%s", "", r->release) ||
	    try(r, "%s/../lib/modules/%s", by, r->release) ||
	    try(r, "%s/lib/modules/%s", by, r->release) ||
	    try(r, "%s/root/lib/modules/%s", by, r->release))
		return true;
	r->share_modules = false;
	return try(r, "%s%s", by, "") || try(r, "%s%s", by, "/../../..");
}

static void read_list(const char *dir, const char *name, struct text *ret)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (text_read(path, ret))
		*ret = (struct text){ NULL, 0 };
}

int modules_open(const char *dir, struct modules *ret, struct err *e)
{
	*ret = (struct modules){ .dir = dir };
	read_list(dir, "modules.dep", &ret->dep);
	read_list(dir, "modules.order", &ret->order);
	read_list(dir, "modules.builtin", &ret->builtin);
	if (!ret->dep.data && !ret->order.data)
		return err_set(e, -ENOENT, "cannot read the lists of modules in '%s'", dir);
	return 0;
}

void modules_close(struct modules *m)
{
	for (unsigned i = 0; i < m->n; i++)
		free(m->path[i]);
	free(m->dep.data);
	free(m->order.data);
	free(m->builtin.data);
}

/* Is the path of len bytes the module's file? A name may have '-' for '_'. */
static bool is_module(const char *path, size_t len, const char *name)
{
	const char *slash = memrchr(path, '/', len), *p = slash ? slash + 1 : path;

	for (; *name; p++, name++)
		if (p == path + len || (*p == '-' ? '_' : *p) != (*name == '-' ? '_' : *name))
			return false;
	return p < path + len && *p == '.';
}

/* The line of a list that begins with the module's path; *len: of the path. */
static const char *find_line(const struct text *t, const char *name, size_t *len)
{
	for (const char *p = t->data; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		*len = strcspn(p, ":\n");
		if (is_module(p, *len, name))
			return p;
	}
	return NULL;
}

static int add(struct modules *m, const char *path, size_t len, struct err *e)
{
	for (unsigned i = 0; i < m->n; i++)
		if (strlen(m->path[i]) == len && !memcmp(m->path[i], path, len))
			return 0;
	if (m->n == MODULES_MAX || !(m->path[m->n] = strndup(path, len)))
		return err_set(e, -ENOMEM, "too many modules");
	m->n++;
	return 0;
}

/* modules.dep: "path: path path": what it depends on, the last one first. */
static int need_listed(struct modules *m, const char *line, size_t len, struct err *e)
{
	const char *end = line + strcspn(line, "\n"), *deps = line + len;
	int rc = 0;

	while (end > deps && !rc) {
		const char *word = end;

		while (word > deps && word[-1] != ' ' && word[-1] != ':')
			word--;
		if (word < end)
			rc = add(m, word, (size_t)(end - word), e);
		end = word > deps ? word - 1 : deps;
	}
	return rc ? rc : add(m, line, len, e);
}

/* A build folder's list has what is linked into the module, and so may an older one. */
static char *file_of(const struct modules *m, const char *path, size_t len)
{
	char *name = strndup(path, len);

	if (!name)
		return NULL;
	if (len > 2 && !strcmp(name + len - 2, ".o")) {
		char *longer;

		if (asprintf(&longer, "%.*s.ko", (int)len - 2, name) < 0)
			longer = NULL;
		free(name);
		name = longer;
	}
	if (name && !has(m->dir, name) && !strncmp(name, "kernel/", 7))
		memmove(name, name + 7, strlen(name) - 6);
	return name;
}

static int need_each(struct modules *m, char *names, struct err *e)
{
	int rc = 0;

	for (char *save, *name = strtok_r(names, ",", &save); name && !rc;
	     name = strtok_r(NULL, ",", &save))
		rc = modules_need(m, name, e);
	return rc;
}

/* Without modules.dep each module says by itself what it needs: "depends=a,b" in its .modinfo. */
static int need_told(struct modules *m, const char *path, struct err *e)
{
	static const char key[] = "\0depends=";
	char *full, *at;
	struct text t = { NULL, 0 };
	int rc;

	if (asprintf(&full, "%s/%s", m->dir, path) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	rc = text_read(full, &t);
	if (rc) {
		err_set(e, rc, "cannot read the module '%s'", full);
	} else if (!(at = memmem(t.data, t.len, key, sizeof(key) - 1))) {
		rc = err_set(e, -ENOENT, "'%s' does not say what it depends on: run depmod there", full);
	} else {
		rc = need_each(m, at + sizeof(key) - 1, e);
		if (!rc)
			rc = add(m, path, strlen(path), e);
	}
	free(full);
	free(t.data);
	return rc;
}

int modules_need(struct modules *m, const char *name, struct err *e)
{
	const char *line;
	size_t len;
	char *path;
	int rc;

	if (find_line(&m->builtin, name, &len))
		return 0;
	line = find_line(&m->dep, name, &len);
	if (line)
		return need_listed(m, line, len, e);
	line = find_line(&m->order, name, &len);
	if (!line)
		return err_set(e, -ENOENT, "the kernel has no %s, neither built in nor as a module in "
			       "'%s'", name, m->dir);
	path = file_of(m, line, len);
	rc = path ? need_told(m, path, e) : err_set(e, -ENOMEM, "out of memory");
	free(path);
	return rc;
}
