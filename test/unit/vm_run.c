/* vm_run.c - the life of a machine, with an engine and a board that only pretend.
 * @links src/base/err.c src/base/log.c src/base/stat.c src/vm/vm.c src/vm/life.c src/vm/event.c src/vm/pause.c
 * @links src/vm/vcpu_loop.c src/vm/watch.c src/vm/digest.c src/vm/engine_pick.c src/mem/mem.c src/mem/find.c
 * @links src/x86/vcpu.c src/x86/cpuid.c src/x86/tsc.c */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kvm/kvm.h"
#include "soft/soft.h"
#include "vm/bios.h"
#include "vm/board.h"

/* What the guest does at its next turn: one function for each processor and boot. */
typedef enum run_exit (*guest_fn)(struct board *b, struct vcpu *v);

struct board {
	struct board_config c;
	struct vcpu *const *v;
	atomic_bool irq;
	unsigned resets;
	bool paused; /* guest time stands */
};

static struct script {
	guest_fn guest;
	unsigned loads;
	atomic_uint turns;
	struct board *board;
} script;

int board_new(const struct board_config *c, struct board **ret, struct err *e)
{
	(void)e;
	*ret = calloc(1, sizeof(**ret));
	(*ret)->c = *c;
	script.board = *ret;
	return 0;
}

/* No Xen here. */
struct xen;
bool vm_xen_wanted(const struct vm_config *c) { return c->xen; }
int vm_xen_open(struct vm *vm, struct err *e) { (void)vm; return err_set(e, -ENOSYS, "no Xen"); }
int vm_xen_load(struct vm *vm, struct err *e) { (void)vm; return err_set(e, -ENOSYS, "no Xen"); }
void xen_free(struct xen *x) { (void)x; }
void xen_host(struct xen *x, struct engine_host *ret) { (void)x; (void)ret; }
void xen_shutdown_ask(struct xen *x) { (void)x; }
bool xen_stepped(struct xen *x, struct vcpu *v) { (void)x; (void)v; return false; }
size_t xen_console_in(struct xen *x, const u8 *buf, size_t len) { (void)x; (void)buf; return len; }


void board_free(struct board *b) { free(b); }

static bool irq_pending(void *ctx, struct vcpu *v)
{
	(void)v;
	return atomic_load(&((struct board *)ctx)->irq);
}

void board_host(struct board *b, struct engine_host *ret)
{
	*ret = (struct engine_host){ .ctx = b, .irq_pending = irq_pending };
}

void board_attach(struct board *b, struct engine *en, struct vcpu *const *v)
{
	(void)en;
	b->v = v;
}

bool board_keys(struct board *b, const u16 *key, unsigned n) { return !b && !key && !n; }
bool board_screen(struct board *b, struct vga_text *ret) { return !b && !ret; }

int board_firmware(struct board *b, const void *vga_rom, u32 vga_len, struct err *e)
{
	(void)b;
	(void)vga_rom;
	(void)vga_len;
	(void)e;
	return 0;
}

int bios_open(const char *path, struct mem *mem, struct bios *ret, struct err *e)
{
	(void)path;
	(void)mem;
	(void)ret;
	return err_set(e, -ENOENT, "no BIOS here");
}

int bios_load(const struct bios *b, struct mem *mem, struct err *e)
{
	(void)b;
	(void)mem;
	(void)e;
	return 0;
}

void bios_close(struct bios *b) { (void)b; }

int board_tables(struct board *b, gpa_t *ret, struct err *e)
{
	(void)b;
	(void)e;
	*ret = GPA(0xe0000);
	return 0;
}

