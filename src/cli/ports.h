/* ports.h - the ports of a virtio console that the options ask for. */
#ifndef PANDOK_CLI_PORTS_H
#define PANDOK_CLI_PORTS_H

#include "cli/console.h"
#include "cli/options.h"

struct ports {
	struct console *at;
	const char *const *name; /* n of them: NULL is the console itself */
	unsigned n, first;       /* those from first on are at[] */
};

/* port_check - is text "NAME=WHERE" as --port wants it? -EINVAL. */
MUST_CHECK int port_check(const char *text, struct err *e);

/* ports_open - open what --port names; with --console virtio the console comes before them. Main
 * thread, as all here. Close in both cases. */
MUST_CHECK int ports_open(struct ports *ps, const struct options *o, struct loop *l, struct err *e);
/* ports_plug - into c, with the console as the one that is no --port. */
void ports_plug(struct ports *ps, struct serial_backend *console, struct vm_config *c);
void ports_start(struct ports *ps, struct vm *vm);
void ports_woken(struct ports *ps);
void ports_close(struct ports *ps);

#endif
