/* intr.c - external interrupts through the PIC and the PIT: when they come and when they do not.
 * Source: SDM 3A 6.8, 2B STI, MOV, POP, HLT. */
#include "irq.h"

const char test_name[] = "intr";

static volatile unsigned ticks;
static volatile ulong tick_ip, tick_cs, tick_flags;
static volatile ulong new_ip;

static bool tick_hook(struct frame *f)
{
	if (!ticks++) { /* a host that is held up may have more behind it */
		tick_ip = f->ip;
		tick_cs = f->cs;
		tick_flags = f->flags;
	}
	outb(PIC1, PIC_EOI);
	if (new_ip) {
		f->ip = new_ip;
		new_ip = 0;
	}
	return true;
}

static bool pic_requests(unsigned irq)
{
	outb(PIC1, 0x0a); /* read IRR next */
	return inb(PIC1) >> irq & 1;
}

/* One interrupt stands at the door, interrupts are off. Asked again when it does not come: KVM's
 * timer may lose one. */
static void pend(void)
{
	unsigned i, k;

	cli();
	for (k = 0; k < 50 && !pic_requests(0); k++) {
		pit_start(0, 20);
		for (i = 0; i < 500 && !pic_requests(0); i++)
			;
	}
	ticks = 0;
	tick_ip = 0;
}

static void ticking(void)
{
	ticks = 0;
	pit_start(2, PIT_HZ / 1000);
	wait_for(&ticks, 5);
	check("the PIT ticks, HLT wakes", ticks >= 5);
	check("an interrupt saves IF set", tick_flags & FL_IF);
	ticks = 0;
	spin_for(&ticks, 3);
	check("it ticks into a spinning loop", ticks >= 3);
	pit_start(0, 1);
	window();
}

/* Loops of one block without an exit of their own: the interrupt must break in. */
static void endless_loops(void)
{
	pit_start(2, 2000);
	asm volatile("movq $1f, %0\n sti\n2: jmp 2b\n1: cli" : "=m"(new_ip) : : "memory");
	check("jmp to itself", !new_ip);
	asm volatile("movq $1f, %0\n sti\n2: pause\n jmp 2b\n1: cli" : "=m"(new_ip) : : "memory");
	check("pause and jmp", !new_ip);
	asm volatile("movq $1f, %0\n xorl %%eax, %%eax\n sti\n2: testl %%eax, %%eax\n jz 2b\n1: cli"
		     : "=m"(new_ip) : : "rax", "memory", "cc");
	check("a conditional loop", !new_ip);
	asm volatile("movq $1f, %0\n leaq 2f(%%rip), %%rax\n sti\n2: jmp *%%rax\n1: cli"
		     : "=m"(new_ip) : : "rax", "memory", "cc");
	check("an indirect jump to itself", !new_ip);
	asm volatile("movq $1f, %0\n movq %%rsp, %%rbx\n sti\n2: call 3f\n jmp 2b\n3: ret\n"
		     "1: cli\n movq %%rbx, %%rsp" : "=m"(new_ip) : : "rbx", "memory", "cc");
	check("calls and returns", !new_ip);
	asm volatile("movq $1f, %0\n sti\n2: movl $-1, %%ecx\n3: loop 3b\n jmp 2b\n1: cli"
		     : "=m"(new_ip) : : "rcx", "memory", "cc");
	check("loop", !new_ip);
	pit_start(0, 1);
	window();
}