void board_reset(struct board *b) { b->resets++; }
u64 disk_requests(const struct disk *d) { return !d; }
void board_balloon(struct board *b, u64 bytes) { (void)b; (void)bytes; }
void board_pause(struct board *b) { b->paused = true; }
void board_resume(struct board *b) { b->paused = false; }
bool board_unhalt(struct board *b, struct vcpu *v) { return !b && !v; }
bool board_skip(struct board *b, struct vcpu *v) { return !b && !v; }
void board_console_size(struct board *b, u16 cols, u16 rows) { (void)b; (void)cols; (void)rows; }
void board_serial_break(struct board *b, unsigned i) { (void)b; (void)i; }
void board_serial_lines(struct board *b, unsigned i, u8 lines) { (void)b; (void)i; (void)lines; }

void board_power_button(struct board *b)
{
	atomic_store(&b->irq, true);
	vcpu_post(b->v[0], EV_IRQ);
}

size_t board_serial_in(struct board *b, unsigned i, const u8 *buf, size_t len)
{
	(void)b;
	(void)i;
	(void)buf;
	return len;
}

int boot_load(const struct boot_config *c, struct mem *m, struct vcpu *v, struct boot_report *ret,
	      struct err *e)
{
	(void)c;
	(void)m;
	(void)v;
	(void)e;
	script.loads++;
	*ret = (struct boot_report){ .protocol = "pretended" };
	return 0;
}

static int fake_new(const struct engine_config *c, struct engine **ret, struct err *e)
{
	(void)e;
	*ret = calloc(1, sizeof(**ret));
	(*ret)->ops = &soft_ops;
	(*ret)->config = *c;
	return 0;
}

static void fake_free(struct engine *en) { free(en); }

static int fake_vcpu_new(struct engine *en, unsigned index, struct vcpu **ret, struct err *e)
{
	(void)e;
	*ret = aligned_alloc(64, (sizeof(**ret) + 63) & ~63ul);
	memset(*ret, 0, sizeof(**ret));
	(*ret)->engine = en;
	(*ret)->index = index;
	return 0;
}

static void fake_vcpu_free(struct vcpu *v) { free(v); }
static void nothing(struct vcpu *v) { (void)v; }

static enum run_exit fake_run(struct vcpu *v, struct err *e)
{
	(void)e;
	if (atomic_load(&v->events) & EV_STOP)
		return RUN_EVENT;
	return script.guest(v->engine->config.host.ctx, v);
}

const struct engine_ops soft_ops = {
	.name = "soft", .new = fake_new, .free = fake_free, .vcpu_new = fake_vcpu_new,
	.vcpu_free = fake_vcpu_free, .run = fake_run, .kick = nothing, .get_state = nothing,
	.put_state = nothing,
};
const struct engine_ops kvm_ops = { .name = "kvm" };

void kvm_probe(struct kvm_verdict *v)
{
	*v = (struct kvm_verdict){ .why = "it is not there" };
}

/* ---- guests ------------------------------------------------------------------------------- */

static enum run_exit halt(struct vcpu *v, bool interrupts)
{
	v->rflags = FL_1 | (interrupts ? FL_IF : 0);
	return RUN_HALT;
}

static void print(struct board *b, const char *s)
{
	for (; *s; s++)
		b->c.serial[0]->put(b->c.serial[0], (u8)*s);
}

static enum run_exit powers_off(struct board *b, struct vcpu *v)
{
	b->c.calls.power_off(b->c.calls.ctx);
	b->c.calls.reset(b->c.calls.ctx, "too late");
	return halt(v, false);
}

static enum run_exit halts_for_good(struct board *b, struct vcpu *v)
{
	(void)b;
	return halt(v, false);
}

static enum run_exit shuts_down(struct board *b, struct vcpu *v)
{
	(void)b;
	(void)v;
	return RUN_SHUTDOWN;
}

static enum run_exit resets_once(struct board *b, struct vcpu *v)
{
	if (script.loads == 1)
		b->c.calls.reset(b->c.calls.ctx, "port 0xcf9");
	else
		b->c.calls.power_off(b->c.calls.ctx);
	return halt(v, false); /* the reset counts, not that nothing can wake it */
}

static enum run_exit exits_33(struct board *b, struct vcpu *v)
{
	b->c.calls.debug_exit(b->c.calls.ctx, 0x10);
	return halt(v, true);
}

