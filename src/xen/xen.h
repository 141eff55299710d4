/* xen.h - front of this folder: Xen's side of a paravirtual guest. One domain, one processor. */
#ifndef PANDOK_XEN_XEN_H
#define PANDOK_XEN_XEN_H

#include "base/err.h"
#include "base/types.h"
#include "disk/disk.h"
#include "elf/elf.h"
#include "mem/mem.h"
#include "net/net.h"
#include "x86/x86.h"

enum xen_end { XEN_POWEROFF, XEN_REBOOT, XEN_CRASH /* the guest says so */, XEN_KILLED /* we do */ };

struct xen_config {
	struct mem *mem;
	u64 tsc_hz;
	struct disk *const *disk; /* xvda, xvdb …; flags decide whether they are read-only */
	unsigned ndisk;
	struct net *const *net;
	unsigned nnet;
	void *ctx;
	/* A byte for the console. Any thread; must not block. */
	void (*put)(void *ctx, u8 byte);
	/* The console takes input again after xen_console_in() took fewer bytes. Any thread. */
	void (*room)(void *ctx);
	/* The domain has ended; text: one sentence. Called once, on the vCPU's thread or a timer's. */
	void (*end)(void *ctx, enum xen_end why, const char *text);
};

struct xen;

/* xen_new - Xen without a domain. -ENOMEM or errno with a sentence. */
MUST_CHECK int xen_new(const struct xen_config *c, struct xen **ret, struct err *e);
void xen_free(struct xen *x); /* after the vCPU's thread has ended; NULL is fine */

/* xen_host - call-outs for the engine; before engine_ops.new. */
void xen_host(struct xen *x, struct engine_host *ret);

/* What a domain is built of. */
struct xen_image {
	struct elf elf;
	const char *cmdline;
	const u8 *module; /* initial RAM disk, len 0: none */
	u64 module_len;
	u64 seed;         /* machine frame numbers are shuffled by it */
};

/*
 * xen_build - the domain builder: guest RAM is cleared and filled with kernel, p2m list, start info,
 * page tables and stack; v gets the state at a kernel's entry. Again for a reboot.
 * -ENOEXEC with what is wrong with the kernel, -ENOMEM when the memory is too small.
 * Source: Xen, xen/include/public/xen.h "startofday".
 */
MUST_CHECK int xen_build(struct xen *x, const struct xen_image *im, struct vcpu *v, struct err *e);

/* xen_console_in - bytes typed; returns how many were taken. Any thread but the vCPU's. */
size_t xen_console_in(struct xen *x, const u8 *buf, size_t len);

/* xen_shutdown_ask - ask the guest to power off, through xenstore's control/shutdown. Any thread. */
void xen_shutdown_ask(struct xen *x);

/* xen_stepped - run() came back with RUN_DEBUG for a step that Xen asked for; true: it was ours. */
bool xen_stepped(struct xen *x, struct vcpu *v);

#endif
