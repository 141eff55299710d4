/* engine.c - tests of the KVM engine, run where /dev/kvm works: inside QEMU. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kvm/kvm.h"
#include "mem/mem.h"

static struct mem *mem;
static struct engine *en;
static struct vcpu *v;
static struct vcpu *stopper; /* gets EV_STOP at a port write */
static u32 last_port, last_val, last_cpu;

static void kvm_probe_finds_it_usable(void **unused)
{
	struct kvm_verdict verdict;

	(void)unused;
	kvm_probe(&verdict);
	assert_string_equal(verdict.step, "");
	assert_true(verdict.usable);
}

/* ---- a machine of one megabyte ---- */

static u32 pio_read(void *ctx, struct vcpu *vcpu, u16 port, unsigned size)
{
	(void)ctx;
	(void)vcpu;
	(void)size;
	return port == 0x80 ? 0x5a : 0xffffffff;
}

static void pio_write(void *ctx, struct vcpu *vcpu, u16 port, unsigned size, u32 val)
{
	(void)ctx;
	(void)size;
	last_cpu = vcpu->index;
	last_port = port;
	last_val = val;
	if (stopper && port == 0x81)
		vcpu_post(stopper, EV_STOP);
}

static u64 mmio_read(void *ctx, struct vcpu *vcpu, gpa_t at, unsigned size)
{
	(void)ctx;
	(void)vcpu;
	(void)size;
	return at.at;
}

static void mmio_write(void *ctx, struct vcpu *vcpu, gpa_t at, unsigned size, u64 val)
{
	(void)ctx;
	(void)vcpu;
	(void)size;
	last_port = (u32)at.at;
	last_val = (u32)val;
}

static int machine_make(unsigned ncpus)
{
	struct engine_config c = {
		.ncpus = ncpus,
		.host = { .pio_read = pio_read, .pio_write = pio_write, .mmio_read = mmio_read,
			  .mmio_write = mmio_write },
	};
	struct err e;

	if (mem_new(MIB(1), &mem, &e))
		return -1;
	c.mem = mem;
	if (kvm_ops.new(&c, &en, &e) || kvm_ops.vcpu_new(en, 0, &v, &e))
		return -1;
	stopper = v;
	v->events = 0;
	return 0;
}

static int machine_up(void **unused)
{
	(void)unused;
	return machine_make(1);
}

static int machine_up_2(void **unused)
{
	(void)unused;
	return machine_make(2);
}

static int machine_down(void **unused)
{
	(void)unused;
	kvm_ops.vcpu_free(v);
	kvm_ops.free(en);
	mem_free(mem);
	v = NULL;
	en = NULL;
	mem = NULL;
	return 0;
}

/* Real mode at 0:0x1000 with these bytes. */
static enum run_exit run_code(const void *code, size_t len, struct err *e)
{
	memcpy(mem_host_w(mem, GPA(0x1000), len), code, len);
	vcpu_reset(v);
	v->seg[SEG_CS].sel = 0;
	v->seg[SEG_CS].base = 0;
	v->rip = 0x1000;
	kvm_ops.put_state(v);
	return kvm_ops.run(v, e);
}

static void kvm_state_comes_back_as_it_went(void **unused)
{
	struct vcpu want;
	unsigned i;

	(void)unused;
	vcpu_reset(v);
	for (i = 0; i < 16; i++)
		v->gpr[i] = 0x0101010101010101ull * (i + 1);
	v->rip = 0xfff0;
	v->kernel_gs_base = 0xffff888012345678;
	v->lstar = 0xffffffff81000000;
	v->star = 0x23001000000000;
	v->sysenter_esp = 0x1234;
	v->cr2 = 0xdeadbeef;
	v->dr[0] = 0x4000;
	v->xcr0 = 3;
	v->xsave[160] = 0x77; /* xmm0 */
	want = *v;
	kvm_ops.put_state(v);
	memset(v->gpr, 0, sizeof(v->gpr));
	memset(v->seg, 0, sizeof(v->seg));
	memset(v->xsave, 0, sizeof(v->xsave));
	v->lstar = v->cr2 = v->dr[0] = v->xcr0 = 0;
	kvm_ops.get_state(v);
	assert_memory_equal(v->gpr, want.gpr, sizeof(v->gpr));
	for (i = 0; i < SEG_N; i++) {
		assert_int_equal(v->seg[i].base, want.seg[i].base);
		assert_int_equal(v->seg[i].limit, want.seg[i].limit);
		assert_int_equal(v->seg[i].attr, want.seg[i].attr);
		assert_int_equal(v->seg[i].sel, want.seg[i].sel);
	}
	assert_int_equal(v->rip, want.rip);
	assert_int_equal(v->rflags, want.rflags);
	assert_int_equal(v->kernel_gs_base, want.kernel_gs_base);
	assert_int_equal(v->lstar, want.lstar);
	assert_int_equal(v->star, want.star);
	assert_int_equal(v->cr0, want.cr0);
	assert_int_equal(v->cr2, want.cr2);
	assert_int_equal(v->dr[0], want.dr[0]);
	assert_int_equal(v->xcr0, want.xcr0);
	assert_int_equal(v->xsave[160], 0x77);
}