static const char panic_text[] = "[    1.0] Kernel panic - not syncing: no root\r\n";

static enum run_exit panics_and_resets(struct board *b, struct vcpu *v)
{
	print(b, panic_text);
	b->c.calls.reset(b->c.calls.ctx, "port 0xcf9");
	return halt(v, true);
}

static enum run_exit panics_and_ends(struct board *b, struct vcpu *v)
{
	print(b, panic_text);
	print(b, "[    1.0] ---[ end Kernel panic - not syncing: no root ]---\r\n");
	return halt(v, true);
}

static enum run_exit waits_for_button(struct board *b, struct vcpu *v)
{
	if (!atomic_load(&b->irq)) {
		print(b, "x"); /* the test presses the button when it sees it */
		return halt(v, true);
	}
	b->c.calls.power_off(b->c.calls.ctx);
	return RUN_EVENT;
}

static enum run_exit starts_the_other(struct board *b, struct vcpu *v)
{
	if (v->index) {
		assert_int_equal(v->rip, 0);
		assert_int_equal(v->seg[SEG_CS].base, 0x9a000);
		return halt(v, false);
	}
	b->v[1]->sipi_vector = 0x9a;
	vcpu_post(b->v[1], EV_INIT);
	vcpu_post(b->v[1], EV_SIPI);
	return halt(v, false);
}

static enum run_exit talks(struct board *b, struct vcpu *v)
{
	(void)v;
	print(b, "y");
	return RUN_EVENT;
}

static enum run_exit runs_on(struct board *b, struct vcpu *v)
{
	(void)v;
	assert_false(b->paused);
	script.turns++;
	return RUN_EVENT;
}

static enum run_exit meets_breaks(struct board *b, struct vcpu *v)
{
	assert_false(b->paused);
	script.turns++;
	v->rip++;
	return script.turns % 8 ? RUN_EVENT : RUN_DEBUG;
}

static const char oops_text[] = "[    1.0] BUG: unable to handle page fault\r\n"
	"[    1.0] Oops: 0002 [#1] SMP\r\n[    1.0] ---[ end trace 0 ]---\r\n";

static enum run_exit panics_and_goes_on(struct board *b, struct vcpu *v)
{
	if (!script.turns++) {
		print(b, oops_text);
		print(b, panic_text);
		print(b, "[    1.0] ---[ end Kernel panic - not syncing: no root ]---\r\n");
	}
	return halt(v, true);
}

/* ---- tests -------------------------------------------------------------------------------- */

static struct vm *made(guest_fn guest, struct vm_config *c)
{
	struct vm *vm;
	struct err e;

	script = (struct script){ .guest = guest };
	c->ram = MIB(2);
	c->ncpus = c->ncpus ? c->ncpus : 1;
	c->engine = VM_ENGINE_SOFT;
	assert_int_equal(vm_new(c, &vm, &e), 0);
	return vm;
}

static void ends(guest_fn guest, struct vm_config c, enum vm_end want, const char *text)
{
	struct vm *vm = made(guest, &c);
	struct err e;

	assert_int_equal(vm_run(vm, &e), want);
	if (!strstr(e.text, text) || (!*text && *e.text))
		fail_msg("'%s' instead of '%s'", e.text, text);
	assert_true(vm_free(vm));
}

static void vm_first_reason_wins(void **unused)
{
	(void)unused;
	ends(powers_off, (struct vm_config){ .no_reboot = true }, VM_POWEROFF, "");
}

static void vm_sees_it_wedged(void **unused)
{
	(void)unused;
	ends(halts_for_good, (struct vm_config){ 0 }, VM_WEDGED, "nothing can wake it");
	ends(starts_the_other, (struct vm_config){ .ncpus = 2 }, VM_WEDGED, "nothing can wake it");
}

