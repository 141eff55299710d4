/* int.h - the domain, as all files of this folder see it. */
#ifndef PANDOK_XEN_INT_H
#define PANDOK_XEN_INT_H

/* The ABI as Xen 4.17 has it; without a word the headers give the oldest. */
#define __XEN_INTERFACE_VERSION__ 0x00040d00

#include <pthread.h>
#include <stdint.h>
#include <xen/xen.h>

#include "dev/dev.h"
#include "xen/xen.h"

typedef unsigned long long ull;

#define MFN_NONE (~0ull)
#define ENTRY_MFN(e) ((e) >> GUEST_PAGE_SHIFT & 0xffffffffffull)
#define DOMID 1

/* ---- machine frames ---- */

enum owner { OWN_NOBODY, OWN_XEN, OWN_GUEST, OWN_SHARED /* Xen's, and the guest may map it */ };
/* What the guest uses a frame as; only one at a time. */
enum type { T_NONE, T_L1, T_L2, T_L3, T_L4, T_SEGMENT, T_WRITABLE };

struct frame {
	u8 owner, type;
	bool pinned;
	bool busy;   /* being validated */
	u32 count;   /* uses as type */
	u32 refs;    /* mappings, writable or not */
};

/* ---- event channels ---- */

#define CHANNELS 1024 /* of the 4096 that two levels have */
enum channel_state { CH_FREE, CH_UNBOUND, CH_BACK_END, CH_VIRQ, CH_IPI };

struct channel {
	u8 state;
	u32 virq;
	void (*notify)(struct xen *x, void *ctx); /* CH_BACK_END: the guest sent */
	void *ctx;
};

struct store;
struct blk;
struct vif;

#define GRANT_FRAMES 32

struct xen {
	struct xen_config c;
	struct mem *mem;
	struct vcpu *v;
	struct clock *clock;
	pthread_mutex_t lock; /* recursive: held in every trap, and by other threads' work */
	bool ended;

	u64 nframes;          /* highest machine frame number + 1 */
	struct frame *frame;
	u64 *p2m;             /* as built; the guest moves on with a copy of its own */
	u64 npages;           /* pseudo-physical pages */
	u64 owned;            /* frames of the guest now */
	u64 heap_next, heap_end; /* Xen's own frames while building */
	u64 m2p_mfn, nm2p;    /* consecutive frames of the machine-to-physical table */
	u64 l3_m2p, l3_domain, gdt_l1, gdt_reserved; /* Xen's tables */
	u64 shared_mfn;
	u64 grant_mfn;        /* GRANT_FRAMES consecutive ones */
	unsigned grants;      /* of them in use */
	u64 store_mfn, console_frame;
	u32 store_port, console_port;

	/* the virtual processor */
	bool kernel;          /* guest kernel mode; both are CPL 3 */
	u64 kernel_base, user_base; /* L4 tables, machine frames; MFN_NONE */
	u64 kernel_sp;
	u64 event_entry, failsafe_entry, syscall_entry;
	bool syscall_masks, failsafe_masks;
	trap_info_t trap[256];
	gpa_t vcpu_info;
	u64 gdt_frame[14];
	unsigned gdt_entries;
	u64 cr0, cr2, cr4;    /* as the guest believes them to be */
	u64 dr[8];
	u8 iopl;
	u64 runstate;         /* where the guest wants to read it, 0 nowhere */
	bool user_stale;      /* mappings changed since the guest's user mode ran */
	bool flush;           /* mappings changed: forget them before the guest goes on */
	struct vcpu_regs *dump;

	struct channel channel[CHANNELS];
	struct timer timer;   /* VIRQ_TIMER */
	struct timer poll;    /* end of SCHEDOP_poll */
	bool blocked;         /* in SCHEDOP_block or poll */
	bool polling;

	char line[256];       /* console_io's */
	unsigned line_len;
	u8 typed[4096];       /* input that the ring had no room for */
	unsigned ntyped;

	/* a write to a page table that is run by itself */
	bool stepping;
	u64 step_mfn, step_va, step_pte_mfn, step_pte;
	u64 step_old[512];

	struct store *store;
	struct blk *blk;
	struct vif *vif;
	u64 hypercalls;
};

/* ---- frame.c: who owns a frame, and as what the guest uses it ---- */
struct frame *frame_of(struct xen *x, u64 mfn); /* NULL: no RAM */
u8 *frame_host(struct xen *x, u64 mfn);         /* 4096 bytes */
void m2p_set(struct xen *x, u64 mfn, u64 pfn);
u64 m2p_get(struct xen *x, u64 mfn);
/* type_get - use a guest's frame as t. 0 or a negative errno of Xen's. type_put ends the use. */
int type_get(struct xen *x, u64 mfn, enum type t);
void type_put(struct xen *x, u64 mfn);
/* entry_get - may entry stand in a table of type t? Takes what it maps. entry_put gives it back. */
int entry_get(struct xen *x, enum type t, u64 *entry);
void entry_put(struct xen *x, enum type t, u64 entry);
/* entry_set - change one entry of a page table in use. */
int entry_set(struct xen *x, u64 mfn, unsigned index, u64 entry, bool keep_ad);

/* descriptor_fix - a guest's descriptor for ring 3: code and data; a gate to Xen is -EINVAL. */
int descriptor_fix(u64 *d);