static void kvm_ports_reach_the_board(void **unused)
{
	/* in al, 0x80; mov ah, 0; out 0x81, ax; jmp $ */
	static const u8 code[] = { 0xe4, 0x80, 0xb4, 0, 0xe7, 0x81, 0xeb, 0xfe };
	struct err e;

	(void)unused;
	assert_int_equal(run_code(code, sizeof(code), &e), RUN_EVENT);
	assert_int_equal(last_port, 0x81);
	assert_int_equal(last_val, 0x5a);
	kvm_ops.get_state(v);
	assert_int_equal(v->rip, 0x1006); /* the port instruction is finished */
}

static void kvm_device_memory_reaches_the_board(void **unused)
{
	/* mov ax, 0xfff0; mov ds, ax; mov eax, [0x1100] (1 MiB + 0x1000); out 0x81, eax */
	static const u8 code[] = { 0xb8, 0xf0, 0xff, 0x8e, 0xd8, 0x66, 0xa1, 0x00, 0x11,
				   0x66, 0xe7, 0x81, 0xeb, 0xfe };
	struct err e;

	(void)unused;
	assert_int_equal(run_code(code, sizeof(code), &e), RUN_EVENT);
	assert_int_equal(last_val, 0x101000);
}

static void kvm_triple_fault_shuts_down(void **unused)
{
	/* lidt of a table with limit 0; ud2 */
	static const u8 code[] = { 0x0f, 0x01, 0x1e, 0x00, 0x20, 0x0f, 0x0b };
	struct err e;

	(void)unused;
	assert_int_equal(run_code(code, sizeof(code), &e), RUN_SHUTDOWN);
}

static void kvm_halt_for_good_is_seen(void **unused)
{
	static const u8 code[] = { 0xfa, 0xf4 }; /* cli; hlt */
	struct err e;

	(void)unused;
	assert_int_equal(run_code(code, sizeof(code), &e), RUN_HALT);
}

static void *kick_later(void *arg)
{
	struct timespec wait = { 0, 20000000 };

	nanosleep(&wait, NULL);
	vcpu_post(arg, EV_STOP);
	return NULL;
}

static void kvm_kick_ends_a_loop(void **unused)
{
	static const u8 code[] = { 0xeb, 0xfe };
	pthread_t t;
	struct err e;

	(void)unused;
	assert_int_equal(pthread_create(&t, NULL, kick_later, v), 0);
	assert_int_equal(run_code(code, sizeof(code), &e), RUN_EVENT);
	pthread_join(t, NULL);
}

static void *run_other(void *arg)
{
	static struct err e;

	return kvm_ops.run(arg, &e) == RUN_EVENT ? arg : NULL;
}

static void kvm_starts_another_processor(void **unused)
{
	/* x2APIC on; INIT to APIC id 1, SIPI with vector 2; jmp $ */
	static const u8 first[] = {
		0x66, 0xb9, 0x1b, 0, 0, 0, 0x0f, 0x32, 0x66, 0x0d, 0, 0x0c, 0, 0, 0x0f, 0x30,
		0x66, 0xb9, 0x30, 0x08, 0, 0, 0x66, 0xba, 1, 0, 0, 0, 0x66, 0xb8, 0, 0x45, 0, 0,
		0x0f, 0x30, 0x66, 0xb8, 0x02, 0x46, 0, 0, 0x0f, 0x30, 0xeb, 0xfe,
	};
	/* mov ax, 0x77; out 0x81, ax; jmp $ */
	static const u8 second[] = { 0xb8, 0x77, 0, 0xe7, 0x81, 0xeb, 0xfe };
	struct vcpu *other;
	pthread_t t, stop;
	void *ended;
	struct err e;

	(void)unused;
	assert_int_equal(kvm_ops.vcpu_new(en, 1, &other, &e), 0);
	memcpy(mem_host_w(mem, GPA(0x2000), sizeof(second)), second, sizeof(second));
	stopper = other;
	assert_int_equal(pthread_create(&t, NULL, run_other, other), 0);
	assert_int_equal(pthread_create(&stop, NULL, kick_later, v), 0);
	assert_int_equal(run_code(first, sizeof(first), &e), RUN_EVENT);
	pthread_join(stop, NULL);
	pthread_join(t, &ended);
	assert_ptr_equal(ended, other);
	assert_int_equal(last_cpu, 1);
	assert_int_equal(last_val, 0x77);
	kvm_ops.vcpu_free(other);
}

/* ---- a debugger ---- */