static void vm_triple_fault_ends(void **unused)
{
	(void)unused;
	ends(shuts_down, (struct vm_config){ 0 }, VM_TRIPLE_FAULT, "triple fault");
	ends(shuts_down, (struct vm_config){ .reset_on_triple_fault = true, .no_reboot = true },
	     VM_RESET, "triple fault");
}

static void vm_reset_beats_halt(void **unused)
{
	(void)unused;
	ends(resets_once, (struct vm_config){ 0 }, VM_POWEROFF, "");
	assert_int_equal(script.loads, 2);
	ends(resets_once, (struct vm_config){ .no_reboot = true }, VM_RESET, "port 0xcf9");
}

static void vm_tells_the_exit_value(void **unused)
{
	struct vm_config c = { .debug_exit = true };
	struct vm *vm = made(exits_33, &c);
	struct err e;

	(void)unused;
	assert_int_equal(vm_run(vm, &e), VM_DEBUG_EXIT);
	assert_int_equal(vm_exit_value(vm), 0x10);
	assert_true(vm_free(vm));
}

static void vm_panic_is_what_happened(void **unused)
{
	(void)unused;
	ends(panics_and_resets, (struct vm_config){ 0 }, VM_PANIC, "the guest panicked: no root");
	ends(panics_and_ends, (struct vm_config){ 0 }, VM_PANIC, "the guest panicked: no root");
}

static void press(struct serial_backend *b, u8 byte)
{
	(void)b;
	(void)byte;
	board_power_button(script.board);
}

static void vm_halt_ends_by_interrupt(void **unused)
{
	struct serial_backend b = { .put = press };

	(void)unused;
	ends(waits_for_button, (struct vm_config){ .serial = { &b } }, VM_POWEROFF, "");
}

/* A back end that is full after ten bytes, and after so many looks no longer. */
struct slow {
	struct serial_backend b;
	struct vm *vm;
	atomic_uint bytes, looks;
};

static void slow_put(struct serial_backend *b, u8 byte)
{
	struct slow *s = container_of(b, struct slow, b);

	(void)byte;
	if (++s->bytes == 11)
		vm_stop(s->vm, VM_QUIT, "enough");
}

static bool slow_full(struct serial_backend *b)
{
	struct slow *s = container_of(b, struct slow, b);

	return s->bytes >= 10 && ++s->looks < 5;
}

static void vm_waits_for_a_full_console(void **unused)
{
	struct slow s = { .b = { slow_put, slow_full, NULL } };
	struct vm_config c = { .serial = { &s.b } };
	struct err e;

	(void)unused;
	s.vm = made(talks, &c);
	assert_int_equal(vm_run(s.vm, &e), VM_QUIT);
	assert_int_equal(s.bytes, 11);
	assert_in_range(s.looks, 5, 6);
	assert_true(vm_free(s.vm));
}

static void *run_main(void *arg)
{
	struct err e;

	assert_int_equal(vm_run(arg, &e), VM_QUIT);
	return NULL;
}

static void wait_for_turns(unsigned n)
{
	for (unsigned end = script.turns + n; (int)(end - script.turns) > 0;)
		sched_yield();
}

static void vm_stands_still_while_paused(void **unused)
{
	struct vm_config c = { .ncpus = 3 };
	struct vm *vm = made(runs_on, &c);
	pthread_t thread;
	unsigned turns;

	(void)unused;
	vm_pause(vm); /* before it runs, too */
	pthread_create(&thread, NULL, run_main, vm);
	vm_resume(vm);
	for (unsigned i = 0; i < 100; i++) {
		wait_for_turns(10);
		vm_pause(vm);
		vm_pause(vm);
		vm_resume(vm); /* one of two: it stands on */
		turns = script.turns;
		assert_true(script.board->paused);
		for (unsigned k = 0; k < 100; k++)
			sched_yield();
		assert_int_equal(script.turns, turns);
		vm_resume(vm);
	}
	vm_pause(vm);
	vm_stop(vm, VM_QUIT, "enough"); /* a paused machine can end */
	pthread_join(thread, NULL);
	assert_true(vm_free(vm));
}

