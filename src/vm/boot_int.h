/* boot_int.h - what the loaders share: the file, the plan of what goes where, the entry states. */
#ifndef PANDOK_VM_BOOT_INT_H
#define PANDOK_VM_BOOT_INT_H

#include "base/err.h"
#include "elf/elf.h"
#include "mem/mem.h"
#include "vm/boot.h"
#include "x86/x86.h"

/* ---- files ---- */

struct boot_file {
	const char *path;
	u8 *data; /* len bytes when they have been read; NULL: read them from fd */
	u64 len;
	int fd;
};

/*
 * boot_file_open - open a file and learn its length.
 *   whole   also bring its bytes in (those of a pipe are brought in in any case)
 * errno, -EISDIR, -ENODATA when empty, -EFBIG, -ENOMEM; the sentence names the path.
 */
MUST_CHECK int boot_file_open(const char *path, bool whole, struct boot_file *ret, struct err *e);
void boot_file_close(struct boot_file *f);

/* boot_file_copy - all its bytes into buf. -EIO or errno with the path. */
MUST_CHECK int boot_file_copy(const struct boot_file *f, void *buf, struct err *e);

/* ---- the memory map that guests are told ---- */

#define BOOT_MAP_MAX (MEM_BLOCKS + 4)

enum { BOOT_RAM = 1, BOOT_RESERVED = 2 }; /* address range types of ACPI 6.5, 15.1 */

struct boot_range {
	u64 at, len;
	u32 type;
};

struct boot_map {
	unsigned n;
	struct boot_range range[BOOT_MAP_MAX]; /* ascending */
};

void boot_map_fill(const struct mem *m, struct boot_map *ret);

/* ---- the plan: first everything is given a place and checked, then it is written ---- */

#define BOOT_PIECES 96

/* The last bytes of a piece that nothing fills are zeroed. */
struct boot_piece {
	u64 at, len;
	const void *data; /* the first data_len bytes */
	u64 data_len;
	const struct boot_file *file; /* instead of data: all its bytes */
	void (*write)(const struct boot_piece *piece, u8 *host); /* instead: fills all len bytes */
	const void *ctx;  /* for write */
	char what[24];    /* "segment 3", for sentences */
};

struct boot_plan {
	struct boot_map map;
	unsigned n;
	struct boot_piece piece[BOOT_PIECES]; /* ascending by address, none overlaps */
};

/*
 * boot_plan_add - put p where p->at says.
 * -ENOMEM when that is not guest RAM, -ENOEXEC when another piece is there.
 */
MUST_CHECK int boot_plan_add(struct boot_plan *p, const struct boot_piece *piece, struct err *e);

/* Where a piece may go: a multiple of align (a power of 2), all of it in [min, max). */
struct boot_want {
	u64 align, min, max;
	bool high; /* as high as possible, not as low */
};

/*
 * boot_plan_place - find room for piece->len bytes, set piece->at, add it.
 * -ENOMEM when there is none.
 */
MUST_CHECK int boot_plan_place(struct boot_plan *p, const struct boot_want *want,
			       struct boot_piece *piece, struct err *e);

/* boot_plan_slots - how many places there are for len bytes; boot_plan_slot - number i of them. */
u64 boot_plan_slots(const struct boot_plan *p, const struct boot_want *want, u64 len);
u64 boot_plan_slot(const struct boot_plan *p, const struct boot_want *want, u64 len, u64 i);

/* boot_plan_end - one past the highest piece, at least 1 MiB. */
u64 boot_plan_end(const struct boot_plan *p);

/* boot_plan_commit - write it all. Fails only when a file cannot be read any more. */
MUST_CHECK int boot_plan_commit(const struct boot_plan *p, struct mem *m, struct err *e);

/* ---- the vmlinux inside a bzImage ---- */

struct boot_payload {
	u8 *data; /* the ELF file and what was appended to it */
	u64 len;
	void *map; /* what to unmap */
	u64 map_len;
	bool cached;
};

