/* spec.c - from "user,hostfwd=…" to an open network. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "net/int.h"

static const struct net_kind *const kinds[] = { &net_user, &net_tap, &net_socket };

/* A spec taken apart. */
struct spec {
	const struct net_kind *kind; /* NULL: none */
	char *arg;
	struct net_options options;
	u8 mac[6];
};

#define CID_FIRST 3 /* below are the hypervisor, this machine and the host. vsock(7) */

static const struct net_kind *find(const char *name, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i]->name) == len && !strncmp(kinds[i]->name, name, len))
			return kinds[i];
	return NULL;
}

/* Addresses of this form are nobody's card; 52:54:00 tells people that it is a virtual one. */
static int make_mac(u8 *mac, struct err *e)
{
	memcpy(mac, (const u8[]){ 0x52, 0x54, 0x00 }, 3);
	if (getrandom(mac + 3, 3, 0) != 3)
		return err_sys(e, "cannot get random bytes");
	return 0;
}

static int parse_mac(const char *text, u8 *mac, struct err *e)
{
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", mac, mac + 1, mac + 2, mac + 3,
		   mac + 4, mac + 5, &end) != 6 || text[end])
		return err_set(e, -EINVAL, "mac: '%s' is not an address such as 52:54:00:12:34:56",
			       text);
	if (mac[0] & 1)
		return err_set(e, -EINVAL, "mac: '%s' is an address of a group, not of a card", text);
	return 0;
}

/* "ARG,option=…" of a kind. */
static int split_rest(const char *rest, struct spec *s, struct err *e)
{
	size_t len = strcspn(rest, ",");

	if (s->kind->arg && !len)
		return err_set(e, -EINVAL, "'%s' needs a value: %s=%s", s->kind->name, s->kind->name,
			       s->kind->arg);
	s->arg = strndup(rest, len);
	if (!s->arg)
		return err_set(e, -ENOMEM, "out of memory");
	return opt_words(s->kind->opts, &s->options, rest + len + (rest[len] == ','), e);
}

static int split(const char *text, struct spec *s, struct err *e)
{
	size_t len = strcspn(text, ",=");

	s->kind = find(text, len);
	if (!s->kind)
		return err_set(e, -EINVAL, "'%.*s' is none of user, tap=NAME, socket=PATH, none",
			       (int)len, text);
	if (text[len] == '=' && !s->kind->arg)
		return err_set(e, -EINVAL, "'%s' is followed by a comma or nothing", s->kind->name);
	return split_rest(text + len + (text[len] == '='), s, e);
}

static void spec_fini(struct spec *s)
{
	free(s->arg);
	if (s->kind)
		opt_free(s->kind->opts, &s->options);
}

static int spec_init(struct spec *s, const char *text, struct err *e)
{
	int rc;

	*s = (struct spec){ .options = { .ipv6 = true } };
	if (!strcmp(text, "none"))
		return 0;
	rc = split(text, s, e);
	if (!rc)
		rc = s->options.mac ? parse_mac(s->options.mac, s->mac, e) : make_mac(s->mac, e);
	if (rc)
		spec_fini(s);
	return rc ? err_in(e, rc, "net") : 0;
}

static int vsock_spec_init(struct spec *s, const char *text, struct err *e)
{
	int rc;

	*s = (struct spec){ .kind = &net_vsock, .options = { .cid = CID_FIRST } };
	rc = split_rest(text, s, e);
	if (rc)
		spec_fini(s);
	return rc ? err_in(e, rc, "vsock") : 0;
}

int net_check(const char *text, struct err *e)
{
	struct spec s;
	int rc = spec_init(&s, text, e);

	if (!rc)
		spec_fini(&s);
	return rc;
}

int net_check_vsock(const char *text, struct err *e)
{
	struct spec s;
	int rc = vsock_spec_init(&s, text, e);

	if (!rc)
		spec_fini(&s);
	return rc;
}

static int make(const struct spec *s, struct net **ret, struct err *e)
{
	struct net *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return err_set(e, -ENOMEM, "out of memory");
	n->kind = s->kind;
	n->wake = -1;
	n->held_end = &n->held;
	n->cid = s->options.cid;
	memcpy(n->mac, s->mac, sizeof(n->mac));
	rc = n->kind->open(n, s->arg, &s->options, e);
	if (!rc)
		rc = net_thread_start(n, e);
	if (rc) {
		net_close(n);
		return err_in(e, rc, "%s%s", s->kind == &net_vsock ? "" : "net ", s->kind->name);
	}
	*ret = n;
	return 0;
}

int net_open(const char *text, struct net **ret, struct err *e)
{
	struct spec s;
	int rc = spec_init(&s, text, e);

	if (rc)
		return rc;
	if (s.kind)
		rc = make(&s, ret, e);
	else
		*ret = NULL;
	spec_fini(&s);
	return rc;
}

int net_open_vsock(const char *text, struct net **ret, struct err *e)
{
	struct spec s;
	int rc = vsock_spec_init(&s, text, e);

	if (rc)
		return rc;
	rc = make(&s, ret, e);
	spec_fini(&s);
	return rc;
}
