/* hmp.c - commands of QEMU's monitor that other tools send, with QEMU's own output. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbg/hmp.h"

#define XP_MAX 65536 /* bytes of one xp */

void hmp_drop(struct out *o, const char *text, size_t len)
{
	(void)o, (void)text, (void)len;
}

static void xp_line(struct out *o, u64 at, const u8 *p, unsigned n, unsigned size)
{
	out_say(o, "%016llx:", (unsigned long long)at);
	for (unsigned i = 0; i < n; i += size) {
		u64 val = 0;

		memcpy(&val, p + i, size);
		out_say(o, " 0x%0*llx", (int)size * 2, (unsigned long long)val);
	}
	out_say(o, "\n");
}

/* "xp /COUNTxSIZE ADDRESS": only hexadecimal; sizes b, h, w, g. */
static bool xp(struct dbg *d, const char *line, struct out *o)
{
	unsigned count = 1, size, line_len;
	unsigned long long at;
	char format[4], *buf;
	const char *s;
	int end = 0;

	if (sscanf(line, "xp /%u%3[xbhwg] %lli%n", &count, format, (long long *)&at, &end) != 3 ||
	    line[end])
		return false;
	s = strpbrk(format, "bhwg");
	size = s ? 1u << (strchr("bhwg", *s) - "bhwg") : 4;
	line_len = size == 1 ? 8 : 16;
	if (!count || count > XP_MAX / size)
		return false;
	buf = malloc(count * size);
	if (!buf || target_phys(d->t, GPA(at), (u64)count * size, buf))
		out_say(o, "Cannot access memory\n");
	else
		for (unsigned done = 0; done < count * size; done += line_len) {
			unsigned left = count * size - done;

			xp_line(o, at + done, (u8 *)buf + done, left < line_len ? left : line_len, size);
		}
	free(buf);
	return true;
}

static bool gpa2hva(struct dbg *d, const char *line, struct out *o)
{
	long long at;
	u8 *host;
	int end = 0;

	if (sscanf(line, "gpa2hva %lli%n", &at, &end) != 1 || line[end])
		return false;
	host = mem_host(vm_mem(d->vm), GPA((u64)at), 1);
	if (host)
		out_say(o, "Host virtual address for 0x%llx (pc.ram) is %p\n", at, (void *)host);
	else
		out_say(o, "No memory is mapped at address 0x%llx\n", at);
	return true;
}

static bool mtree(struct dbg *d, const char *line, struct out *o)
{
	const struct mem *m = vm_mem(d->vm);
	u64 offset = 0;

	if (strncmp(line, "info mtree", 10))
		return false;
	out_say(o, "FlatView #0\n AS \"memory\", root: system\n Root memory region: system\n");
	for (unsigned i = 0; i < m->n; i++) {
		const struct mem_block *b = &m->block[i];

		out_say(o, "  %016llx-%016llx (prio 0, %s): %s", (unsigned long long)b->at.at,
			(unsigned long long)(b->at.at + b->len - 1), b->rom ? "rom" : "ram",
			b->rom ? "pc.rom" : "pc.ram");
		out_say(o, !b->rom && offset ? " @%016llx\n" : "\n", (unsigned long long)offset);
		offset += b->rom ? 0 : b->len;
	}
	out_say(o, "\n");
	return true;
}

void hmp_run(struct dbg *d, const char *line, struct out *o)
{
	struct session *s = NULL;
	bool known;

	vm_pause(d->vm);
	known = xp(d, line, o) || gpa2hva(d, line, o) || mtree(d, line, o);
	if (!known)
		s = calloc(1, sizeof(*s));
	if (s) {
		session_init(s, d, o);
		command_run(s, line);
		if (s->goes && d->held)
			stop_go(d);
	}
	free(s);
	vm_resume(d->vm);
}
