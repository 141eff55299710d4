/* lapic.c - the local APIC by its page: timer, self-IPI, priorities, NMI. Source: SDM 3A 10. */
#include "irq.h"

const char test_name[] = "lapic";

static volatile unsigned count[256], order[16], n_order;
static bool keep; /* no EOI in the handler */

static bool hook(struct frame *f)
{
	count[f->vec]++;
	if (n_order < 16)
		order[n_order++] = f->vec;
	if (!keep)
		apic_write(APIC_EOI, 0);
	return true;
}

static void registers(void)
{
	check_eq("ID", apic_read(APIC_ID) >> 24, cpuid(1, 0).b >> 24);
	check("version 1xh", (apic_read(APIC_VERSION) & 0xf0) == 0x10);
	apic_write(APIC_TPR, 0x35);
	check_eq("TPR", apic_read(APIC_TPR), 0x35);
	check_eq("PPR follows", apic_read(APIC_PPR), 0x35);
	ulong v;
	asm volatile("mov %%cr8, %0" : "=r"(v));
	check_eq("CR8 is TPR's upper half", v, 3);
	asm volatile("mov %0, %%cr8" : : "r"(7ul));
	check_eq("and TPR is CR8's", apic_read(APIC_TPR), 0x70);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LDR, 0x12345678);
	check_eq("LDR keeps its top byte", apic_read(APIC_LDR), 0x12000000);
	apic_write(APIC_ICR2, 0xff000000);
	check_eq("ICR's upper half", apic_read(APIC_ICR2), 0xff000000);
	apic_write(APIC_DFR, 0xffffffff);
	check_eq("DFR", apic_read(APIC_DFR), 0xffffffff);
	apic_write(APIC_SVR, 0xff);
	check("software-disabled: LVTs are masked", apic_read(APIC_LVT_TIMER) & 0x10000);
	apic_on();
}

static void self_ipi(void)
{
	keep = false;
	cli();
	apic_self(0x51);
	check("a self-IPI waits in IRR", apic_bit(APIC_IRR, 0x51) && count[0x51] == 0);
	window();
	check("and comes", count[0x51] == 1 && !apic_bit(APIC_IRR, 0x51));
	apic_write(APIC_ICR2, apic_read(APIC_ID));
	apic_write(APIC_ICR, 0x52);
	window();
	check("an IPI to its own id", count[0x52] == 1);
	apic_write(APIC_ICR2, 0xff000000);
	apic_write(APIC_ICR, 0x53);
	window();
	check("an IPI to all", count[0x53] == 1);
	apic_write(APIC_ICR, 3 << 18 | 0x54);
	window();
	check("an IPI to all but itself", count[0x54] == 0);
	apic_write(APIC_LDR, 1 << 24);
	apic_write(APIC_ICR2, 1 << 24);
	apic_write(APIC_ICR, 1 << 11 | 0x55);
	window();
	check("a logical IPI", count[0x55] == 1);
	apic_write(APIC_ICR2, 2 << 24);
	apic_write(APIC_ICR, 1 << 11 | 0x56);
	window();
	check("a logical IPI to another", count[0x56] == 0);
	apic_self(0x57);
	apic_self(0x57);
	window();
	check("two of one vector before it is taken are one", count[0x57] == 1);
}

static void priorities(void)
{
	n_order = 0;
	apic_self(0x61);
	apic_self(0xa1);
	apic_self(0x81);
	window();
	window();
	check("the highest first", n_order == 3 && order[0] == 0xa1 && order[1] == 0x81 &&
	      order[2] == 0x61);
	keep = true;
	n_order = 0;
	apic_self(0x81);
	window();
	check("in service", apic_bit(APIC_ISR, 0x81) && apic_read(APIC_PPR) == 0x80);
	apic_self(0x71);
	apic_self(0x8f);
	window();
	check("the same class and lower ones wait for EOI", n_order == 1);
	apic_self(0x91);
	window();
	check("a higher class does not", n_order == 2 && order[1] == 0x91);
	keep = false;
	apic_write(APIC_EOI, 0);
	window();
	check("EOI ends the highest alone", n_order == 2 && !apic_bit(APIC_ISR, 0x91) &&
	      apic_bit(APIC_ISR, 0x81));
	apic_write(APIC_EOI, 0);
	window();
	window();
	check("then the others come", n_order == 4 && order[2] == 0x8f && order[3] == 0x71);
	apic_write(APIC_TPR, 0x60);
	apic_self(0x6f);
	window();
	check("TPR holds its class", n_order == 4);
	asm volatile("sti\n nop\n mov %0, %%cr8\n nop\n cli" : : "r"(5ul) : "memory");
	check("CR8 lowered: it comes at once", n_order == 5);
	apic_write(APIC_TPR, 0);
}

