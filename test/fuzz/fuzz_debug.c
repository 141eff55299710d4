/* fuzz_debug.c - whatever comes through the debugger's doors: gdb's packets, QMP, lines at the prompt. */
/* @links src/base src/elf src/x86 src/mem src/know src/dbg */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbg/gdb.h"
#include "dbg/hmp.h"
#include "mem/mem.h"

/* ---- a machine that only pretends to run ---- */

#define CPUS 2
#define PML4 0x10000

struct vm {
	struct mem *mem;
	struct engine engine;
	_Alignas(64) struct vcpu vcpu[CPUS];
	unsigned pauses;
};

static void no_kick(struct vcpu *v) { (void)v; }

void vm_pause(struct vm *vm) { vm->pauses++; }

void vm_resume(struct vm *vm)
{
	if (!vm->pauses--)
		abort();
}

unsigned vm_ncpus(const struct vm *vm) { (void)vm; return CPUS; }
struct vcpu *vm_vcpu(struct vm *vm, unsigned i) { return i < CPUS ? &vm->vcpu[i] : NULL; }
void vm_vcpu_changed(struct vm *vm, unsigned i) { (void)vm, (void)i; }
struct mem *vm_mem(struct vm *vm) { return vm->mem; }
void vm_hold(struct vm *vm, unsigned i, bool held) { (void)vm, (void)i, (void)held; }
void vm_power_button(struct vm *vm) { (void)vm; }
void vm_reset(struct vm *vm) { (void)vm; }
bool vm_ended(const struct vm *vm, bool urgent) { (void)vm; return urgent; }

void vm_stop(struct vm *vm, enum vm_end why, const char *fmt, ...)
{
	(void)vm, (void)why, (void)fmt;
}

int vm_breaks(struct vm *vm, const struct engine_break *b, unsigned n, struct err *e)
{
	(void)vm, (void)e;
	for (unsigned i = 0; i < n; i++)
		if (b[i].kind != BREAK_EXEC && (!b[i].len || b[i].len > 8))
			abort();
	return 0;
}

static void machine_init(struct vm *vm)
{
	static const struct engine_ops ops = { .kick = no_kick };
	u64 entry[3] = { (PML4 + 0x1000) | 3, (PML4 + 0x2000) | 3, 0x83 };
	struct err e;

	if (mem_new(MIB(2), &vm->mem, &e))
		abort();
	vm->engine.ops = &ops;
	for (unsigned i = 0; i < 3; i++)
		memcpy(mem_host_w(vm->mem, GPA(PML4 + 0x1000 * i), 8), &entry[i], 8);
	for (unsigned i = 0; i < CPUS; i++) {
		vm->vcpu[i].engine = &vm->engine;
		vm->vcpu[i].index = i;
		vcpu_reset(&vm->vcpu[i]);
		vm->vcpu[i].cr0 |= CR0_PE | CR0_PG;
		vm->vcpu[i].cr4 = CR4_PAE;
		vm->vcpu[i].cr3 = PML4;
		vm->vcpu[i].efer = EFER_LME | EFER_LMA;
		vm->vcpu[i].seg[SEG_CS] = (struct seg){ 8, SEG_P | SEG_S | SEG_L | 0xb, ~0u, 0 };
	}
}

/* ---- doors ---- */

static void drain(int fd)
{
	char buf[4096];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

#define PIECE 64

static void try_gdb(struct dbg *d, int fd[2], const char *data, size_t len)
{
	struct gdb *g;

	pthread_mutex_lock(&d->lock);
	g = gdb_new(d, fd[0]);
	for (size_t at = 0; at < len; at += PIECE) {
		gdb_bytes(g, data + at, len - at < PIECE ? len - at : PIECE);
		drain(fd[1]);
	}
	gdb_free(g);
	pthread_mutex_unlock(&d->lock);
}

static void try_qmp(struct dbg *d, int fd[2], const char *data, size_t len)
{
	struct qmp *q = qmp_new(d, fd[0]);

	for (size_t at = 0; at < len; at += PIECE) {
		qmp_bytes(q, data + at, len - at < PIECE ? len - at : PIECE);
		drain(fd[1]);
	}
	qmp_free(q);
}

static void try_lines(struct dbg *d, char *text)
{
	struct out none = { hmp_drop };
	char *line;

	while ((line = strsep(&text, "\n")))
		dbg_command(d, line, &none);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
	static struct vm vm;
	const struct dbg_config c = { .crash = { .dir = (char *)"/dev/null/x" } };
	char *text = malloc(len + 1);
	struct dbg *d;
	struct err e;
	int fd[2];

	if (!vm.mem)
		machine_init(&vm);
	if (!text || !len || dbg_new(&c, &d, &e) || dbg_machine(d, &vm, false, &e) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd)) {
		free(text);
		return 0;
	}
	memcpy(text, data, len);
	text[len] = 0;
	if (data[0] % 3 == 0)
		try_gdb(d, fd, text + 1, len - 1);
	else if (data[0] % 3 == 1)
		try_qmp(d, fd, text + 1, len - 1);
	else
		try_lines(d, text + 1);
	if (data[0] % 3 == 2)
		close(fd[0]);
	close(fd[1]);
	dbg_free(d);
	free(text);
	if (vm.pauses)
		abort(); /* whoever paused it let it go on */
	return 0;
}
