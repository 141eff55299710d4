/* options.c - the options of `run`, and which words of its command line are whose. */
#include "cli/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/lines.h"
#include "cli/ports.h"
#include "cli/serial.h"
#include "net/net.h"
#include "cli/shares.h"
#include "vm/vm.h"

#define ROW(name, arg, kind, field) name, arg, kind, 0, offsetof(struct options, field)
#define ROW_HERE(name, arg, kind, field) name, arg, kind, OPT_NOT_IN_FILE, offsetof(struct options, field)

const struct opt run_opts[] = {
	{ ROW("memory", "SIZE", OPT_SIZE, memory), MIB(1), GIB(1024),
	  "memory of the guest: 64, 64m, 1g (default 512m)" },
	{ ROW("cpus", "N", OPT_NUMBER, cpus), 1, 64, "virtual processors, 1 to 64 (default 1)" },
	{ ROW("initrd", "FILE", OPT_LIST, initrd), 0, 0,
	  "initial RAM disk; several are joined, or are a Multiboot kernel's modules" },
	{ ROW("library", "FILE", OPT_LIST, library), 0, 0,
	  "a shared object that the kernel is bound to (a kernel in pieces)" },
	{ ROW("bind", "now|lazy", OPT_CHOICE, bind), 0, 0,
	  "when functions of a library are bound: before the start, or at their first call" },
	{ ROW("load-at", "ADDRESS|random", OPT_TEXT, load_at), 0, 0,
	  "where a position-independent kernel is put" },
	{ ROW("explain-relocs", NULL, OPT_FLAG, explain_relocs), 0, 0,
	  "say what each relocation of the kernel writes" },
	{ ROW("append", "TEXT", OPT_TEXT, append), 0, 0,
	  "kernel command line, before the kernel's arguments" },
	{ ROW("engine", "auto|soft|kvm", OPT_CHOICE, engine), 0, 0,
	  "what runs the guest's code: auto takes KVM where it works, else the translator" },
	{ ROW("serial", "[N=]WHERE", OPT_LIST, serials), 0, 0,
	  "serial port N (0, the console): stdio, null, file:PATH, unix:PATH, pty, tty:PATH, modem[:...]" },
	{ ROW("chat", "FILE", OPT_TEXT, chat), 0, 0,
	  "speak a chat(8) script to the guest's console; one that fails ends the run" },
	{ ROW("name", "NAME", OPT_TEXT, name), 0, 0,
	  "what 'pandok list' and the others call this machine (default: vm1, vm2, ...)" },
	{ ROW("detach", NULL, OPT_FLAG, detach), 0, 0,
	  "print the machine's name once it runs, and leave it running" },
	{ ROW("console", "serial|virtio", OPT_CHOICE, console), 0, 0,
	  "what the console is in the guest: COM1, ttyS0 (default), or hvc0, which knows its size" },
	{ ROW("port", "NAME=WHERE", OPT_LIST, port), 0, 0,
	  "/dev/virtio-ports/NAME in the guest: null, file:PATH, unix:PATH, pty" },
	{ ROW("console-log", "FILE", OPT_TEXT, console_log), 0, 0,
	  "write all that the guest prints on the console to FILE too" },
	{ ROW("debugcon", NULL, OPT_FLAG, debugcon), 0, 0,
	  "show the bytes that the guest writes to port 0xe9 on the console" },
	{ ROW("block", "FILE[,WORD...]", OPT_LIST, block), 0, 0,
	  "a disk: a file, a block device or nbd:URI; behind it ide, ro, overlay, raw, serial=S" },
	{ ROW("overlay", NULL, OPT_FLAG, overlay), 0, 0,
	  "write to a temporary layer above each disk, which is gone at the end" },
	{ ROW("seed", "USER-DATA[,META-DATA]", OPT_TEXT, seed), 0, 0,
	  "one more disk, where cloud-init in the guest finds these files" },
	{ ROW("packed-rings", NULL, OPT_FLAG, packed_rings), 0, 0,
	  "offer packed rings to the drivers of virtio devices" },
	{ ROW("display", "serial|screen", OPT_CHOICE, display), 0, 0,
	  "what the console shows: serial port, or text screen and keyboard (default serial)" },
	{ ROW("screen", "FILE", OPT_TEXT, screen), 0, 0,
	  "at the end write the text screen: a picture (.png) or its text (.txt)" },
	{ ROW("cdrom", "FILE", OPT_TEXT, cdrom), 0, 0, "an ISO image as a CD-ROM" },
	{ ROW("floppy", "FILE", OPT_TEXT, floppy), 0, 0, "an image of a floppy disk" },
	{ ROW("boot", "ORDER", OPT_TEXT, boot), 0, 0,
	  "with no kernel: what to boot from, in order (default disk,cdrom,floppy)" },
	{ ROW("bios", "FILE", OPT_TEXT, bios), 0, 0,
	  "with no kernel: the BIOS that boots (default: SeaBIOS)" },
	{ ROW("net", "SPEC", OPT_LIST, net), 0, 0,
	  "a network card: user (the default), tap=NAME, socket=PATH; or none" },
	{ ROW("share", "DIR[:TAG][:ro]", OPT_LIST, share), 0, 0,
	  "a directory of the host's, for 'mount -t virtiofs TAG /mnt' (TAG: its name); ':locks' too" },
	{ ROW("vsock", "PATH", OPT_TEXT, vsock), 0, 0,
	  "sockets between guest and host, at PATH and PATH_port as Firecracker has them" },
	{ ROW("rootfs", "DIR", OPT_TEXT, rootfs), 0, 0,
	  "boot Linux with a directory as its root; what the guest writes there is not kept" },
	{ ROW("exec", "COMMAND", OPT_TEXT, exec), 0, 0,
	  "with --rootfs: run a shell command there instead of a shell; its exit status is ours" },
	{ ROW("xen", NULL, OPT_FLAG, xen), 0, 0,
	  "start the kernel as a Xen paravirtual guest, even if it could start otherwise" },
	{ ROW("no-reboot", NULL, OPT_FLAG, no_reboot), 0, 0, "end when the guest reboots" },
	{ ROW("on-triple-fault", "stop|reset", OPT_CHOICE, on_triple_fault), 0, 0,
	  "what a triple fault does (default stop)" },
	{ ROW("on-panic", "stop|continue", OPT_CHOICE, on_panic), 0, 0,
	  "what a panic does after its script: end the run with status 3 (default), or what the guest wants" },
	{ ROW("on", "EVENT=COMMAND;...", OPT_LIST, on), 0, 0,
	  "the debugger's script for panic, oops, triplefault, wedged, watchdog, break or default" },
	{ ROW("watchdog", "SECONDS", OPT_TIME, watchdog_ns), 0, 0,
	  "so long without output or use of a disk is an event" },
	{ ROW("crash-dir", "DIR", OPT_TEXT, crash_dir), 0, 0,
	  "where textdumps go (default: pandok/crash under $XDG_STATE_HOME)" },
	{ ROW("crash-keep", "N", OPT_NUMBER, crash_keep), 0, 0,
	  "keep so many dumps, the newest (default 20; 0: all)" },
	{ ROW("symbols", "FILE", OPT_TEXT, symbols), 0, 0,
	  "an ELF file with the kernel's symbols, for the debugger" },
	{ ROW("gdb", "WHERE", OPT_TEXT, gdb), 0, 0,
	  "wait for gdb at unix:PATH or tcp:127.0.0.1:PORT" },
	{ ROW("gdb-wait", NULL, OPT_FLAG, gdb_wait), 0, 0,
	  "let nothing run before a debugger says so" },
	{ ROW("qmp", "WHERE", OPT_TEXT, qmp), 0, 0,
	  "answer a part of QEMU's machine protocol at unix:PATH" },
	{ ROW("debug-socket", "WHERE", OPT_TEXT, debug_socket), 0, 0,
	  "let 'pandok debug WHERE' in at unix:PATH" },
	{ ROW("timeout", "SECONDS", OPT_TIME, timeout_ns), 0, 0,
	  "end after so long, with exit status 124" },
	{ ROW("debug-exit", NULL, OPT_FLAG, debug_exit), 0, 0,
	  "a write of v to port 0xf4 ends with exit status 2v+1" },
	{ ROW("log", "LEVELS", OPT_TEXT, log), 0, 0,
	  "what to tell while running: 'debug', or 'irq=trace,vm=info'" },
	{ ROW("stats", NULL, OPT_FLAG, stats), 0, 0, "show the counters at the end" },
	{ ROW("single-step", NULL, OPT_FLAG, single_step), 0, 0,
	  "soft: translate one instruction at a time, with nothing optimized" },
	{ ROW("deterministic", NULL, OPT_FLAG, deterministic), 0, 0,
	  "soft: time is counted in instructions; equal runs are equal" },
	{ ROW("digest", "FILE", OPT_TEXT, digest), 0, 0,
	  "deterministic: write 'instructions digest rip' lines to FILE" },
	{ ROW("digest-every", "N", OPT_NUMBER, digest_every), 1, 0,
	  "instructions from one digest to the next (default 1000000)" },
	{ ROW_HERE("config", "FILE", OPT_TEXT, config), 0, 0,
	  "read options from FILE first, lines of 'name = value'" },
	{ ROW_HERE("help", NULL, OPT_FLAG, help), 0, 0, "show this" },
	{ ROW_HERE("version", NULL, OPT_FLAG, version), 0, 0, "show the version" },
	{ 0 },
};

