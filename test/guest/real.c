/* real.c - from 64-bit mode to real mode and back: 16-bit addresses and stacks, wraps, the
 * interrupt vector table, big real mode. Source: SDM 3A 9.9, 20.1. */
#include "irq.h"
#include "real.h"

const char test_name[] = "real";

void real_call(u32 fn);
extern u32 real_big;
extern char low_start[], low_end[], gdt_copy[], real_handler[], real_irq[];
extern char r_basic[], r_stack[], r_ints[], r_int_ip[], r_div_ip[], r_ud_ip[], r_gp_ip[],
	r_strings[], r_irq[], r_smc[], r_big[];

#define LOW(x) ((u32)((x) - low_start + LOW_AT))

static volatile u32 *const result = (u32 *)RESULTS;
static volatile u32 *const data = (u32 *)ADDR_A;

static void setup(void)
{
	unsigned i;

	memcpy((void *)LOW_AT, low_start, low_end - low_start);
	for (i = 0; i < 256; i++)
		((volatile u32 *)IVT)[i] = LOW(real_handler);
	((volatile u32 *)IVT)[PIC_BASE] = LOW(real_irq);
	asm volatile("sgdt %0" : "=m"(*(u8(*)[10])(ulong)LOW(gdt_copy)));
	for (i = 0; i < 64; i++)
		data[i] = 0x01010101 * i;
}

static void run(char *fn)
{
	memset((void *)RESULTS, 0xcc, 256);
	*(volatile u16 *)HANDLER_N = 0;
	real_call(LOW(fn));
}

static void basic(void)
{
	*(volatile u32 *)0x100000; /* the image's own first bytes */
	run(r_basic);
	check_eq("there and back", result[0], 0x11223344);
	check_eq("cs", result[1], 0);
	check_eq("bx + si", result[2], 0x01010101);
	check_eq("bp + di + 4", result[3], 0x03030303);
	check_eq("32-bit addressing", result[4], 0x01010101);
	check_eq("segments times 16", result[5], 0x02020202);
	check_eq("FFFF:0010 is 1 MiB", result[6], *(volatile u32 *)0x100000);
	check_eq("offsets wrap at 64 KiB", result[7], 0x04040404);
	check_eq("smsw: no PE", result[8] & 1, 0);
}

static void stack(void)
{
	run(r_stack);
	check_eq("push of a word", result[0], 0x1234);
	check_eq("push of a dword", result[1], 0x55667788);
	check_eq("push cs", result[2] & 0xffff, 0);
	check_eq("pusha, popa", result[3] & 0xffff, 0x99);
	check("pushf: reserved bits", (result[4] & 0x802a) == 2);
	check_eq("enter, leave", result[5], 0);
	check_eq("sp wraps, the upper half of esp stays", result[6], 0x777fffe);
	check_eq("and the word is at FFFE", result[7], 0x4321);
	check_eq("far call, far return", result[8], 0x77);
	check_eq("far return that drops a word", result[9], 0);
}

static void ints(void)
{
	run(r_ints);
	check_eq("int: saved ip", result[0], LOW(r_int_ip));
	check("int: saved flags have IF", result[1] & FL_IF);
	check("int: the handler has none", !(result[2] & (FL_IF | FL_TF)));
	check_eq("#DE: saved ip is the div", result[3], LOW(r_div_ip));
	check_eq("#UD: saved ip", result[4], LOW(r_ud_ip));
	if (on_tcg()) {
		skip("#GP: a word across 64 KiB", "TCG has no limits");
		return;
	}
	check_eq("#GP: a word across 64 KiB", result[5], LOW(r_gp_ip));
	check_eq("int, div, ud2, gp, int3, into", result[6], 6);
	check_eq("#GP: 32-bit address beyond 64 KiB", result[7], 7);
}

static void strings(void)
{
	*(volatile u32 *)ADDR_FAR = 0x56781234;
	run(r_strings);
	check_eq("rep movsl", result[0], 0x03030303);
	check_eq("cx", result[1], 0);
	check_eq("di wraps in rep stosw", result[2], 0xabcd0004);
	check_eq("ecx's upper half stays", result[3], 0x12340000);
	check_eq("stored at the wrapped place", result[4], 0x5a5a);
	check_eq("xlat", result[5], 0);
	check_eq("loop, jcxz", result[6], 3);
	check_eq("lds: the segment", result[7], 0x5678);
	check_eq("lds: the offset", result[8], 0x1234);
	check_eq("aam", result[9], 0x0502);
}

static void interrupts(void)
{
	pic_init(0xfe, 0xff);
	pit_start(2, PIT_HZ / 1000);
	run(r_irq);
	check("PIC interrupts through the vector table", result[0] >= 2 && result[0] < 100);
	pic_off();
	pit_start(0, 1);
}

static void others(void)
{
	run(r_smc);
	check_eq("code that changes itself", result[0], 210);
	real_big = 1;
	*(volatile u32 *)0x200000 = 0xb16b00b5;
	*(volatile u32 *)0x400000 = 0xcafe;
	run(r_big);
	check_eq("big real mode", result[0], 0xb16b00b5);
	check_eq("a load of ds keeps the limit", result[1], 0xcafe);
	check("the local APIC from there", (result[2] & 0xf0) == 0x10);
	real_big = 0;
}

void test_main(void)
{
	unsigned i;

	pic_off();
	apic_on();
	apic_write(APIC_LVT_LINT0, 0x700);
	setup();
	basic();
	stack();
	ints();
	strings();
	interrupts();
	others();
	for (i = 0; i < 50; i++)
		run(r_smc);
	check_eq("fifty times more", result[0], 210);
}