static void shadows(void)
{
	ulong after, sp;

	pend();
	check("an interrupt waits while IF is clear", ticks == 0);
	asm volatile("leaq 1f(%%rip), %0\n sti\n nop\n1: nop\n cli" : "=&r"(after) : : "memory");
	check("STI: it comes after the next instruction", ticks == 1 && tick_ip == after);
	pend();
	asm volatile("sti\n cli" : : : "memory");
	check("STI, CLI: it does not come", ticks == 0);
	asm volatile("sti\n cli\n sti\n cli\n sti\n cli" : : : "memory");
	check("and not when repeated", ticks == 0);
	asm volatile("sti\n sti\n cli" : : : "memory");
	check("a second STI has no shadow", ticks == 1);
	pend();
	asm volatile("leaq 1f(%%rip), %0\n pushfq\n orl $0x200, (%%rsp)\n popfq\n1: nop\n cli"
		     : "=&r"(after) : : "memory", "cc");
	check("POPF has no shadow", ticks == 1 && tick_ip == after);
	pend();
	asm volatile("leaq 1f(%%rip), %0\n movq %%rsp, %1\n pushq %2\n pushq %1\n pushq $0x202\n"
		     "pushq %3\n pushq %0\n iretq\n1: nop\n cli"
		     : "=&r"(after), "=&r"(sp) : "i"(SEL_DATA), "i"(SEL_CODE64) : "memory", "cc");
	check("IRET has no shadow", ticks == 1 && tick_ip == after);
	pend();
	asm volatile("leaq 1f(%%rip), %0\n movl %%ss, %%eax\n sti\n movl %%eax, %%ss\n nop\n1: nop\n cli"
		     : "=&r"(after) : : "rax", "memory");
	check("MOV SS in STI's shadow holds one more", ticks == 1 &&
	      (tick_ip == after || tick_ip == after - 1));
	pend();
	asm volatile("sti\n hlt\n cli" : : : "memory");
	check("STI, HLT with one waiting", ticks == 1);
	pit_start(2, 3000);
	ticks = 0;
	asm volatile("leaq 1f(%%rip), %0\n sti\n hlt\n1: cli" : "=&r"(after) : : "memory");
	check("HLT: the saved rip is behind it", ticks && tick_ip == after);
	pend();
	outb(PIC1 + 1, 0xff);
	window();
	check("masked in the PIC: it does not come", ticks == 0);
	outb(PIC1 + 1, 0xfe);
	window();
	check("unmasked: it comes", ticks == 1);
}

USER(user_spin, "1: jmp 1b");
USER(user_loop, "1: incq %rax; jmp 1b");

static void ring3(void)
{
	on_trap(PIC_BASE, NULL);
	pit_start(2, 2000);
	user_run_flags(user_spin, 0, 0, FL_1 | FL_IF);
	outb(PIC1, PIC_EOI);
	check("into ring 3", last.vec == PIC_BASE && last.cs == SEL_UCODE64 &&
	      last.ip == (ulong)user_spin && last_at == tss.rsp[0] - 40);
	pit_start(2, 2000);
	user_run_flags(user_loop, 0, 0, FL_1 | FL_IF);
	outb(PIC1, PIC_EOI);
	check("into a loop in ring 3", last.vec == PIC_BASE && last.ip >= (ulong)user_loop &&
	      last.ip <= (ulong)user_loop + 3);
	on_trap(PIC_BASE, tick_hook);
}

/* A long string instruction is interrupted and goes on. */
static void in_strings(void)
{
	u8 *a = page_alloc_n(256, 4096), *b = page_alloc_n(256, 4096);
	u64 c, si, di;
	unsigned i, k, bad = 0, partial = 0;

	for (i = 0; i < 256; i++)
		a[i * 4096] = i + 1;
	pit_start(2, PIT_HZ / 5000);
	ticks = 0;
	for (k = 0; k < 40 && !(partial && ticks > 4); k++) {
		c = 256 * 4096;
		si = (u64)a;
		di = (u64)b;
		new_ip = 0;
		asm volatile("sti\n rep movsb\n cli" : "+c"(c), "+S"(si), "+D"(di) : : "memory");
		bad += c != 0 || si != (u64)a + 256 * 4096 || di != (u64)b + 256 * 4096;
		partial = 1;
	}
	for (i = 0; i < 256; i++)
		bad += b[i * 4096] != (u8)(i + 1);
	check_eq("rep movs with interrupts is whole", bad, 0);
	pit_start(0, 1);
	window();
}

static volatile unsigned serial_irqs;

static bool serial_hook(struct frame *f)
{
	(void)f;
	serial_irqs++;
	inb(0x3fa);
	outb(0x3f9, 0);
	outb(PIC1, PIC_EOI);
	return true;
}

static void serial(void)
{
	u64 end = rdtsc() + (4ull << 30);

	on_trap(PIC_BASE + 4, serial_hook);
	outb(0x3fc, 0x0b); /* OUT2 lets the interrupt out */
	outb(PIC1 + 1, 0xee);
	outb(0x3f9, 2); /* transmitter empty */
	while (!serial_irqs && rdtsc() < end)
		window();
	check("COM1's transmitter interrupts through IRQ 4", serial_irqs >= 1);
	outb(0x3f9, 0);
	outb(PIC1 + 1, 0xfe);
}

void test_main(void)
{
	pic_init(0xfe, 0xff);
	/* The PIC reaches the processor through LINT0, by the loader's or our setting. */
	if (cpuid(1, 0).d & 1 << 9) {
		apic_on();
		apic_write(APIC_LVT_LINT0, 0x700); /* ExtINT */
	}
	on_trap(PIC_BASE, tick_hook);
	ticking();
	endless_loops();
	shadows();
	ring3();
	in_strings();
	serial();
}