static void set_defaults(struct options *o)
{
	*o = (struct options){ .memory = MIB(512), .cpus = 1, .digest_every = 1000000,
		.crash_keep = 20 };
}

static int add_word(char **line, const char *word, struct err *e)
{
	size_t n = *line ? strlen(*line) + 1 : 0;
	char *longer = realloc(*line, n + strlen(word) + 1);

	if (!longer)
		return err_set(e, -ENOMEM, "out of memory");
	if (n)
		longer[n - 1] = ' ';
	strcpy(longer + n, word);
	*line = longer;
	return 0;
}

/* Words so far that are no options: lguest's form has the size first. */
struct words {
	bool lguest;
	bool closed; /* a lone "--" was seen: no more options */
	bool sized;
};

static int take_word(struct options *o, struct words *w, const char *word, struct err *e)
{
	if (w->lguest && !w->sized) {
		if (opt_size(word, &o->memory) < 0)
			return err_set(e, -EINVAL, "'%s' is neither a command nor a size such as 64m",
				       word);
		w->sized = true;
		return 0;
	}
	if (!o->kernel) {
		o->kernel = word;
		return 0;
	}
	/* In this form the word would be the kernel's, which is hardly what was meant. */
	if (!w->lguest && !w->closed && opt_find(run_opts, word))
		return err_set(e, -EINVAL, "option '%s' stands after the kernel: put it before, or "
			       "'--' before it if it is for the guest", word);
	return add_word(&o->cmdline, word, e);
}

