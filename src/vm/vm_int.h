/* vm_int.h - the machine's inside, shared by the files that make, run and end it. */
#ifndef PANDOK_VM_VM_INT_H
#define PANDOK_VM_VM_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "vm/bios.h"
#include "vm/board.h"
#include "vm/vm.h"
#include "vm/watch.h"
#include "xen/xen.h"

/* A serial port's back end, with someone who reads along for a panic. */
struct port {
	struct serial_backend b; /* what the board sees */
	struct serial_backend *to; /* NULL: bytes are only read along */
	struct watch watch;
	struct vm *vm;
};

struct vm {
	struct vm_config config;
	struct mem *mem;
	struct bios bios; /* config.bios */
	struct board *board;
	struct xen *xen;         /* NULL: the machine is a PC */
	struct disk *xen_disk[26];
	struct engine *engine;
	const struct engine_ops *ops;
	struct engine_host host;
	struct vcpu **vcpu; /* config.ncpus of them */
	struct runner *runner;
	struct port port[VM_PORTS];
	struct boot_report report;
	char note[320];
	unsigned boots;          /* how often a kernel was loaded */
	atomic_bool leave;       /* vCPU threads end at their next turn */
	u64 disk_requests;       /* when the watchdog looked last */
	atomic_bool throttled;   /* a console is full: vCPU threads wait for it */
	atomic_bool quiet_wanted; /* panicked: the time of each byte of output matters */
	_Atomic u64 output_ns;   /* when the last byte came, CLOCK_MONOTONIC */
	_Atomic u8 exit_value;

	/* Taken with the board's lock held by those the board calls; call no board_ under it. */
	pthread_mutex_t lock;
	pthread_cond_t changed;  /* CLOCK_MONOTONIC */
	atomic_bool ended, hurry; /* hurry: it was to be ended again since */
	enum vm_end why;
	char text[400];
	bool stuck;              /* a vCPU's thread did not end: nothing may be freed under it */
	bool reset_wanted;
	char reset_how[64];
	struct {
		bool due;
		unsigned cpu;
		char text[200];
	} news[VM_EV_N];
	unsigned end_cpu;        /* whose doing the end was */
	bool panicked, panic_over; /* over: the guest has said its last word */
	u64 panic_ns;
	char panic_text[200];
	unsigned ndead;          /* vCPUs that only an NMI, INIT or SIPI can wake */
	unsigned nactive, nstanding; /* threads that may touch the guest; of these, in vm_stand() */
	atomic_bool pausing;     /* changed under the lock: vCPUs stand */

	pthread_mutex_t pause_lock; /* before the board's and lock */
	unsigned pauses;
	u64 paused_ns, paused_tsc;
};

/* A vCPU's thread. */
struct runner {
	struct vm *vm;
	struct vcpu *v;
	pthread_t thread;
	atomic_bool held; /* stands even when the machine goes on */
	atomic_bool hit; /* its vCPU met a break and stands until somebody has heard of it */
};

/* engine_pick.c: ops for what c asks; note (size bytes) says why auto did not take KVM. */
int vm_engine_pick(const struct vm_config *c, const struct engine_ops **ret, char *note, size_t size,
		   struct err *e);

/* vm.c: memory cleared, tables and kernel in place, every vCPU as after power-on. */
int vm_load(struct vm *vm, struct err *e);

/* xen_domain.c: is it to be a Xen domain; make Xen; load the kernel into a domain. */
bool vm_xen_wanted(const struct vm_config *c);
int vm_xen_open(struct vm *vm, struct err *e);
int vm_xen_load(struct vm *vm, struct err *e);

/* vcpu_loop.c: the thread of a vCPU (arg: struct runner) until vm->leave. */
void *vm_vcpu_main(void *arg);

/* life.c */
void vm_calls(struct vm *vm, struct board_calls *ret); /* what the board may tell us */
void vm_post_all(struct vm *vm, u32 events);
void vm_reset_request(struct vm *vm, const char *how);
void vm_panicked(struct vm *vm, const char *text); /* the guest says that it panicked */
void vm_port_init(struct vm *vm, unsigned i);

/*
 * pause.c: a thread that touches the guest's state says when it begins and ends, so that vm_pause()
 * knows for whom to wait. vm_enter_unpaused waits for the end of a pause.
 */
void vm_enter(struct vm *vm);
void vm_enter_unpaused(struct vm *vm);
void vm_leave(struct vm *vm);
/* At each turn of a vCPU's thread: wait while the machine is paused. */
void vm_stand(struct vm *vm, struct runner *r);

/*
 * event.c: something is to be told. Any thread; text is kept.
 * vm_event_tell: tell one thing that is due, locked; false: there was none.
 * vm_event_end: tell what is left, and how it ended, locked; every vCPU's thread has ended.
 */
void vm_event_post(struct vm *vm, enum vm_event ev, unsigned cpu, const char *text);
void vm_event_break(struct vm *vm, struct runner *r); /* r's vCPU came back with RUN_DEBUG */
unsigned vm_event_cpu(const struct vm *vm); /* index of the vCPU whose thread this is; else 0 */
bool vm_event_tell(struct vm *vm);
void vm_event_end(struct vm *vm);

/* digest.c: a 64-bit digest of everything in v that the guest's program can see. */
u64 vm_digest_of(const struct vcpu *v);

u64 vm_host_ns(void); /* CLOCK_MONOTONIC */

#endif
