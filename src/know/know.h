/* know.h - front of this folder: what a stopped machine's memory and registers tell, and the files
 * that keep it. Knows no prompt, no script and no event.
 *
 * A guest writes all that is read here. Nothing it writes makes these functions fail, crash or run
 * for ever: what does not make sense becomes a marked gap in the text. An err is for what the user
 * asked and for the host.
 * Threads: one at a time for a target and all that stands on it; none of them a vCPU's.
 */
#ifndef PANDOK_KNOW_KNOW_H
#define PANDOK_KNOW_KNOW_H

#include "base/err.h"
#include "vm/vm.h"
#include "x86/vcpu.h"

/* ---- text ----------------------------------------------------------------------------------- */

/* Where text goes. */
struct out {
	void (*put)(struct out *o, const char *text, size_t len);
};

void out_say(struct out *o, const char *fmt, ...) PRINTF(2, 3);

/* An out that keeps text in memory, at most max bytes. Start: out_text_init(); end: free(at). */
struct out_text {
	struct out out;
	char *at; /* NUL-ended; NULL before the first byte */
	size_t len, room, max;
	size_t lost; /* bytes that did not fit */
};

void out_text_init(struct out_text *o, size_t max);

/* ---- a stopped machine ---------------------------------------------------------------------- */

struct target;

/* target_vm - look at a machine. It is paused during every call here. */
MUST_CHECK int target_vm(struct vm *vm, struct target **ret, struct err *e);

/* target_open - look at a vmcore file (ELF or kdump-compressed, ours or another's). */
MUST_CHECK int target_open(const char *path, struct target **ret, struct err *e);

void target_free(struct target *t);

/* target_ran - the machine ran meanwhile: what was remembered of its page tables is void. */
void target_ran(struct target *t);

struct vm *target_machine(const struct target *t); /* NULL: a file */
unsigned target_ncpus(const struct target *t);
const struct vcpu *target_vcpu(const struct target *t, unsigned cpu); /* cpu < target_ncpus */

/* Copies; -EFAULT, and buf is not to be read, when a byte is not there. No address is refused
 * otherwise, len is 0..1 GiB, and ranges may cross anything. */
MUST_CHECK int target_phys(struct target *t, gpa_t at, u64 len, void *buf);
MUST_CHECK int target_read(struct target *t, unsigned cpu, gva_t at, u64 len, void *buf);

/* target_write - by the page tables of cpu, -EFAULT as above (then the beginning may be written);
 * -EROFS for a file. */
MUST_CHECK int target_write(struct target *t, unsigned cpu, gva_t at, u64 len, const void *buf);

/* ---- what is known of the kernel ------------------------------------------------------------ */

struct kernel;

struct kernel_config {
	const char *symbols; /* ELF file with symbols or DWARF the user gives; NULL: none */
	const char *file;    /* the kernel file that was booted, for its symbol table; NULL: none */
};

/*
 * kernel_new - find out what there is: symbols, types, unwind tables, log. Nothing found is no
 * error; view_known() tells. t and c's texts stay the caller's and must outlive it.
 * -errno with a sentence when a file the user named cannot be read, -ENOMEM.
 */
MUST_CHECK int kernel_new(struct target *t, const struct kernel_config *c, struct kernel **ret,
			  struct err *e);
void kernel_free(struct kernel *k);

/* kernel_ran - the machine ran meanwhile: look again where needed (modules; everything when
 * nothing was found yet). Calls target_ran(). */
void kernel_ran(struct kernel *k);

struct symbol {
	char name[128];
	char module[64]; /* "" in the kernel itself */
	gva_t at;
	u64 size; /* 0: not known */
};

/* kernel_symbol - by name ("name" or "module:name"); false: none. */
bool kernel_symbol(struct kernel *k, const char *name, struct symbol *ret);

/* kernel_at - the symbol that covers an address; false: none. */
bool kernel_at(struct kernel *k, gva_t at, struct symbol *ret);