/* boot_payload_name - how these bytes are compressed, NULL when we cannot tell. */
const char *boot_payload_name(const u8 *data, u64 len);

/*
 * boot_payload_open - decompress, or take it from the cache.
 *   data   the payload as it is in the bzImage: ends in its decompressed length, 4 bytes
 * -ENOTSUP when the compression is not ours, -ENOEXEC when it is damaged, -ENOMEM.
 */
MUST_CHECK int boot_payload_open(const u8 *data, u64 len, struct boot_payload *ret,
				 struct err *e);
void boot_payload_close(struct boot_payload *p);

/* The cache of decompressed payloads; it never fails, it only misses. */
bool boot_cache_get(const u8 *packed, u64 packed_len, u64 len, struct boot_payload *ret);
void boot_cache_put(const u8 *packed, u64 packed_len, const struct boot_payload *p);

/* ---- one load under way ---- */

struct boot {
	const struct boot_config *c;
	struct mem *m;
	struct vcpu *v;
	struct boot_report *report;
	struct boot_file kernel;
	struct boot_file *initrd; /* c->ninitrd of them */
	struct boot_file *library; /* c->nlibrary of them */
	u64 initrd_len;           /* of all, each padded to 4 bytes */
	struct boot_plan plan;
	u64 random;               /* state of boot_random() */
	struct boot_payload payload;
	void *heap[32];           /* freed with the load */
	unsigned nheap;
};

/* One kind of kernel file. */
struct boot_loader {
	const char *name;
	bool (*probe)(const struct boot_file *f);
	int (*load)(struct boot *b, struct err *e);
};

extern const struct boot_loader boot_bzimage, boot_multiboot, boot_elf;

/*
 * boot_load_files - boot_load() with its files opened already (kernel read in), so that tests
 * and fuzzers need no file system. Takes over neither.
 */
MUST_CHECK int boot_load_files(struct boot *b, struct err *e);

/* boot_alloc - zeroed memory that lives as long as the load; NULL when there is none. */
void *boot_alloc(struct boot *b, size_t len);

/* boot_random - the next 64 bits of the load's random numbers (splitmix64 over the seed). */
u64 boot_random(struct boot *b);

/*
 * boot_word - is word one of the command line's words? With a final '=': does a word begin with
 * it? Then *value (when not NULL) is what follows.
 */
bool boot_word(const char *cmdline, const char *word, const char **value);

/* boot_table - place len bytes for a protocol's table in low memory; ret: where. */
MUST_CHECK int boot_table(struct boot *b, const char *what, const void *data, u64 len, u64 align,
			  u64 *ret, struct err *e);

/* boot_initrd - all of --initrd as one run of bytes, as Linux takes it; len 0 when none given. */
MUST_CHECK int boot_initrd(struct boot *b, const struct boot_want *want, u64 *at, u64 *len,
			   struct err *e);

/* boot_module - initrd i by itself, page-aligned, above the kernel. */
MUST_CHECK int boot_module(struct boot *b, unsigned i, u64 *at, struct err *e);

/*
 * boot_elf_span - check every PT_LOAD, and that no two share a physical address.
 *   lo, hi   lowest and one past the highest physical address
 * -ENOEXEC with what is wrong.
 */
MUST_CHECK int boot_elf_span(const struct elf *elf, u64 *lo, u64 *hi, struct err *e);

/* boot_elf_plan - add every PT_LOAD (checked by boot_elf_span()) to the plan where it says. */
MUST_CHECK int boot_elf_plan(struct boot *b, const struct elf *elf, struct err *e);

/* boot_elf_copy - write the PT_LOADs (checked) to host, where physical address lo is; zeroes gaps. */
void boot_elf_copy(const struct elf *elf, u64 lo, u8 *host, u64 len);

/*
 * boot_elf_entry - the physical address of an ELF file's entry, which may be virtual.
 * -ENOEXEC when no segment brings bytes of the file there.
 */
