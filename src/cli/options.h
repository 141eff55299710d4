/* options.h - what the command line of `run` asks for. */
#ifndef PANDOK_CLI_OPTIONS_H
#define PANDOK_CLI_OPTIONS_H

#include "base/err.h"
#include "base/opt.h"
#include "base/types.h"

/* Filled by run_opts; texts are copies, freed by options_free(). */
struct options {
	bool help, version;
	char *config;
	u64 memory;    /* bytes */
	u64 cpus;
	struct opt_list library, initrd, block, net, share;
	unsigned bind; /* 1: lazy */
	char *load_at; /* see load_address() */
	bool explain_relocs, xen;
	bool overlay, packed_rings;
	char *seed;
	char *vsock;
	char *rootfs, *exec;
	unsigned console; /* enum console_on */
	struct opt_list port;
	char *append;
	unsigned engine; /* enum vm_engine */
	struct opt_list serials;
	const char *serial; /* not an option: of serials the console's, or NULL */
	char *name, *chat;
	bool detach;
	char *console_log;
	bool debugcon, no_reboot;
	unsigned on_triple_fault; /* enum triple_fault */
	u64 timeout_ns;  /* 0: none */
	char *log;
	bool stats, single_step, deterministic, debug_exit;
	char *bios, *cdrom, *floppy, *boot, *screen;
	unsigned display;  /* enum display */
	u16 boot_order;    /* from boot: vm_config.boot_order */
	char *digest;
	u64 digest_every;
	struct opt_list on; /* "EVENT=SCRIPT" */
	unsigned on_panic;  /* enum on_panic */
	u64 watchdog_ns;    /* 0: none */
	char *crash_dir, *symbols;
	u64 crash_keep;
	char *gdb, *qmp, *debug_socket;
	bool gdb_wait;
	/* Not options: */
	const char *kernel; /* points into argv */
	char *cmdline;      /* append and the kernel's arguments, with spaces between */
};

enum on_panic { ON_PANIC_STOP, ON_PANIC_CONTINUE };
enum display { DISPLAY_SERIAL, DISPLAY_SCREEN };
enum console_on { CONSOLE_SERIAL, CONSOLE_VIRTIO };
enum triple_fault { TRIPLE_FAULT_STOP, TRIPLE_FAULT_RESET };

/*
 * options_parse - read the words of `run`; where options may stand:
 *   lguest false  before the kernel; all words after it are the kernel's arguments
 *   lguest true   the first two words that are no options are size and kernel; options anywhere up
 *                 to a lone "--", which is handed on to the kernel as the rest is
 * A file given with --config is read first, so that the command line overrides it.
 * Returns 0; -EINVAL when the user has to change the command line; errno for the file. Free in
 * both cases.
 */
MUST_CHECK int options_parse(int argc, char **argv, bool lguest, struct options *ret,
			     struct err *e);
/* options_bios - there is no kernel: a BIOS boots what there is. */
bool options_bios(const struct options *o);
void options_free(struct options *o);

/* load_address - a page-aligned address out of text; -EINVAL. */
int load_address(const char *text, u64 *ret);

#endif
