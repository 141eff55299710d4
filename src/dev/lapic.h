/* lapic.h - inside of the local APIC, for lapic*.c and apic_bus.c. */
#ifndef PANDOK_DEV_LAPIC_H
#define PANDOK_DEV_LAPIC_H

#include "dev/dev.h"

/* Register numbers: offset in the page / 16, and MSR - 0x800. SDM 3A table 11-1, 11-6. */
enum {
	APIC_ID = 0x02, APIC_VERSION = 0x03, APIC_TPR = 0x08, APIC_APR = 0x09, APIC_PPR = 0x0a,
	APIC_EOI = 0x0b, APIC_LDR = 0x0d, APIC_DFR = 0x0e, APIC_SVR = 0x0f, APIC_ISR = 0x10,
	APIC_TMR = 0x18, APIC_IRR = 0x20, APIC_ESR = 0x28, APIC_ICR = 0x30, APIC_ICR_HIGH = 0x31,
	APIC_LVT = 0x32, APIC_TIMER_INIT = 0x38, APIC_TIMER_NOW = 0x39, APIC_TIMER_DIV = 0x3e,
	APIC_SELF_IPI = 0x3f,
};

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_N };
#define LVT_MASKED (1u << 16)
#define LVT_MODE(lvt) ((lvt) >> 8 & 7)
#define LVT_TIMER_MODE(lvt) ((lvt) >> 17 & 3)
enum { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_DEADLINE };

enum { ESR_SEND_ILLEGAL = 1 << 5, ESR_RECEIVE_ILLEGAL = 1 << 6, ESR_REGISTER = 1 << 7 };
enum { SVR_ENABLE = 1 << 8 };
enum { BASE_BSP = 1 << 8, BASE_X2APIC = 1 << 10, BASE_ENABLE = 1 << 11 };

struct lapic {
	u64 base;        /* the APIC base MSR */
	u32 tpr, ldr, dfr, svr;
	u32 esr;         /* what reading gives */
	u32 esr_new;     /* errors since the last write to ESR */
	u64 icr;
	u32 lvt[LVT_N];
	u32 irr[8], isr[8], tmr[8];
	u32 timer_init, timer_div;
	u64 timer_start; /* guest ns when timer_init was written */
	u64 deadline;    /* TSC; 0: not armed */
	u64 pv_eoi;      /* MSR: address of a byte in guest RAM, bit 0 enabled */
	u8 pv_eoi_open;  /* the guest may end the present interrupt by clearing that byte's bit 0 */
	_Atomic bool look; /* lapic_ready(); own thread clears it, any thread sets it */
	_Atomic bool takes_pic;
	unsigned cpu;
	struct timer timer;
	struct apic_bus *bus;
};

static inline struct lapic *lapic_of(struct apic_bus *bus, unsigned cpu)
{
	return bus->lapic[cpu].state;
}

static inline bool lapic_on(const struct lapic *l) { return l->base & BASE_ENABLE; }
static inline bool lapic_x2(const struct lapic *l) { return l->base & BASE_X2APIC; }
static inline bool lapic_accepts(const struct lapic *l)
{
	return lapic_on(l) && (l->svr & SVR_ENABLE);
}

/* lapic_accept - a message or an LVT entry for this one; was it taken? */
bool lapic_accept(struct lapic *l, u8 mode, u8 vector, bool level);
void lapic_error(struct lapic *l, u32 bits);
void lapic_update(struct lapic *l); /* priorities changed */
void lapic_lvt(struct lapic *l, unsigned entry); /* the event of an LVT entry happened */
void lapic_init(struct lapic *l);   /* registers as after INIT; base stays */

/* Priority class that new interrupts must exceed, as PPR shows it. */
u8 lapic_ppr(const struct lapic *l);

/* apic_bus.c: the guest wrote ICR of l. */
void apic_icr(struct lapic *l, u64 icr);

/* lapic_timer.c */
void lapic_timer_wire(struct lapic *l, struct clock *c);
void lapic_timer_init_write(struct lapic *l, u32 val);
void lapic_timer_div_write(struct lapic *l, u32 val);
void lapic_timer_lvt_changed(struct lapic *l, u32 old);
void lapic_timer_deadline_write(struct lapic *l, u64 tsc);
u32 lapic_timer_now(const struct lapic *l);

/* lapic_pveoi.c */
void pv_eoi_offer(struct lapic *l, unsigned vector); /* a vector went into service */
void pv_eoi_sync(struct lapic *l); /* did the guest take the offer? Own thread only */
bool pv_eoi_write(struct lapic *l, u64 val);

void lapic_end_of_interrupt(struct lapic *l);
int lapic_bits_last(const u32 *bits); /* highest of 256, -1 none */
static inline bool bit_get(const u32 *bits, unsigned n) { return bits[n / 32] >> n % 32 & 1; }
static inline void bit_put(u32 *bits, unsigned n, bool on)
{
	bits[n / 32] = on ? bits[n / 32] | 1u << n % 32 : bits[n / 32] & ~(1u << n % 32);
}

#endif
