/* kernel.h - what is known of a Linux kernel, as the files of this folder see it. */
#ifndef PANDOK_KNOW_KERNEL_H
#define PANDOK_KNOW_KERNEL_H

#include "know/btf.h"
#include "know/kallsyms.h"
#include "know/source.h"
#include "know/orc.h"
#include "know/symtab.h"
#include "know/target.h"

/* Where members are: offsets by BTF (or VMCOREINFO or DWARF), -1 when nobody says. */
#define LAYOUT(X)                                  \
	X(list_next, "list_head", "next")          \
	X(task_tasks, "task_struct", "tasks")      \
	X(task_pid, "task_struct", "pid")          \
	X(task_tgid, "task_struct", "tgid")        \
	X(task_comm, "task_struct", "comm")        \
	X(task_stack, "task_struct", "stack")      \
	X(task_state, "task_struct", "__state")    \
	X(task_exit_state, "task_struct", "exit_state") \
	X(task_flags, "task_struct", "flags")      \
	X(task_mm, "task_struct", "mm")            \
	X(task_cred, "task_struct", "cred")        \
	X(task_parent, "task_struct", "real_parent") \
	X(task_cpu, "task_struct", "cpu")          \
	X(task_info_cpu, "thread_info", "cpu")     \
	X(task_thread, "task_struct", "thread")    \
	X(task_on_cpu, "task_struct", "on_cpu")    \
	X(task_thread_node, "task_struct", "thread_node") \
	X(task_signal, "task_struct", "signal")    \
	X(task_worker, "task_struct", "worker_private") \
	X(kthread_name, "kthread", "full_name")    \
	X(task_nsproxy, "task_struct", "nsproxy")  \
	X(signal_threads, "signal_struct", "thread_head") \
	X(thread_sp, "thread_struct", "sp")        \
	X(cred_euid, "cred", "euid")               \
	X(cred_uid, "cred", "uid")                 \
	X(mm_pgd, "mm_struct", "pgd")              \
	X(mm_arg_start, "mm_struct", "arg_start")  \
	X(mm_arg_end, "mm_struct", "arg_end")      \
	X(hot_current, "pcpu_hot", "current_task") \
	X(module_list, "module", "list")           \
	X(module_name, "module", "name")           \
	X(module_state, "module", "state")         \
	X(module_core, "module", "core_layout")    \
	X(module_init, "module", "init_layout")    \
	X(module_mem, "module", "mem")             \
	X(module_kallsyms, "module", "kallsyms")   \
	X(module_arch, "module", "arch")           \
	X(module_refcnt, "module", "refcnt")       \
	X(module_taints, "module", "taints")       \
	X(layout_base, "module_layout", "base")    \
	X(layout_size, "module_layout", "size")    \
	X(layout_text, "module_layout", "text_size") \
	X(memory_base, "module_memory", "base")    \
	X(memory_size, "module_memory", "size")    \
	X(ks_symtab, "mod_kallsyms", "symtab")     \
	X(ks_num, "mod_kallsyms", "num_symtab")    \
	X(ks_strtab, "mod_kallsyms", "strtab")     \
	X(ks_typetab, "mod_kallsyms", "typetab")   \
	X(arch_num_orcs, "mod_arch_specific", "num_orcs") \
	X(arch_orc_ip, "mod_arch_specific", "orc_unwind_ip") \
	X(arch_orc, "mod_arch_specific", "orc_unwind") \
	X(prb_count_bits, "prb_desc_ring", "count_bits") \
	X(regs_ip, "pt_regs", "ip")

struct layout {
#define X(field, type, member) i32 field;
	LAYOUT(X)
#undef X
};

struct module {
	char name[64];
	u64 at; /* of its struct module */
	u64 base, size, text_end; /* of its code (and, before 6.4, data) */
	u64 init_base, init_size;
	struct symtab syms;
	struct orc orc;
	bool loaded; /* its tables were read */
};

/* What may be missing, each with why; NULL: it is there. */
struct missing {
	const char *image, *syms, *types, *orc, *info, *log, *modules;
};

struct kernel {
	struct target *t;
	struct kernel_config config; /* its texts are the caller's, who keeps them */
	struct space space; /* the kernel's page tables */
	bool mapped;        /* space is good */
	u64 base, end;      /* of the image, linear */
	struct symtab syms, given; /* its own; those of the files the user named */
	struct source *source; /* of the same file; NULL: it has no DWARF */
	u64 slide;           /* how far the guest moved itself from where that was linked */
	struct btf btf;
	struct orc orc;
	char *info;         /* VMCOREINFO's lines, NUL-ended; NULL: none */
	struct layout lay;
	struct module *mod;
	unsigned nmod;
	struct missing no;
};

/* Reads through the kernel's page tables; false when a byte is not there (ret may be half written). */
bool k_read(struct kernel *k, u64 va, u64 len, void *ret);
bool k_u64(struct kernel *k, u64 va, u64 *ret);
bool k_u32(struct kernel *k, u64 va, u32 *ret);
bool k_text(struct kernel *k, u64 va, char *ret, size_t len); /* NUL-ended, printable */

/* k_field - the 8 or 4 bytes of a member at a struct's address; false: unknown or unreadable. */
bool k_ptr(struct kernel *k, u64 obj, i32 offset, u64 *ret);
bool k_int(struct kernel *k, u64 obj, i32 offset, u32 *ret);

/* k_sym - a symbol's address, 0: none. Only the kernel's own. */
u64 k_sym(struct kernel *k, const char *name);

/* k_offset - of a member by types, -1: nobody says. */
i32 k_offset(struct kernel *k, const char *type, const char *member);

/* k_info - the value of a line "KEY=" of VMCOREINFO; false: none. base 10 or 16. */
bool k_info(const struct kernel *k, const char *key, int base, u64 *ret);

/* k_orc - copy n entries of ORC tables; false: they are not there. */
bool k_orc(struct kernel *k, u64 ip_at, u64 entry_at, u64 n, struct orc *ret);

/* elfsyms.c: the symbols of an ELF file that the user names. */
MUST_CHECK int elfsyms_read(const char *path, struct symtab *ret, struct err *e);

/* image.c */
bool image_find(struct kernel *k);               /* fills space, base, end */
u8 *image_copy(struct kernel *k, u64 *len);      /* free() */
char *info_scan(struct target *t);               /* VMCOREINFO looked for in all RAM; free() */

/* module.c */
void modules_read(struct kernel *k);
void modules_free(struct kernel *k);
struct module *module_at(struct kernel *k, u64 at); /* with its tables read; NULL: none */

#endif
