/* run.c - the command `run`: from options to a machine, and from its end to an exit status. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/chatter.h"
#include "cli/cli.h"
#include "cli/cmdline.h"
#include "cli/console.h"
#include "cli/consult.h"
#include "cli/debugger.h"
#include "cli/ctl.h"
#include "cli/detach.h"
#include "cli/digest.h"
#include "cli/disks.h"
#include "cli/lines.h"
#include "cli/nets.h"
#include "cli/inside.h"
#include "cli/options.h"
#include "cli/ports.h"
#include "cli/screen.h"
#include "cli/shares.h"
#include "cli/signals.h"
#include "cli/term.h"
#include "cli/view.h"
#include "vm/vm.h"

/* A Xen guest's console has virtio's name. */
static const char *const console_default[] = {
	[CONSOLE_SERIAL] = "console=ttyS0", [CONSOLE_VIRTIO] = "console=hvc0",
};

struct run {
	struct options *o;
	struct vm_config config;
	char *cmdline;
	struct vm *vm;
	struct loop loop;
	struct signals signals;
	struct console console;
	struct ports ports;
	struct lines lines;
	struct ctl ctl;
	struct chatter chatter;
	int tell; /* for detach_done(); -1: nobody waits */
	struct digest digest;
	struct disks disks;
	struct view *view; /* of the screen, on the console */
	struct nets nets;
	struct shares shares;
	struct debugger debugger;
	struct inside inside;
	struct alarm limit;
	pthread_t thread;
	bool started;
	atomic_bool ended; /* why and end are valid */
	enum vm_end why;
	struct err end;
};

static void *machine_main(void *arg)
{
	struct run *r = arg;

	r->why = vm_run(r->vm, &r->end);
	atomic_store(&r->ended, true);
	loop_wake(&r->loop);
	return NULL;
}

static void on_wake(void *ctx)
{
	struct run *r = ctx;

	console_woken(&r->console);
	ports_woken(&r->ports);
	lines_woken(&r->lines);
	r->loop.done = atomic_load(&r->ended);
}

static void on_limit(struct alarm *a)
{
	struct run *r = container_of(a, struct run, limit);

	vm_stop(r->vm, VM_TIMEOUT, "the time limit of %g seconds was reached",
		(double)r->o->timeout_ns / 1e9);
}

/*L:200 A kernel that speaks
 * A stock Linux kernel prints nothing on a serial port unless told to, and a first run that stays
 * dark is a bad one. So when the command line names no console and the kernel is a Linux, it is
 * told. The word goes to the front: what follows a "--" is for init.
 */
