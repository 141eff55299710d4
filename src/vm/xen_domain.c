/* xen_domain.c - a machine that is a Xen domain: its kernel, its console, its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "vm/boot_int.h"
#include "vm/vm_int.h"

/* A kernel that nothing but Xen could start. */
static bool only_xen(const char *path)
{
	struct boot_file f = { .fd = -1 };
	struct elf_xen x;
	struct elf elf;
	struct err e;
	u64 entry;
	bool yes;

	if (!path || boot_file_open(path, true, &f, &e))
		return false;
	yes = !elf_open(f.data, f.len, &elf, &e) && elf_xen(&elf, &x) && !boot_pvh_note(&elf, &entry) &&
	      !boot_multiboot.probe(&f);
	boot_file_close(&f);
	return yes;
}

bool vm_xen_wanted(const struct vm_config *c)
{
	return c->xen || (!c->bios && only_xen(c->boot.kernel));
}

static void on_byte(void *ctx, u8 byte)
{
	struct vm *vm = ctx;

	vm->port[0].b.put(&vm->port[0].b, byte);
}

static void on_room(void *ctx)
{
	struct vm *vm = ctx;

	if (vm->port[0].to && vm->port[0].to->room)
		vm->port[0].to->room(vm->port[0].to);
}

static void on_end(void *ctx, enum xen_end why, const char *text)
{
	struct vm *vm = ctx;

	switch (why) {
	case XEN_POWEROFF: vm_stop(vm, VM_POWEROFF, "%s", ""); break;
	case XEN_REBOOT: vm_reset_request(vm, "SCHEDOP_shutdown"); break;
	case XEN_CRASH: vm_stop(vm, VM_PANIC, "%s", text); break;
	case XEN_KILLED: vm_stop(vm, VM_TRIPLE_FAULT, "%s", text); break;
	}
}

int vm_xen_open(struct vm *vm, struct err *e)
{
	struct xen_config c = {
		.mem = vm->mem, .tsc_hz = tsc_hz(), .ctx = vm, .put = on_byte, .room = on_room,
		.end = on_end,
	};

	if (vm->config.cards.ndisks > ARRAY_SIZE(vm->xen_disk))
		return err_set(e, -EINVAL, "a Xen guest has at most %zu disks here",
			       ARRAY_SIZE(vm->xen_disk));
	if (vm->config.ncpus > 1)
		return err_set(e, -EINVAL, "a Xen guest has one processor here");
	for (unsigned i = 0; i < vm->config.cards.ndisks; i++)
		vm->xen_disk[i] = vm->config.cards.disk[i].disk;
	c.disk = vm->xen_disk;
	c.ndisk = vm->config.cards.ndisks;
	c.net = vm->config.cards.net;
	c.nnet = vm->config.cards.nnets;
	return xen_new(&c, &vm->xen, e);
}

/* A bzImage's payload is what Xen starts. */
static int kernel_open(struct boot_file *f, u8 **payload, struct elf *elf, struct err *e)
{
	struct err ignored;
	u64 len;

	if (elf_is(f->data, f->len))
		return elf_open(f->data, f->len, elf, e);
	if (boot_extract(f->path, false, payload, &len, &ignored))
		return err_set(e, -ENOEXEC, "a Xen guest's kernel is an ELF file or a bzImage with one "
			       "inside");
	return elf_open(*payload, len, elf, e);
}

/* All initrds as one. */
static int module_open(const struct boot_config *c, u8 **ret, u64 *len, struct err *e)
{
	struct boot_file f = { .fd = -1 };
	u8 *more;
	int rc = 0;

	for (unsigned i = 0; i < c->ninitrd && !rc; i++) {
		rc = boot_file_open(c->initrd[i], true, &f, e);
		if (rc)
			return err_in(e, rc, "initrd");
		more = realloc(*ret, *len + f.len + 3);
		if (more) {
			memset(more + *len, 0, f.len + 3);
			memcpy(more + *len, f.data, f.len);
			*ret = more;
			*len += (f.len + 3) & ~3ull;
		} else {
			rc = err_set(e, -ENOMEM, "out of memory");
		}
		boot_file_close(&f);
	}
	return rc;
}

int vm_xen_load(struct vm *vm, struct err *e)
{
	const struct boot_config *c = &vm->config.boot;
	struct boot_file f = { .fd = -1 };
	struct xen_image im = { .cmdline = c->cmdline ? c->cmdline : "", .seed = c->random_seed };
	u8 *payload = NULL, *module = NULL;
	int rc = boot_file_open(c->kernel, true, &f, e);

	if (rc)
		return err_in(e, rc, "kernel");
	rc = kernel_open(&f, &payload, &im.elf, e);
	if (!rc)
		rc = module_open(c, &module, &im.module_len, e);
	im.module = module;
	if (!rc)
		rc = xen_build(vm->xen, &im, vm->vcpu[0], e);
	if (rc)
		err_in(e, rc, "kernel '%s'", c->kernel);
	vm->report = (struct boot_report){ .protocol = "Xen PV", .entry = GPA(vm->vcpu[0]->rip),
					   .detail = "a Xen domain" };
	free(payload);
	free(module);
	boot_file_close(&f);
	return rc;
}
