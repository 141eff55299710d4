/* irq.h - the interrupt controllers and timers, as far as tests drive them.
 * Source: Intel 8259A and 8254 data sheets; SDM 3A 10; 82093AA data sheet (IOAPIC). */
#ifndef GUEST_IRQ_H
#define GUEST_IRQ_H

#include "guest.h"

#define PIC1 0x20
#define PIC2 0xa0
#define PIC_BASE 0x20 /* vectors 20h..2Fh */
#define PIC_EOI 0x20

static inline void pic_init(u8 mask1, u8 mask2)
{
	outb(PIC1, 0x11);
	outb(PIC2, 0x11);
	outb(PIC1 + 1, PIC_BASE);
	outb(PIC2 + 1, PIC_BASE + 8);
	outb(PIC1 + 1, 4);
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, mask1);
	outb(PIC2 + 1, mask2);
}

static inline void pic_off(void)
{
	pic_init(0xff, 0xff);
}

#define PIT_HZ 1193182
/* Channel 0: mode 2 is a rate, mode 0 one interrupt. */
static inline void pit_start(unsigned mode, unsigned count)
{
	outb(0x43, 0x30 | mode << 1);
	outb(0x40, count & 0xff);
	outb(0x40, count >> 8);
}

#define APIC_AT 0xfee00000ul
enum {
	APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_PPR = 0xa0, APIC_EOI = 0xb0,
	APIC_LDR = 0xd0, APIC_DFR = 0xe0, APIC_SVR = 0xf0, APIC_ISR = 0x100, APIC_TMR = 0x180,
	APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_ICR = 0x300, APIC_ICR2 = 0x310,
	APIC_LVT_TIMER = 0x320, APIC_LVT_LINT0 = 0x350, APIC_LVT_ERROR = 0x370,
	APIC_INITIAL = 0x380, APIC_CURRENT = 0x390, APIC_DIVIDE = 0x3e0,
};
static inline u32 apic_read(unsigned reg)
{
	return *(volatile u32 *)(APIC_AT + reg);
}
static inline void apic_write(unsigned reg, u32 v)
{
	*(volatile u32 *)(APIC_AT + reg) = v;
}
static inline bool apic_bit(unsigned reg, unsigned vec)
{
	return apic_read(reg + vec / 32 * 16) >> vec % 32 & 1;
}
static inline void apic_on(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_DIVIDE, 0xb); /* by one */
	apic_write(APIC_LVT_TIMER, 0x10000);
}
#define ICR_SELF (1 << 18)
static inline void apic_self(unsigned vec)
{
	apic_write(APIC_ICR, ICR_SELF | 1 << 14 | vec);
}

#define IOAPIC_AT 0xfec00000ul
static inline u32 ioapic_read(unsigned reg)
{
	*(volatile u32 *)IOAPIC_AT = reg;
	return *(volatile u32 *)(IOAPIC_AT + 0x10);
}
static inline void ioapic_write(unsigned reg, u32 v)
{
	*(volatile u32 *)IOAPIC_AT = reg;
	*(volatile u32 *)(IOAPIC_AT + 0x10) = v;
}

static inline void sti(void)
{
	asm volatile("sti\n\tnop" : : : "memory");
}
static inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}
/* Let interrupts in for a moment: several, for a write to a controller takes time to work. */
static inline void window(void)
{
	unsigned n = 4;

	asm volatile("1:\n\tsti\n\tnop\n\tnop\n\tcli\n\tdecl %0\n\tjnz 1b"
		     : "+r"(n) : : "memory", "cc");
}
/* Sleep with interrupts on until *n is not what it was, or a few seconds' worth of ticks. */
static inline void wait_for(volatile unsigned *n, unsigned want)
{
	u64 end = rdtsc() + (20ull << 30);

	while (*n < want && rdtsc() < end)
		asm volatile("sti\n\thlt\n\tcli" : : : "memory");
}
static inline void spin_for(volatile unsigned *n, unsigned want)
{
	u64 end = rdtsc() + (20ull << 30);

	sti();
	while (*n < want && rdtsc() < end)
		asm volatile("pause" : : : "memory");
	cli();
}

#endif