/* mov cx, 1000; again: inc ax; mov [0x3000], ax; loop again; jmp $ */
static const u8 counts[] = { 0xb9, 0xe8, 3, 0x40, 0xa3, 0, 0x30, 0xe2, 0xfa, 0xeb, 0xfe };
enum { C_INC = 0x1003, C_STORE = 0x1004, C_LOOP = 0x1007, C_END = 0x1009 };

static void stopped(enum run_exit why, unsigned hit, u64 rip, u64 ax)
{
	assert_int_equal(why, RUN_DEBUG);
	kvm_ops.get_state(v);
	assert_int_equal(v->rip, rip);
	assert_int_equal(v->gpr[RAX], ax);
	assert_int_equal(v->debug_hit, hit);
}

/* The program stands at its first instruction, and these are set. */
static void begin(const struct engine_break *b, unsigned n)
{
	struct err e;
	int rc;

	memcpy(mem_host_w(mem, GPA(0x1000), sizeof(counts)), counts, sizeof(counts));
	vcpu_reset(v);
	v->seg[SEG_CS].sel = 0;
	v->seg[SEG_CS].base = 0;
	v->rip = 0x1000;
	kvm_ops.put_state(v);
	rc = kvm_ops.breaks(en, b, n, &e);
	if (rc == -ENOTSUP)
		skip(); /* QEMU's emulation of SVM has none */
	assert_int_equal(rc, 0);
}

static void kvm_steps(void **unused)
{
	static const u64 way[] = { C_INC, C_STORE, C_LOOP };
	struct err e;
	pthread_t t;

	(void)unused;
	begin(NULL, 0);
	v->debug_step = true;
	for (unsigned i = 0; i < 12; i++)
		stopped(kvm_ops.run(v, &e), DEBUG_STEPPED, way[i % 3], (i + 2) / 3);
	v->debug_step = false;
	assert_int_equal(pthread_create(&t, NULL, kick_later, v), 0);
	assert_int_equal(kvm_ops.run(v, &e), RUN_EVENT);
	pthread_join(t, NULL);
	kvm_ops.get_state(v);
	assert_int_equal(v->rip, C_END);
	assert_int_equal(v->gpr[RAX], 1000);
}

static void stops_at_store(const struct engine_break *b, unsigned n)
{
	unsigned hit = DEBUG_BREAK + n - 1;
	struct err e;

	begin(b, n);
	for (unsigned k = 1; k < 6; k++)
		stopped(kvm_ops.run(v, &e), hit, C_STORE, k);
	v->debug_step = true;
	stopped(kvm_ops.run(v, &e), DEBUG_STEPPED, C_LOOP, 5);
	stopped(kvm_ops.run(v, &e), DEBUG_STEPPED, C_INC, 5);
	v->debug_step = false;
	stopped(kvm_ops.run(v, &e), hit, C_STORE, 6);
	assert_int_equal(kvm_ops.breaks(en, NULL, 0, &e), 0);
	assert_memory_equal(mem_host(mem, GPA(0x1000), sizeof(counts)), counts, sizeof(counts));
}

static void kvm_stops_at_breakpoints(void **unused)
{
	static const struct engine_break b = { BREAK_EXEC, 0, { C_STORE } };

	(void)unused;
	stops_at_store(&b, 1);
}

/* More than the debug registers hold are planted. */
static void kvm_stops_at_planted_breakpoints(void **unused)
{
	static const struct engine_break b[] = {
		{ BREAK_EXEC, 0, { 0x5000 } }, { BREAK_EXEC, 0, { 0x5001 } },
		{ BREAK_EXEC, 0, { 0x5002 } }, { BREAK_EXEC, 0, { 0x5003 } },
		{ BREAK_EXEC, 0, { C_STORE } },
	};

	(void)unused;
	stops_at_store(b, ARRAY_SIZE(b));
}

static void kvm_watches_writes(void **unused)
{
	static const struct engine_break b = { BREAK_WRITE, 2, { 0x3000 } };
	struct err e;

	(void)unused;
	begin(&b, 1);
	stopped(kvm_ops.run(v, &e), DEBUG_BREAK, C_LOOP, 1);
	stopped(kvm_ops.run(v, &e), DEBUG_BREAK, C_LOOP, 2);
	assert_int_equal(kvm_ops.breaks(en, NULL, 0, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kvm_probe_finds_it_usable),
		cmocka_unit_test_setup_teardown(kvm_state_comes_back_as_it_went, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_ports_reach_the_board, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_device_memory_reaches_the_board, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_triple_fault_shuts_down, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_halt_for_good_is_seen, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_kick_ends_a_loop, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_steps, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_stops_at_breakpoints, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_stops_at_planted_breakpoints, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_watches_writes, machine_up, machine_down),
		cmocka_unit_test_setup_teardown(kvm_starts_another_processor, machine_up_2, machine_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
