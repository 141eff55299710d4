/* soft_break.c - a debugger's breakpoints, watchpoints and steps in the translator.
 * @links src/base src/x86 src/mem src/soft */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "mem/mem.h"
#include "soft/soft.h"

#define CODE 0x1000
#define HANDLER 0x2000
#define DATA 0x3000
#define IDT 0x4000
#define GDT 0x4800
#define STACK 0x6000
#define TABLES 0x8000 /* PML4, PDPT, PD: 2 MiB of identity */

/* mov ecx, 1000; again: inc rax; mov [DATA], rax; mov rbx, [rdi]; dec ecx; jnz again; hlt */
static const u8 program[] = {
	0xb9, 0xe8, 0x03, 0x00, 0x00,
	0x48, 0xff, 0xc0,
	0x48, 0x89, 0x04, 0x25, 0x00, 0x30, 0x00, 0x00,
	0x48, 0x8b, 0x1f,
	0xff, 0xc9,
	0x75, 0xee,
	0xf4,
};
enum { INC = CODE + 5, STORE = CODE + 8, LOAD = CODE + 16, DEC = CODE + 19, JNZ = CODE + 21,
       HLT = CODE + 23 };

/* The page fault's handler: mov edi, DATA; add rsp, 8; iretq */
static const u8 handler[] = { 0xbf, 0x00, 0x30, 0x00, 0x00, 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf };

static struct mem *mem;
static struct engine *en;
static struct vcpu *v;
static bool irq; /* an interrupt waits */

static bool irq_pending(void *ctx, struct vcpu *of)
{
	(void)ctx, (void)of;
	return irq;
}

static int irq_ack(void *ctx, struct vcpu *of)
{
	(void)ctx, (void)of;
	irq = false;
	return 14; /* the only handler there is; it takes 8 bytes for an error code */
}

static void put64(u64 at, u64 val) { memcpy(mem_host_w(mem, GPA(at), 8), &val, 8); }

static void tables(void)
{
	put64(TABLES, (TABLES + 0x1000) | 3);
	put64(TABLES + 0x1000, (TABLES + 0x2000) | 3);
	put64(TABLES + 0x2000, 0x83);
	put64(GDT + 8, 0x00af9b000000ffff);
	put64(IDT + 14 * 16, 0x8e0000080000ull | (HANDLER & 0xffff));
	put64(IDT + 14 * 16 + 8, 0);
	memcpy(mem_host_w(mem, GPA(CODE), sizeof(program)), program, sizeof(program));
	memcpy(mem_host_w(mem, GPA(HANDLER), sizeof(handler)), handler, sizeof(handler));
}

static void begin(void)
{
	vcpu_reset(v);
	v->cr0 |= CR0_PE | CR0_PG;
	v->cr4 |= CR4_PAE;
	v->cr3 = TABLES;
	v->efer = EFER_LME | EFER_LMA;
	v->seg[SEG_CS] = (struct seg){ 8, SEG_P | SEG_S | SEG_L | SEG_G | 0xb, ~0u, 0 };
	v->seg[SEG_SS] = (struct seg){ 0, SEG_P | SEG_S | SEG_DB | SEG_G | 3, ~0u, 0 };
	v->gdt = (struct dtr){ GDT, 0xf };
	v->idt = (struct dtr){ IDT, 0xff };
	v->rip = CODE;
	v->gpr[RSP] = STACK;
	v->gpr[RDI] = DATA;
	v->debug_step = false;
	soft_ops.put_state(v);
}

static int up_as(bool single_step)
{
	struct engine_config c = {
		.ncpus = 1, .single_step = single_step,
		.host = { .irq_pending = irq_pending, .irq_ack = irq_ack },
	};
	struct err e;

	if (mem_new(MIB(2), &mem, &e))
		return -1;
	c.mem = mem;
	if (soft_ops.new(&c, &en, &e) || soft_ops.vcpu_new(en, 0, &v, &e))
		return -1;
	tables();
	begin();
	return 0;
}

static int up(void **unused) { (void)unused; return up_as(false); }
static int up_stepping(void **unused) { (void)unused; return up_as(true); }

static int down(void **unused)
{
	(void)unused;
	soft_ops.vcpu_free(v);
	soft_ops.free(en);
	mem_free(mem);
	return 0;
}