/* "--" ends the options. Behind the kernel it is the kernel's word too: Linux hands what follows to
 * init. */
static int take_dashes(struct options *o, struct words *w, struct err *e)
{
	w->closed = true;
	return o->kernel ? add_word(&o->cmdline, "--", e) : 0;
}

static bool is_option(const struct options *o, const struct words *w, const char *word)
{
	return !strncmp(word, "--", 2) && !w->closed && (w->lguest || !o->kernel);
}

static int parse_words(int argc, char **argv, bool lguest, struct options *o, struct err *e)
{
	struct words w = { .lguest = lguest };
	int rc = 0;

	for (int i = 1; i < argc && !rc;) {
		if (!strcmp(argv[i], "--") && !w.closed) {
			rc = take_dashes(o, &w, e);
			i++;
		} else if (is_option(o, &w, argv[i])) {
			rc = opt_take(run_opts, o, argc, argv, &i, e);
		} else {
			rc = take_word(o, &w, argv[i++], e);
		}
	}
	return rc;
}

/* --append comes first, as if its words stood before the kernel's arguments. */
static int join_append(struct options *o, struct err *e)
{
	char *line = NULL;
	int rc = 0;

	if (o->append)
		rc = add_word(&line, o->append, e);
	if (!rc && (o->cmdline || !line))
		rc = add_word(&line, o->cmdline ? o->cmdline : "", e);
	if (rc) {
		free(line);
		return rc;
	}
	free(o->cmdline);
	o->cmdline = line;
	return 0;
}

bool options_bios(const struct options *o)
{
	return !o->kernel && !o->rootfs && (o->bios || o->block.n || o->cdrom || o->floppy);
}

/* The numbers are CMOS's; a word's place in the list is its nibble's. */
static int take_boot(struct options *o, struct err *e)
{
	static const char *const words[] = {
		[VM_BOOT_FLOPPY] = "floppy", [VM_BOOT_DISK] = "disk", [VM_BOOT_CDROM] = "cdrom",
	};
	const char *p = o->boot ? o->boot : "disk,cdrom,floppy";
	unsigned shift = 0;

	for (; *p && shift < 12; shift += 4) {
		size_t len = strcspn(p, ",");
		unsigned i = 1;

		while (i < ARRAY_SIZE(words) && (strlen(words[i]) != len || strncmp(words[i], p, len)))
			i++;
		if (i == ARRAY_SIZE(words))
			return err_set(e, -EINVAL, "--boot: '%s' does not begin with disk, cdrom or "
				       "floppy", p);
		o->boot_order |= (u16)(i << shift);
		p += len + (p[len] == ',');
	}
	return *p ? err_set(e, -EINVAL, "--boot: there are three kinds of what to boot from") : 0;
}