/* ---- guest.c: the guest's virtual memory, with its own rights ---- */
MUST_CHECK int guest_read(struct xen *x, u64 va, void *buf, u64 len);
MUST_CHECK int guest_write(struct xen *x, u64 va, const void *buf, u64 len);
/* guest_pte - machine address of the L1 entry that maps va; false: none. */
bool guest_pte(struct xen *x, u64 va, u64 *ret, u64 *entry);
#define GUEST_READ(x, va, p) guest_read(x, va, p, sizeof(*(p)))
#define GUEST_WRITE(x, va, p) guest_write(x, va, p, sizeof(*(p)))

/* ---- build.c, hypercall.c, trap.c … ---- */
enum trap_end xen_trap(void *ctx, struct vcpu *v, const struct engine_trap *t);
/* hypercall_do - number nr, arguments in registers; also inside a multicall. */
i64 hypercall_do(struct xen *x, u64 nr, const u64 a[6]);
void hypercall_page_fill(u8 *page);

/* bounce - enter the guest kernel's handler at rip; mask: events are masked in it. */
void bounce(struct xen *x, u64 rip, bool mask, const u32 *err, u64 ret_rip);
void bounce_trap(struct xen *x, const struct engine_trap *t);
void mode_toggle(struct xen *x); /* guest kernel <-> guest user */
/* base_load - cr3 from the mode; keep: what is cached of that address space is still right. */
void base_load(struct xen *x, bool keep);
enum { PCID_KERNEL = 1, PCID_USER = 2 };
i64 hc_iret(struct xen *x);
bool event_deliver(struct xen *x); /* an upcall is due and was begun */

/* crash - kill the domain: Xen's message with registers and stack on the console. */
void domain_crash(struct xen *x, const char *fmt, ...) PRINTF(2, 3);
void xen_end(struct xen *x, enum xen_end why, const char *fmt, ...) PRINTF(3, 4);

void xen_cpuid(struct xen *x); /* CPUID, as registers ask */
bool emulate_insn(struct xen *x); /* the privileged instruction at rip; false: it is none of those */
/* pagetable_write - a fault at va is a write to a page table: let it run, checked. */
bool pagetable_write(struct xen *x, u64 va);

/* ---- event.c; the lock is held by the caller of those that say so ---- */
void event_set(struct xen *x, u32 port);         /* locked: pending, and upcall if it is due */
void event_virq(struct xen *x, u32 virq);        /* locked */
u32 event_back_end(struct xen *x, void (*notify)(struct xen *, void *), void *ctx);
bool event_take_over(struct xen *x, u32 port, void (*notify)(struct xen *, void *), void *ctx);
void event_release(struct xen *x, u32 port);
void upcall_all(struct xen *x); /* locked */
bool event_pending(struct xen *x);
struct vcpu_info *vcpu_info(struct xen *x);
struct shared_info *shared_info(struct xen *x);

void time_fill(struct xen *x);
void time_init(struct xen *x);

void con_put(struct xen *x, u8 byte);
void con_say(struct xen *x, const char *fmt, ...) PRINTF(2, 3);
void con_drain(struct xen *x, void *unused);
void con_finish(struct xen *x); /* unlocked: show what was not shown yet, the last line too */

int store_new(struct xen *x, struct err *e);
void store_free(struct store *s);
void store_serve(struct xen *x, void *unused);

int segments_init(struct xen *x);
void segment_cs(struct vcpu *v, u16 sel);

/* The hypercalls that have files of their own: */
i64 hc_mmu_update(struct xen *x, const u64 a[6]);
i64 hc_mmuext(struct xen *x, const u64 a[6]);
i64 hc_update_va(struct xen *x, const u64 a[6]);
i64 hc_memory(struct xen *x, const u64 a[6]);
i64 hc_event(struct xen *x, const u64 a[6]);
i64 hc_event_old(struct xen *x, const u64 a[6]);
i64 hc_set_gdt(struct xen *x, const u64 a[6]);
i64 hc_descriptor(struct xen *x, const u64 a[6]);
i64 hc_segment_base(struct xen *x, const u64 a[6]);
i64 hc_console_io(struct xen *x, const u64 a[6]);
i64 hc_timer(struct xen *x, const u64 a[6]);
i64 hc_vcpu(struct xen *x, const u64 a[6]);
i64 hc_sched(struct xen *x, const u64 a[6]);
i64 hc_version(struct xen *x, const u64 a[6]);
i64 hc_grant(struct xen *x, const u64 a[6]);
i64 hc_physdev(struct xen *x, const u64 a[6]);
i64 hc_set_traps(struct xen *x, const u64 a[6]);
i64 hc_callbacks(struct xen *x, const u64 a[6]);
i64 hc_callback_op(struct xen *x, const u64 a[6]);
i64 hc_stack_switch(struct xen *x, const u64 a[6]);
i64 hc_fpu(struct xen *x, const u64 a[6]);
i64 hc_set_dr(struct xen *x, const u64 a[6]);
i64 hc_get_dr(struct xen *x, const u64 a[6]);
i64 hc_multicall(struct xen *x, const u64 a[6]);
i64 hc_vm_assist(struct xen *x, const u64 a[6]);

/* grant_frame - the frame that the guest grants to domain 0 by ref; write: for writing. MFN_NONE. */
u64 grant_frame(struct xen *x, u32 ref, bool write);

#endif
