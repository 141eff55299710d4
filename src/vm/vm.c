/* vm.c - puts a machine together and takes it apart. */
#include "vm/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/log.h"
#include "vm/vm_int.h"

#define FIXED_SEED 0x70616e646f6bull /* deterministic runs: the guest's randomness is always this */

static int make_vcpus(struct vm *vm, struct err *e)
{
	unsigned n = vm->config.ncpus;
	int rc = 0;

	vm->vcpu = calloc(n, sizeof(struct vcpu *));
	vm->runner = calloc(n, sizeof(*vm->runner));
	if (!vm->vcpu || !vm->runner)
		return err_set(e, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < n && !rc; i++) {
		rc = vm->ops->vcpu_new(vm->engine, i, &vm->vcpu[i], e);
		if (!rc)
			vm->runner[i] = (struct runner){ .vm = vm, .v = vm->vcpu[i] };
	}
	return rc;
}

static int make_board(struct vm *vm, struct err *e)
{
	struct board_config c = {
		.mem = vm->mem,
		.ncpus = vm->config.ncpus,
		.irqchip = vm->ops->irqchip,
		.deterministic = vm->config.deterministic,
		.debug_exit = vm->config.debug_exit,
		.bios = vm->config.bios,
		.boot_order = vm->config.boot_order,
		.tsc_hz = vm->config.deterministic ? BOARD_DETERMINISTIC_HZ : tsc_hz(),
	};

	if (!vm->xen) /* a domain has back ends for them, not cards */
		c.cards = vm->config.cards;
	for (unsigned i = 0; i < ARRAY_SIZE(vm->port); i++) {
		vm_port_init(vm, i);
		/* The console is read along for a panic even when nobody else listens. */
		if (vm->config.serial[i] || !i)
			c.serial[i] = &vm->port[i].b;
	}
	vm_calls(vm, &c.calls);
	return board_new(&c, &vm->board, e);
}

static int make_engine(struct vm *vm, struct err *e)
{
	struct engine_config c = {
		.mem = vm->mem,
		.ncpus = vm->config.ncpus,
		.single_step = vm->config.single_step,
		.deterministic = vm->config.deterministic,
		.digest_every = vm->config.digest_every,
		.debug_exceptions = vm->config.debug_exceptions,
	};
	int rc;

	if (vm->xen)
		xen_host(vm->xen, &vm->host);
	else
		board_host(vm->board, &vm->host);
	c.host = vm->host;
	rc = vm->ops->new(&c, &vm->engine, e);
	return rc ? err_in(e, rc, "%s engine", vm->ops->name) : 0;
}

static int make_machine(struct vm *vm, struct err *e)
{
	int rc;

	vm->config.xen = vm_xen_wanted(&vm->config);
	rc = vm_engine_pick(&vm->config, &vm->ops, vm->note, sizeof(vm->note), e);
	if (!rc)
		rc = mem_new(vm->config.ram, &vm->mem, e);
	if (!rc && vm->config.xen)
		rc = vm_xen_open(vm, e);
	if (!rc && vm->config.bios)
		rc = bios_open(vm->config.bios_path, vm->mem, &vm->bios, e);
	if (!rc)
		rc = make_board(vm, e);
	if (!rc)
		rc = make_engine(vm, e);
	if (!rc)
		rc = make_vcpus(vm, e);
	if (rc)
		return rc;
	board_attach(vm->board, vm->engine, vm->vcpu);
	return vm_load(vm, e);
}

/*B:100 A machine is put together
 * Memory first; then the board with its devices, which tells what it wants to be called for; then
 * the engine, which is told whom to call; then the processors. The kernel comes last, since the
 * tables it is handed describe all that. A reboot does only the last step again.
 */
int vm_new(const struct vm_config *c, struct vm **ret, struct err *e)
{
	pthread_condattr_t attr;
	struct vm *vm;
	int rc;

	if (!c->ncpus || c->ncpus > BOARD_CPUS_MAX)
		return err_set(e, -EINVAL, "a machine has 1 to %d processors", BOARD_CPUS_MAX);
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return err_set(e, -ENOMEM, "out of memory");
	vm->config = *c;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->pause_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&vm->changed, &attr);
	pthread_condattr_destroy(&attr);
	rc = make_machine(vm, e);
	if (rc) {
		vm_free(vm);
		return rc;
	}
	*ret = vm;
	return 0;
}