static int check_nets(const struct options *o, struct err *e)
{
	if (o->deterministic && o->vsock)
		return err_set(e, -EINVAL, "--vsock does not go with --deterministic");
	for (unsigned i = 0; i < o->net.n; i++) {
		if (o->deterministic && strcmp(o->net.at[i], "none"))
			return err_set(e, -EINVAL, "--net: what comes over a network is never the same "
				       "twice, as --deterministic needs it");
		if (net_check(o->net.at[i], e))
			return -EINVAL;
	}
	return o->vsock ? net_check_vsock(o->vsock, e) : 0;
}

int load_address(const char *text, u64 *ret)
{
	char *end;
	u64 at;

	errno = 0;
	at = strtoull(text, &end, 0);
	if (errno || !at || *end || end == text || at % GUEST_PAGE_SIZE || *text == '-')
		return -EINVAL;
	*ret = at;
	return 0;
}

static int check_ports(const struct options *o, struct err *e)
{
	if (o->deterministic && (o->port.n || o->console == CONSOLE_VIRTIO))
		return err_set(e, -EINVAL, "--deterministic goes with the serial console only");
	for (unsigned i = 0; i < o->port.n; i++)
		if (port_check(o->port.at[i], e))
			return -EINVAL;
	return 0;
}

/* Of several for one port the last one counts, so that the command line overrides a file. */
static int take_serials(struct options *o, struct err *e)
{
	bool taken[LINES] = { false };

	for (unsigned i = o->serials.n; i-- > 0;) {
		const char *where;
		unsigned n = line_split(o->serials.at[i], &where);

		if (serial_check(where, e))
			return -EINVAL;
		if (n && !strcmp(where, "stdio"))
			return err_set(e, -EINVAL, "serial: the terminal belongs to port 0");
		if (!n && !taken[0])
			o->serial = where;
		if (n && taken[n])
			return err_set(e, -EINVAL, "serial: port %u is plugged in twice", n);
		taken[n] = true;
	}
	return 0;
}

static int check(const struct options *o, struct err *e)
{
	u64 at;

	if (!o->kernel && !o->rootfs && !options_bios(o))
		return err_set(e, -EINVAL, "no kernel given, and no disk to boot from");
	if (o->cpus > 1 && o->deterministic)
		return err_set(e, -EINVAL, "--deterministic runs one processor: leave --cpus out");
	if (check_nets(o, e) || check_ports(o, e))
		return -EINVAL;
	if (o->load_at && strcmp(o->load_at, "random") && load_address(o->load_at, &at))
		return err_set(e, -EINVAL, "load-at: '%s' is neither 'random' nor an address that is a "
			       "multiple of 0x1000", o->load_at);
	if (o->digest && !o->deterministic)
		return err_set(e, -EINVAL, "--digest needs --deterministic");
	if (o->engine == VM_ENGINE_KVM && (o->deterministic || o->single_step))
		return err_set(e, -EINVAL, "--deterministic and --single-step need --engine soft");
	if (o->exec && !o->rootfs)
		return err_set(e, -EINVAL, "--exec needs --rootfs, the directory to run it in: --rootfs /");
	if (o->rootfs && o->initrd.n)
		return err_set(e, -EINVAL, "--rootfs makes its own initial RAM disk: leave --initrd away");
	if (shares_check(&o->share, e))
		return -EINVAL;
	if (o->name && ctl_name_check(o->name, e))
		return -EINVAL;
	if (o->detach && o->serial && !strcmp(o->serial, "stdio"))
		return err_set(e, -EINVAL, "--detach leaves the terminal: no --serial stdio");
	if (o->display == DISPLAY_SCREEN && o->debugcon)
		return err_set(e, -EINVAL, "--display screen and --debugcon both want the console");
	return 0;
}

int options_parse(int argc, char **argv, bool lguest, struct options *ret, struct err *e)
{
	struct options first;
	int rc;

	set_defaults(ret);
	set_defaults(&first);
	rc = parse_words(argc, argv, lguest, &first, e);
	if (!rc && first.config) {
		rc = opt_file(run_opts, ret, first.config, e);
		if (rc)
			rc = err_in(e, rc, "config");
	}
	options_free(&first);
	if (!rc)
		rc = parse_words(argc, argv, lguest, ret, e);
	if (rc || ret->help || ret->version)
		return rc;
	rc = take_serials(ret, e);
	if (!rc)
		rc = check(ret, e);
	if (!rc)
		rc = take_boot(ret, e);
	return rc ? rc : join_append(ret, e);
}

void options_free(struct options *o)
{
	opt_free(run_opts, o);
	free(o->cmdline);
	o->cmdline = NULL;
}
