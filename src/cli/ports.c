/* ports.c - named ports: each is a console of its own, with a back end as the serial console has. */
#include "cli/ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX (VM_PORTS - VM_VPORT - 1) /* one is for the console */
#define NAME_MAX_LEN 63

int port_check(const char *text, struct err *e)
{
	const char *where = strchr(text, '=');
	size_t len = where ? (size_t)(where - text) : 0;

	if (!len || len > NAME_MAX_LEN)
		return err_set(e, -EINVAL, "port: '%s' is not like NAME=unix:PATH", text);
	if (!strcmp(where + 1, "stdio"))
		return err_set(e, -EINVAL, "port: the terminal belongs to the console");
	return serial_check(where + 1, e) ? -EINVAL : 0;
}

static int open_one(struct ports *ps, const char **name, const char *text, struct loop *l,
		    struct err *e)
{
	const char *where = strchr(text, '=');
	int rc;

	name[ps->n] = strndup(text, (size_t)(where - text));
	if (!name[ps->n])
		return err_set(e, -ENOMEM, "out of memory");
	rc = console_open(&ps->at[ps->n - ps->first], where + 1, NULL, l, e);
	if (rc) {
		free((char *)name[ps->n]);
		return err_in(e, rc, "port %.*s", (int)(where - text), text);
	}
	ps->n++;
	return 0;
}

int ports_open(struct ports *ps, const struct options *o, struct loop *l, struct err *e)
{
	const char **name = calloc(o->port.n + 1, sizeof(*name));
	int rc = 0;

	*ps = (struct ports){ .name = name, .at = calloc(o->port.n, sizeof(*ps->at)) };
	if (!name || (o->port.n && !ps->at))
		return err_set(e, -ENOMEM, "out of memory");
	if (o->port.n > PORTS_MAX)
		return err_set(e, -EINVAL, "a machine has at most %d named ports", PORTS_MAX);
	ps->n = ps->first = o->console == CONSOLE_VIRTIO;
	for (unsigned i = 0; i < o->port.n && !rc; i++)
		rc = open_one(ps, name, o->port.at[i], l, e);
	return rc;
}

void ports_plug(struct ports *ps, struct serial_backend *console, struct vm_config *c)
{
	c->cards.vport_name = ps->name;
	c->cards.nvports = ps->n;
	if (ps->first)
		c->serial[VM_VPORT] = console;
	for (unsigned i = ps->first; i < ps->n; i++)
		c->serial[VM_VPORT + i] = &ps->at[i - ps->first].port;
}

void ports_start(struct ports *ps, struct vm *vm)
{
	for (unsigned i = ps->first; i < ps->n; i++)
		console_start(&ps->at[i - ps->first], vm, VM_VPORT + i);
}

void ports_woken(struct ports *ps)
{
	for (unsigned i = ps->first; i < ps->n; i++)
		console_woken(&ps->at[i - ps->first]);
}

void ports_close(struct ports *ps)
{
	for (unsigned i = ps->first; i < ps->n; i++) {
		console_flush(&ps->at[i - ps->first]);
		console_close(&ps->at[i - ps->first]);
		free((char *)ps->name[i]);
	}
	free((void *)ps->name);
	free(ps->at);
	*ps = (struct ports){ 0 };
}