bool vm_free(struct vm *vm)
{
	if (!vm)
		return true;
	if (vm->stuck)
		return false;
	board_free(vm->board); /* first: its timers reach engine and vCPUs */
	xen_free(vm->xen);
	for (unsigned i = 0; vm->vcpu && i < vm->config.ncpus; i++)
		if (vm->vcpu[i])
			vm->ops->vcpu_free(vm->vcpu[i]);
	if (vm->engine)
		vm->ops->free(vm->engine);
	mem_free(vm->mem);
	bios_close(&vm->bios);
	pthread_cond_destroy(&vm->changed);
	pthread_mutex_destroy(&vm->lock);
	pthread_mutex_destroy(&vm->pause_lock);
	free(vm->vcpu);
	free(vm->runner);
	free(vm);
	return true;
}

static u64 seed(const struct vm *vm)
{
	u64 x = FIXED_SEED + vm->boots;

	if (!vm->config.deterministic && getrandom(&x, sizeof(x), 0) != sizeof(x))
		x ^= vm_host_ns();
	return x;
}

/* The processor is left where RESET put it; what the BIOS asks for is told once. */
static int load_bios(struct vm *vm, struct err *e)
{
	int rc = bios_load(&vm->bios, vm->mem, e);

	if (!rc && !vm->boots)
		rc = board_firmware(vm->board, vm->bios.vga_rom, vm->bios.vga_len, e);
	vm->report = (struct boot_report){ "BIOS", GPA(0xfffffff0), "" };
	return rc;
}

static int load_kernel(struct vm *vm, struct err *e)
{
	vm->config.boot.random_seed = seed(vm);
	if (vm->xen)
		return vm_xen_load(vm, e);
	return boot_load(&vm->config.boot, vm->mem, vm->vcpu[0], &vm->report, e);
}

int vm_load(struct vm *vm, struct err *e)
{
	int rc;

	if (vm->boots)
		mem_clear(vm->mem);
	if (vm->boots && vm->ops->reset)
		vm->ops->reset(vm->engine);
	rc = vm->xen ? 0 : board_tables(vm->board, &vm->config.boot.acpi_rsdp, e);
	if (rc)
		return rc;
	for (unsigned i = 0; i < vm->config.ncpus; i++) {
		atomic_store(&vm->vcpu[i]->events, 0);
		vcpu_reset(vm->vcpu[i]);
	}
	rc = vm->config.bios ? load_bios(vm, e) : load_kernel(vm, e);
	if (rc)
		return rc;
	for (unsigned i = 0; i < vm->config.ncpus; i++)
		vm->ops->put_state(vm->vcpu[i]);
	vm->boots++;
	LOG(vm, INFO, "%s on %s: %s", vm->report.protocol, vm->ops->name, vm->report.detail);
	return 0;
}

u8 vm_exit_value(const struct vm *vm)
{
	return vm->exit_value;
}

void vm_balloon(struct vm *vm, u64 bytes)
{
	board_balloon(vm->board, bytes);
}

void vm_power_button(struct vm *vm)
{
	if (vm->xen) {
		xen_shutdown_ask(vm->xen);
		return;
	}
	board_power_button(vm->board);
}

size_t vm_serial_in(struct vm *vm, unsigned i, const u8 *buf, size_t len)
{
	if (vm->xen)
		return i ? len : xen_console_in(vm->xen, buf, len);
	return board_serial_in(vm->board, i, buf, len);
}

bool vm_keys(struct vm *vm, const u16 *key, unsigned n)
{
	return board_keys(vm->board, key, n);
}

bool vm_screen(struct vm *vm, struct vga_text *ret)
{
	return board_screen(vm->board, ret);
}

void vm_console_size(struct vm *vm, u16 cols, u16 rows)
{
	if (!vm->xen)
		board_console_size(vm->board, cols, rows);
}

void vm_serial_lines(struct vm *vm, unsigned i, u8 lines)
{
	if (!vm->xen)
		board_serial_lines(vm->board, i, lines);
}

void vm_serial_break(struct vm *vm, unsigned i)
{
	board_serial_break(vm->board, i);
}

void vm_stats(struct vm *vm, struct stats *ret)
{
	*ret = (struct stats){ { 0 } };
	for (unsigned i = 0; i < vm->config.ncpus; i++)
		for (unsigned k = 0; k < STAT_N; k++)
			ret->n[k] += vm->vcpu[i]->stats.n[k];
}

const char *vm_engine_name(const struct vm *vm)
{
	return vm->ops->name;
}

const char *vm_engine_note(const struct vm *vm)
{
	return vm->note;
}

const struct boot_report *vm_boot_report(const struct vm *vm)
{
	return &vm->report;
}