static void timer(void)
{
	u32 a, b;
	u64 t;

	apic_write(APIC_LVT_TIMER, 0x10000 | 0x62);
	apic_write(APIC_INITIAL, 0xffffffff);
	a = apic_read(APIC_CURRENT);
	for (t = rdtsc(); rdtsc() - t < 100000;)
		;
	b = apic_read(APIC_CURRENT);
	check("the timer counts down", b < a);
	apic_write(APIC_INITIAL, 0);
	check_eq("zero stops it", apic_read(APIC_CURRENT), 0);
	apic_write(APIC_LVT_TIMER, 0x62);
	apic_write(APIC_INITIAL, 100000);
	wait_for(&count[0x62], 1);
	check("one shot", count[0x62] == 1);
	check_eq("and stands at zero", apic_read(APIC_CURRENT), 0);
	apic_write(APIC_LVT_TIMER, 0x20063);
	apic_write(APIC_INITIAL, 100000);
	wait_for(&count[0x63], 4);
	check("periodic", count[0x63] >= 4);
	apic_write(APIC_LVT_TIMER, 0x10063);
	window();
	a = count[0x63];
	for (t = rdtsc(); rdtsc() - t < 1000000;)
		window();
	check("masked: no more", count[0x63] == a);
	apic_write(APIC_INITIAL, 0);
	apic_write(APIC_DIVIDE, 0);
	check_eq("divide configuration", apic_read(APIC_DIVIDE), 0);
	apic_write(APIC_DIVIDE, 0xb);
}

static void deadline(void)
{
	u64 t;

	if (!(cpuid(1, 0).c & 1 << 24)) {
		skip("TSC deadline", "the processor has none");
		return;
	}
	apic_write(APIC_LVT_TIMER, 0x40064);
	t = rdtsc() + 1000000;
	wrmsr(0x6e0, t);
	check("TSC deadline reads back", rdmsr(0x6e0) == t || rdmsr(0x6e0) == 0);
	wait_for(&count[0x64], 1);
	check("TSC deadline: not before its time", count[0x64] == 1 && rdtsc() >= t);
	check_eq("and disarmed", rdmsr(0x6e0), 0);
	wrmsr(0x6e0, 1);
	window();
	window();
	check("a deadline in the past", count[0x64] == 2);
	wrmsr(0x6e0, rdtsc() + 3000000);
	wrmsr(0x6e0, 0);
	for (t = rdtsc(); rdtsc() - t < 6000000;)
		window();
	check("zero disarms", count[0x64] == 2);
	apic_write(APIC_INITIAL, 1000);
	check_eq("the count is dead in this mode", apic_read(APIC_CURRENT), 0);
	apic_write(APIC_LVT_TIMER, 0x10000);
}

static volatile unsigned nmis, nmis_inside;

static bool nmi_hook(struct frame *f)
{
	(void)f;
	nmis++;
	if (nmis == 1) {
		apic_write(APIC_ICR, ICR_SELF | 4 << 8);
		asm volatile("nop\n nop\n nop");
		nmis_inside = nmis;
	}
	return true;
}

static void nmi(void)
{
	on_trap(NMI, nmi_hook);
	cli();
	apic_write(APIC_ICR, ICR_SELF | 4 << 8);
	asm volatile("nop\n nop" : : : "memory");
	if (on_tcg() && nmis_inside == 2) {
		skip("NMI", "TCG blocks none");
		return;
	}
	check("NMI comes with IF clear", nmis >= 1);
	check_eq("a second one waits for IRET", nmis_inside, 1);
	check_eq("and comes then", nmis, 2);
}

void test_main(void)
{
	unsigned v;

	pic_off();
	apic_on();
	for (v = 0x50; v < 0x100; v++)
		on_trap(v, hook);
	on_trap(0x80, NULL);
	registers();
	self_ipi();
	priorities();
	timer();
	deadline();
	nmi();
}