MUST_CHECK int boot_elf_entry(const struct elf *elf, u64 entry, u64 *ret, struct err *e);

/* boot_elf_physical - does a segment bring bytes of the file to physical address at? */
bool boot_elf_physical(const struct elf *elf, u64 at);

/* boot_pie_is - is it position-independent, or in pieces? */
bool boot_pie_is(const struct boot *b, const struct elf *elf);

/*
 * boot_pie - place and relocate such a kernel with its libraries, and add all to the plan.
 *   ret   how far its addresses moved
 * -ENOEXEC for what no loader can do, -ENOMEM when there is no room.
 */
MUST_CHECK int boot_pie(struct boot *b, const struct elf *elf, u64 *ret, struct err *e);

/* ---- protocols ---- */

/* boot_multiboot2 - is there a Multiboot 2 header? */
bool boot_multiboot2(const u8 *data, u64 len);

/* boot_pvh_note - the entry that a PVH note names. */
bool boot_pvh_note(const struct elf *elf, u64 *ret);
MUST_CHECK int boot_pvh(struct boot *b, const struct elf *elf, u64 entry, struct err *e);

/* The 64-bit Linux protocol for a decompressed kernel. */
struct boot_linux {
	const void *header;  /* setup_header from file offset 0x1f1, or NULL for a bare vmlinux */
	u64 header_len;
	struct elf elf;      /* of the vmlinux */
	const u8 *relocs;    /* table behind it, NULL when there is none */
	u64 relocs_len;
	u64 align;           /* of its physical address */
	u64 initrd_max;      /* one past the last address an initrd may have */
	u64 cmdline_max;     /* bytes without the NUL */
	bool relocatable;    /* may be loaded elsewhere than linked */
};

MUST_CHECK int boot_linux(struct boot *b, const struct boot_linux *k, struct err *e);

/* What goes into the zero page. */
struct boot_zero {
	const void *header; /* as in struct boot_linux */
	u64 header_len, initrd_max, cmdline_max;
	bool kaslr;
	u64 initrd_at, initrd_len; /* set by boot_linux_initrd() */
};

/* boot_linux_initrd - place the initrd as high as z->initrd_max allows. */
MUST_CHECK int boot_linux_initrd(struct boot *b, struct boot_zero *z, struct err *e);

/* boot_zero_page - plan zero page, random seed and command line. ret: the page's address. */
MUST_CHECK int boot_zero_page(struct boot *b, const struct boot_zero *z, u64 *ret,
			      struct err *e);

struct boot_entry_state;
/* boot_linux_enter - with kernel and initrd planned: the rest of the plan, commit, entry state. */
MUST_CHECK int boot_linux_enter(struct boot *b, const struct boot_zero *z,
				struct boot_entry_state *s, struct err *e);

/* ---- entry states; the tables they need are planned, v is set last ---- */

struct boot_entry_state {
	u64 rip;
	u64 rax, rbx, rsi;
	bool long_mode;
	u64 map_at, map_len; /* long mode: mapped in addition to the first 4 GiB */
	u64 gdt, cr3;        /* set by boot_state_plan() */
};

MUST_CHECK int boot_state_plan(struct boot *b, struct boot_entry_state *s, struct err *e);
void boot_state_set(const struct boot_entry_state *s, struct vcpu *v);

/* ---- relocations that Linux appends to its vmlinux ---- */

/* boot_relocs_is - has this the form of such a table? */
bool boot_relocs_is(const u8 *table, u64 len);

/*
 * boot_relocs_check - is every place inside [lo, hi), link-time physical addresses?
 * -ENOEXEC with what is wrong.
 */
MUST_CHECK int boot_relocs_check(const u8 *table, u64 len, u64 lo, u64 hi, struct err *e);

/*
 * boot_relocs_apply - after boot_relocs_check().
 *   image   host address of link-time physical address lo
 *   delta   how far the kernel's virtual addresses move
 */
void boot_relocs_apply(const u8 *table, u64 len, u64 lo, u8 *image, u64 delta);

#endif