static void breaks(unsigned n, enum break_kind kind, u64 at)
{
	struct engine_break b = { .kind = kind, .len = 8, .at = { at } };
	struct err e;

	assert_int_equal(soft_ops.breaks(en, &b, n, &e), 0);
}

static void stops(unsigned hit, u64 rip, u64 rax)
{
	struct err e;

	assert_int_equal(soft_ops.run(v, &e), RUN_DEBUG);
	assert_int_equal(v->debug_hit, hit);
	assert_int_equal(v->rip, rip);
	assert_int_equal(v->gpr[RAX], rax);
}

static void halts(u64 rax)
{
	struct err e;

	assert_int_equal(soft_ops.run(v, &e), RUN_HALT);
	assert_int_equal(v->rip, HLT + 1);
	assert_int_equal(v->gpr[RAX], rax);
}

static void soft_break_stops_before(void **unused)
{
	static const u64 at[] = { INC, STORE, LOAD, DEC, JNZ };

	(void)unused;
	halts(1000); /* so that there are translations, linked to each other */
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		begin();
		breaks(1, BREAK_EXEC, at[i]);
		for (unsigned k = 0; k < 20; k++)
			stops(DEBUG_BREAK, at[i], at[i] == INC ? k : k + 1);
		breaks(0, BREAK_EXEC, 0);
		halts(1000);
	}
}

static void soft_break_last_comes_first_time(void **unused)
{
	(void)unused;
	halts(1000);
	begin();
	breaks(1, BREAK_EXEC, HLT);
	stops(DEBUG_BREAK, HLT, 1000);
	halts(1000);
}

static void soft_step_is_one_instruction(void **unused)
{
	static const u64 way[] = { INC, STORE, LOAD, DEC, JNZ };

	(void)unused;
	v->debug_step = true;
	for (unsigned i = 0; i < 50; i++)
		stops(DEBUG_STEPPED, way[i % 5], i ? (i - 1) / 5 + 1 : 0);
	v->debug_step = false;
	halts(1000);
}

static void soft_watch_stops_after(void **unused)
{
	(void)unused;
	halts(1000);
	begin();
	breaks(1, BREAK_WRITE, DATA);
	for (unsigned k = 1; k < 10; k++)
		stops(DEBUG_BREAK, LOAD, k);
	breaks(1, BREAK_ACCESS, DATA);
	stops(DEBUG_BREAK, DEC, 9);
	stops(DEBUG_BREAK, LOAD, 10);
	breaks(1, BREAK_WRITE, DATA + 8);
	halts(1000);
	assert_int_equal(v->dr[6], 0xffff0ff0); /* the guest sees nothing of it */
	assert_int_equal(v->dr[7], 0x400);
}

/* The instruction faults after it was stopped at; when the handler comes back it goes on. */
static void soft_break_at_a_fault_stops_once(void **unused)
{
	(void)unused;
	v->gpr[RDI] = 0x40000000;
	breaks(1, BREAK_EXEC, LOAD);
	stops(DEBUG_BREAK, LOAD, 1);
	stops(DEBUG_BREAK, LOAD, 2);
	assert_int_equal(v->gpr[RDI], DATA);
	v->gpr[RDI] = 0x40000000;
	soft_ops.put_state(v);
	v->debug_step = true;
	stops(DEBUG_STEPPED, HANDLER, 2);
}

/* An interrupt that waits is taken after the step and after the breakpoint was passed. */
static void soft_step_comes_before_interrupts(void **unused)
{
	(void)unused;
	v->rflags |= FL_IF;
	breaks(1, BREAK_EXEC, STORE);
	stops(DEBUG_BREAK, STORE, 1);
	irq = true;
	vcpu_post(v, EV_IRQ);
	v->debug_step = true;
	stops(DEBUG_STEPPED, LOAD, 1);
	assert_true(irq);
	v->debug_step = false;
	breaks(1, BREAK_EXEC, HANDLER);
	stops(DEBUG_BREAK, HANDLER, 1);
	assert_false(irq);
}

#define BOTH(test) cmocka_unit_test_setup_teardown(test, up, down), \
		   cmocka_unit_test_setup_teardown(test, up_stepping, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(soft_break_stops_before),
		BOTH(soft_break_last_comes_first_time),
		BOTH(soft_step_is_one_instruction),
		BOTH(soft_watch_stops_after),
		BOTH(soft_break_at_a_fault_stops_once),
		BOTH(soft_step_comes_before_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