/* kernel_place - "name+0x12/0x40 [module]", or "0x…" when nothing is there. Returns buf. */
const char *kernel_place(struct kernel *k, gva_t at, char *buf, size_t len);

/* kernel_complete - the i-th symbol name that begins with word; false: no more. For completion. */
bool kernel_complete(struct kernel *k, const char *word, unsigned i, char *ret, size_t len);

/* ---- views: each prints one thing ----------------------------------------------------------- */

struct view {
	struct target *t;
	struct kernel *k;
	unsigned cpu; /* the processor looked at */
	struct out *out;
};

/* view_eval - a number (0x…, decimal), $register, %register, symbol, and + - of those.
 * -EINVAL with a sentence. */
MUST_CHECK int view_eval(const struct view *v, const char *text, u64 *ret, struct err *e);

void view_known(const struct view *v);      /* what was found of the kernel and what is missing */
void view_regs(const struct view *v);
void view_pcpu(const struct view *v);       /* the processor, its current task, what it does */
void view_bt(const struct view *v);         /* of v->cpu */
MUST_CHECK int view_bt_task(const struct view *v, u64 pid, struct err *e);
void view_bt_all(const struct view *v);     /* ddb's alltrace: every task */
void view_ps(const struct view *v);
void view_dmesg(const struct view *v);
void view_modules(const struct view *v);
void view_mounts(const struct view *v);
void view_interrupts(const struct view *v);
void view_locks(const struct view *v);      /* held mutexes and who waits */
void view_vtop(const struct view *v, gva_t at); /* page walk, level by level */
void view_ptov(const struct view *v, gpa_t at); /* where the kernel maps a physical address */
void view_frame(const struct view *v, unsigned n); /* n-th frame of v->cpu's stack, drawn */
void view_dis(const struct view *v, gva_t at, unsigned n); /* n instructions */
/* view_examine - n units of size 1, 2, 4, 8; format x d u o c s a i (as gdb's x). Returns where
 * the next one would begin. */
gva_t view_examine(const struct view *v, gva_t at, unsigned n, unsigned size, char format);
/* view_print - a variable by its BTF type: name, name.member, name->member, name[3], *name,
 * (type *)ADDRESS with the same behind it. */
MUST_CHECK int view_print(const struct view *v, const char *text, struct err *e);
MUST_CHECK int view_whatis(const struct view *v, const char *text, struct err *e);

/* ---- files a crash leaves ------------------------------------------------------------------- */

struct crash_config {
	char *dir; /* NULL: $XDG_STATE_HOME/pandok/crash */
	u64 keep;  /* dumps kept, 0: all; the oldest go */
};

struct crash_texts {
	const char *ddb; /* what the capture buffer holds */
	size_t ddb_len;
	const char *config;  /* how the machine was made, lines of "name: value" */
	const char *reason;  /* what happened, one sentence */
	const char *machine; /* its name, "" none */
};

/*
 * crash_textdump - write textdump.tar.N and info.N.
 *   ret   the path of the tar; free()
 * -errno with a sentence; nothing is left under a final name then.
 */
MUST_CHECK int crash_textdump(const struct crash_config *c, const struct view *v,
			      const struct crash_texts *x, char **ret, struct err *e);

/* crash_path - the folder that c means. */
MUST_CHECK int crash_path(const struct crash_config *c, char *ret, size_t len, struct err *e);

/* crash_name - is name a dump's file, or the info beside it, and of which number? */
bool crash_name(const char *name, u64 *number);

/* crash_core_part - the pages of [at, at+len) as an ELF core with all notes, to any file. */
MUST_CHECK int crash_core_part(const struct view *v, gpa_t at, u64 len, int fd, struct err *e);

enum crash_core { CRASH_CORE_FULL, CRASH_CORE_KERNEL /* kernel pages only, compressed */ };

/* crash_vmcore - write vmcore.N and info.N; as crash_textdump. */
MUST_CHECK int crash_vmcore(const struct crash_config *c, const struct view *v,
			    const struct crash_texts *x, enum crash_core kind, char **ret,
			    struct err *e);

#endif
