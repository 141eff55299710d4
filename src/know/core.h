/* core.h - the notes of a core file: what says a processor's registers, and where gdb, crash and
 * makedumpfile look for them. */
#ifndef PANDOK_KNOW_CORE_H
#define PANDOK_KNOW_CORE_H

#include <sys/procfs.h>

#include "elf/elf.h"
#include "know/kernel.h"

/* QEMU's note: the state that NT_PRSTATUS has no room for. Source: QEMU target/i386/arch_dump.c. */
struct core_seg {
	u32 sel, limit, flags, pad;
	u64 base;
};

struct core_cpu {
	u32 version, size;
	u64 rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8_15[8], rip, rflags;
	struct core_seg cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
	u64 cr[5];
	u64 kernel_gs_base;
};

#define CORE_NOTE_CPU "QEMU"
#define CORE_NOTE_INFO "VMCOREINFO"

struct notes {
	u8 *at; /* free() */
	u64 len;
	u64 info_at, info_len; /* of VMCOREINFO's text inside; 0: none */
};

/* notes_make - the notes of a machine: registers of each processor, VMCOREINFO. */
MUST_CHECK int notes_make(struct target *t, struct kernel *k, struct notes *ret, struct err *e);

/* core_note - take what one note tells. Unknown ones are left out. */
void core_note(struct target *t, const char *name, u32 type, const u8 *desc, u64 len);

/* core_notes - take all notes of a run of them. */
void core_notes(struct target *t, const u8 *p, u64 len);

/* One page at a time into a file, through a buffer. */
struct sink {
	int fd;
	u64 at;      /* where the next byte goes */
	u8 buf[1 << 16];
	size_t used;
	int rc;      /* first failure, -errno */
};

void sink_put(struct sink *s, const void *data, size_t len);
void sink_zero(struct sink *s, u64 len); /* a hole where the file system can */
int sink_flush(struct sink *s);          /* 0 or the first -errno */
int sink_end(struct sink *s);            /* the same, and the file ends here, on the disk */

/* elf_write, kdump_write - all of the machine to fd, which stands at 0. -errno: writing failed. */
MUST_CHECK int core_elf_write(struct target *t, struct kernel *k, int fd, struct err *e);
MUST_CHECK int core_kdump_write(struct target *t, struct kernel *k, int fd, struct err *e);

#endif