static int make_cmdline(struct run *r, struct err *e)
{
	const char *line = r->o->cmdline;
	bool add = r->o->kernel && !cmdline_has(line, "console=") &&
		   cmdline_is_linux(r->o->kernel);
	int n = asprintf(&r->cmdline, "%s%s%s%s", !add ? "" :
			 console_default[r->o->xen ? CONSOLE_VIRTIO : r->o->console],
			 add && r->o->rootfs ? " quiet" : "", add && *line ? " " : "", line);

	if (n < 0) {
		r->cmdline = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

static void explain(void *ctx, const char *line)
{
	(void)ctx;
	cli_say("%s", line);
}

static void fill_config(struct run *r)
{
	const struct options *o = r->o;

	r->config = (struct vm_config){
		.ram = o->memory,
		.ncpus = (unsigned)o->cpus,
		.engine = (enum vm_engine)o->engine,
		.boot = {
			.kernel = o->kernel,
			.cmdline = r->cmdline,
			.initrd = (const char *const *)o->initrd.at,
			.ninitrd = o->initrd.n,
			.library = (const char *const *)o->library.at,
			.nlibrary = o->library.n,
			.bind_lazy = o->bind,
			.explain = o->explain_relocs ? explain : NULL,
			.load_random = o->load_at && !strcmp(o->load_at, "random"),
		},
		.bios = options_bios(o),
		.bios_path = o->bios,
		.boot_order = o->boot_order,
		.serial = { o->display == DISPLAY_SERIAL ? &r->console.port : NULL },
		.cards = {
			.disk = r->disks.at, .ndisks = r->disks.n,
			.packed_rings = o->packed_rings,
			.net = r->nets.at, .nnets = r->nets.n, .vsock = r->nets.vsock,
			.share = r->shares.at, .nshares = r->shares.n,
		},
		.debugcon = o->debugcon ? &r->console.debugcon : NULL,
		.xen = o->xen,
		.no_reboot = o->no_reboot,
		.reset_on_triple_fault = o->on_triple_fault == TRIPLE_FAULT_RESET,
		.debug_exit = o->debug_exit,
		.debug_exceptions = log_levels[LOG_sys] >= LOG_TRACE,
		.single_step = o->single_step,
		.deterministic = o->deterministic,
	};
	if (o->rootfs) {
		r->config.boot.initrd = r->inside.initrd;
		r->config.boot.ninitrd = ARRAY_SIZE(r->inside.initrd);
		r->config.no_reboot = true;
	}
	ports_plug(&r->ports, &r->console.port, &r->config);
	lines_plug(&r->lines, &r->config);
	if (o->load_at && !r->config.boot.load_random)
		BUG_ON(load_address(o->load_at, &r->config.boot.load_at));
	if (o->digest) {
		r->config.digest_every = o->digest_every;
		r->config.digest = digest_put;
		r->config.digest_ctx = &r->digest;
	}
}

static int open_console(struct run *r, struct err *e)
{
	const struct options *o = r->o;
	bool nobody = o->detach || (o->rootfs && !inside_talks(o));
	int rc = console_open(&r->console, o->serial ? o->serial : nobody ? "null" : NULL, o->console_log,
			      &r->loop, e);

	if (o->chat && r->console.serial.is_input)
		r->console.serial.in = -1; /* commands come from the script */
	return rc;
}

static int open_all(struct run *r, struct err *e)
{
	struct options *o = r->o;
	int rc;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* nothing we ever start gains rights */
	rc = loop_init(&r->loop, on_wake, r, e);
	if (!rc)
		rc = signals_init(&r->signals, &r->loop, e);
	if (!rc)
		rc = ctl_open(&r->ctl, o->name, o->name || o->detach, &r->loop, e);
	if (!rc)
		rc = open_console(r, e);
	if (!rc)
		rc = ports_open(&r->ports, o, &r->loop, e);
	if (!rc)
		rc = lines_open(&r->lines, o, &r->loop, e);
	if (!rc)
		rc = disks_open(&r->disks, o, e);
	if (!rc)
		rc = nets_open(&r->nets, o, e);
	if (!rc && o->digest)
		rc = digest_open(&r->digest, o->digest, e);
	if (!rc)
		rc = shares_open(&r->shares, &o->share, o->rootfs ? 2 : 0, e);
	if (!rc && o->rootfs)
		rc = inside_open(&r->inside, o, &r->shares, &r->loop, e);
	if (!rc && r->console.serial.is_terminal)
		rc = term_open(e);
	if (!rc)
		rc = make_cmdline(r, e);
	return rc;
}

static int make_machine(struct run *r, struct err *e)
{
	int rc;

	fill_config(r);
	rc = debugger_open(&r->debugger, r->o, &r->config, e);
	if (!rc)
		rc = vm_new(&r->config, &r->vm, e);
	if (!rc)
		consult(r->o->kernel);
	if (!rc && vm_engine_note(r->vm)[0] && !r->o->exec) /* a script reads what a command says */
		cli_say("%s", vm_engine_note(r->vm));
	return rc;
}

/* Everything is there: give the guest the terminal, start the clock and let it run. */
static int start(struct run *r, struct err *e)
{
	bool terminal = r->console.serial.is_terminal;
	int sig = signals_start(&r->signals, r->vm, terminal), rc;

	if (sig)
		return err_set(e, -EINTR, "ended by SIG%s", sigabbrev_np(sig));
	rc = debugger_start(&r->debugger, r->o, r->vm, e);
	if (!rc && terminal)
		rc = term_raw(e);
	if (rc)
		return rc;
	r->limit = (struct alarm){ UINT64_MAX, on_limit };
	if (r->o->timeout_ns)
		r->limit.at_ns = loop_now() + r->o->timeout_ns;
	loop_add_alarm(&r->loop, &r->limit);
	console_start(&r->console, r->vm, r->o->console == CONSOLE_VIRTIO ? VM_VPORT : 0);
	ports_start(&r->ports, r->vm);
	lines_start(&r->lines, r->vm);
	r->ctl.dbg = r->debugger.dbg;
	ctl_start(&r->ctl, r->o, r->vm, &r->console.viewers);
	if (r->o->chat)
		rc = chatter_start(&r->chatter, r->o->chat, r->vm, &r->console.viewers, e);
	if (rc)
		return rc;
	debugger_at_console(&r->debugger, &r->console.input, &r->loop);
	r->console.input.types = r->o->display == DISPLAY_SCREEN;
	if (r->o->display == DISPLAY_SCREEN)
		rc = view_start(&r->console, r->vm, &r->view, e);
	if (rc)
		return rc;
	if (r->o->rootfs)
		inside_start(&r->inside, r->vm);
	r->signals.asked = r->o->rootfs; /* nobody in there minds the power button */
	errno = pthread_create(&r->thread, NULL, machine_main, r);
	if (errno)
		return err_sys(e, "cannot start a thread");
	r->started = true;
	if (r->tell >= 0)
		detach_done(r->tell, r->ctl.name);
	return 0;
}

static void show_stats(struct run *r)
{
	struct stats s;
	const char *name, *help;

	vm_stats(r->vm, &s);
	for (unsigned i = 0; (name = stat_name(i, &help)); i++)
		if (s.n[i])
			fprintf(stderr, "%-14s %15llu  %s\n", name, (unsigned long long)s.n[i], help);
}

static int status_of(const struct run *r)
{
	switch (r->why) {
	case VM_POWEROFF:
	case VM_RESET:
		return CLI_OK;
	case VM_QUIT:
		return r->end.text[0] ? CLI_ERROR : CLI_OK;
	case VM_PANIC:
		return CLI_PANIC;
	case VM_TRIPLE_FAULT:
	case VM_WEDGED:
		return CLI_DEAD;
	case VM_TIMEOUT:
		return CLI_TIMEOUT;
	case VM_DEBUG_EXIT:
		return (u8)(vm_exit_value(r->vm) << 1 | 1);
	case VM_ERROR:
		break;
	}
	return CLI_ERROR;
}

/* With --rootfs the command's status counts. Without one the console may tell what happened. */
static int rootfs_status(struct run *r, int status)
{
	if (inside_status(&r->inside) >= 0)
		return r->inside.status;
	if (r->why != VM_QUIT && r->why != VM_TIMEOUT && !inside_talks(r->o))
		console_show_tail(&r->console);
	if (r->why != VM_QUIT)
		inside_missed(&r->inside, r->o);
	return status ? status : CLI_ERROR;
}

/* The machine has stopped: what is left of its output, then why. */
static int finish(struct run *r)
{
	int status;

	pthread_join(r->thread, NULL);
	view_stop(r->view);
	console_flush(&r->console);
	term_done();
	/* The shell's prompt should not follow the guest's. */
	if (r->console.serial.is_terminal && r->console.last && r->console.last != '\n')
		fputc('\n', stderr);
	if (r->o->digest)
		digest_close(&r->digest, &r->console.failed);
	if (r->o->stats)
		show_stats(r);
	if (r->o->screen && !r->console.failed.text[0])
		(void)!screen_write(r->vm, r->o->screen, &r->console.failed);
	status = status_of(r);
	if (r->o->rootfs)
		status = rootfs_status(r, status);
	if (r->why != VM_ERROR && r->console.failed.text[0]) {
		r->end = r->console.failed;
		status = CLI_ERROR;
	}
	if (r->end.text[0] && r->why != VM_RESET)
		cli_error(NULL, &r->end);
	if (r->why == VM_TRIPLE_FAULT && !strcmp(vm_boot_report(r->vm)->protocol, "Xen PV"))
		consult_trap(r->o->kernel, vm_vcpu(r->vm, 0)->rip);
	return status;
}

static int run_machine(struct options *o, int tell)
{
	struct run *r = calloc(1, sizeof(*r));
	int status = CLI_ERROR, rc;
	struct err e;

	if (!r) {
		cli_say("out of memory");
		return CLI_ERROR;
	}
	r->o = o;
	r->tell = tell;
	r->loop.wake.fd = r->signals.source.fd = -1;
	rc = open_all(r, &e);
	if (!rc)
		rc = make_machine(r, &e);
	if (!rc)
		rc = start(r, &e);
	if (!rc) {
		loop_run(&r->loop);
		status = finish(r);
	} else {
		term_done();
		cli_error(NULL, &e);
	}
	chatter_close(&r->chatter);
	debugger_close(&r->debugger);
	if (!vm_free(r->vm)) {
		ctl_close(&r->ctl);
		return status;
	}
	disks_close(&r->disks);
	nets_close(&r->nets);
	shares_close(&r->shares);
	inside_close(&r->inside);
	ports_close(&r->ports);
	lines_close(&r->lines);
	console_close(&r->console);
	ctl_close(&r->ctl);
	signals_fini(&r->signals);
	loop_fini(&r->loop);
	free(r->cmdline);
	free(r);
	return status;
}

static int run_or_leave(struct options *o)
{
	int tell = -1, status, rc = 0;
	struct err e;

	if (o->detach)
		rc = detach_begin(&tell, &status, &e);
	if (rc > 0)
		return status;
	if (rc < 0) {
		cli_error("run", &e);
		return CLI_ERROR;
	}
	term_catch();
	return run_machine(o, tell);
}

static int run(int argc, char **argv, bool lguest)
{
	struct options o;
	struct err e;
	int rc = options_parse(argc, argv, lguest, &o, &e), status = CLI_OK;

	if (!rc && !o.help && !o.version && o.log && log_set(o.log) < 0)
		rc = err_set(&e, -EINVAL, "log: '%s' names an unknown channel or level", o.log);
	if (!rc && o.screen)
		rc = screen_check(o.screen, &e);
	if (rc == -EINVAL) {
		status = cli_usage("run", "%s", e.text);
	} else if (rc) {
		cli_error("run", &e);
		status = CLI_ERROR;
	} else if (o.help) {
		help_cmd(cmd_find("run"), stdout);
		status = cli_flush();
	} else if (o.version) {
		status = cli_version();
	} else {
		status = run_or_leave(&o);
	}
	options_free(&o);
	return status;
}

int cmd_run(int argc, char **argv)
{
	return run(argc, argv, false);
}

int cmd_lguest(int argc, char **argv)
{
	return run(argc, argv, true);
}