/* ---- events ---- */

struct heard {
	struct vm *vm;
	unsigned n, of[VM_EV_N], enough;
	char last[200];
};

static void hear(void *ctx, enum vm_event ev, unsigned cpu, const char *text)
{
	struct heard *h = ctx;

	(void)cpu;
	assert_true(script.board->paused);
	h->of[ev]++;
	snprintf(h->last, sizeof(h->last), "%s", text);
	if (++h->n == h->enough)
		vm_stop(h->vm, VM_QUIT, "enough");
}

static void hears(guest_fn guest, struct vm_config c, struct heard *h, enum vm_end want)
{
	struct err e;

	c.event = hear;
	c.event_ctx = h;
	h->vm = made(guest, &c);
	assert_int_equal(vm_run(h->vm, &e), want);
	assert_true(vm_free(h->vm));
}

static void vm_tells_of_a_break(void **unused)
{
	struct heard h = { .enough = 50 };

	(void)unused;
	hears(meets_breaks, (struct vm_config){ .ncpus = 3 }, &h, VM_QUIT);
	assert_int_equal(h.of[VM_EV_BREAK], h.n);
	assert_in_range(h.n, 50, 52); /* those that had met one when the run ended are told */
}

static void vm_tells_how_it_ends(void **unused)
{
	struct heard h = { 0 };

	(void)unused;
	hears(shuts_down, (struct vm_config){ 0 }, &h, VM_TRIPLE_FAULT);
	assert_int_equal(h.of[VM_EV_TRIPLE_FAULT], 1);
	hears(halts_for_good, (struct vm_config){ 0 }, &h, VM_WEDGED);
	assert_int_equal(h.of[VM_EV_WEDGED], 1);
	hears(panics_and_resets, (struct vm_config){ 0 }, &h, VM_PANIC);
	assert_int_equal(h.of[VM_EV_PANIC], 1);
	assert_string_equal(h.last, "the guest panicked: no root");
	hears(powers_off, (struct vm_config){ 0 }, &h, VM_POWEROFF);
	assert_int_equal(h.n, 3);
}

static void vm_panic_may_go_on(void **unused)
{
	struct heard h = { .enough = 3 };

	(void)unused;
	hears(panics_and_goes_on,
	      (struct vm_config){ .panic_continue = true, .watchdog_ns = 300000000 }, &h, VM_QUIT);
	assert_int_equal(h.of[VM_EV_OOPS], 1);
	assert_int_equal(h.of[VM_EV_PANIC], 1);
	assert_int_equal(h.of[VM_EV_WATCHDOG], 1);
}

static void vm_auto_says_why_not_kvm(void **unused)
{
	struct vm_config c = { .ram = MIB(2), .ncpus = 1 };
	struct vm *vm;
	struct err e;

	(void)unused;
	assert_int_equal(vm_new(&c, &vm, &e), 0);
	assert_string_equal(vm_engine_name(vm), "soft");
	assert_string_equal(vm_engine_note(vm), "using the soft engine: it is not there");
	assert_true(vm_free(vm));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vm_first_reason_wins),
		cmocka_unit_test(vm_sees_it_wedged),
		cmocka_unit_test(vm_triple_fault_ends),
		cmocka_unit_test(vm_reset_beats_halt),
		cmocka_unit_test(vm_tells_the_exit_value),
		cmocka_unit_test(vm_panic_is_what_happened),
		cmocka_unit_test(vm_halt_ends_by_interrupt),
		cmocka_unit_test(vm_waits_for_a_full_console),
		cmocka_unit_test(vm_stands_still_while_paused),
		cmocka_unit_test(vm_tells_of_a_break),
		cmocka_unit_test(vm_tells_how_it_ends),
		cmocka_unit_test(vm_panic_may_go_on),
		cmocka_unit_test(vm_auto_says_why_not_kvm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
