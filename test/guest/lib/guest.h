/* guest.h - what a guest test leans on: checks that report, faults that are caught, paging.
 * Works in 64-bit images (start.S) and 32-bit ones (start32.S). */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned long ulong; /* the register size of the image */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- reports ---- */
extern const char test_name[]; /* each test file defines it */
void test_main(void);          /* and this */

void print(const char *s);
void print_hex(u64 v);
void check(const char *name, bool ok);                 /* "ok NAME" or "FAIL NAME" */
void check_eq(const char *name, u64 got, u64 want);
void skip(const char *name, const char *why);
void note(const char *what, u64 v);                    /* an unchecked line, for reading */
void finish(void) __attribute__((noreturn));           /* totals, then port 0xF4 */

/* The word on the command line says where the image runs. QEMU's TCG deviates from the manuals
 * here and there; with "tcg" (QEMU itself, and KVM inside it) such a check is skipped. */
bool on_tcg(void);
bool on_qemu(void); /* the word "qemu": its machine, where unclaimed addresses read zero */
bool on_kvm(void);  /* the word "kvm": whose emulator knows few instructions on devices */
void check_hw(const char *name, bool ok); /* as check and check_fault; skipped on TCG */
void check_fault_hw(const char *name, unsigned vec, ulong err);
void check_pf_hw(const char *name, ulong err, ulong cr2);
bool cmdline_has(const char *word);
u64 cmdline_number(const char *key, u64 otherwise); /* of "KEYnnn", decimal: key is "seed=" */
u64 ram_top(void); /* where RAM ends below 4 GiB and the hole begins; 0 unknown */

/* ---- exceptions ---- */
struct frame {
	ulong cr2;
#ifdef __x86_64__
	ulong r15, r14, r13, r12, r11, r10, r9, r8;
#endif
	ulong di, si, bp, bx, dx, cx, ax;
	ulong vec, err, ip, cs, flags, sp, ss; /* 32-bit: sp and ss only from an outer ring */
};
extern volatile struct frame last; /* the exception caught last; vec is NO_FAULT when there was none */
extern volatile ulong last_at; /* where its frame was on the stack */
extern ulong try_at, try_resume, try_sp;
#define NO_FAULT 0x100

/* Called for vec before anything else; true: handled, return to where it happened. */
typedef bool (*trap_hook)(struct frame *f);
void on_trap(unsigned vec, trap_hook hook);

#ifdef __x86_64__
#define GUEST_MOV "movq "
#define GUEST_SP "%%rsp"
#else
#define GUEST_MOV "movl "
#define GUEST_SP "%%esp"
#endif
/* TRY(code, operands...) - run code; an exception ends it and fills `last`. try_at is the
 * address of its first instruction. The stack pointer is put back either way. */
#define TRY(code, ...)                                                                        \
	do {                                                                                  \
		last.vec = NO_FAULT;                                                          \
		asm volatile(GUEST_MOV "$771f, try_at\n\t" GUEST_MOV "$772f, try_resume\n\t"  \
			     GUEST_MOV GUEST_SP ", try_sp\n771:\n\t" code                     \
			     "\n772:\n\t" GUEST_MOV "$0, try_resume\n\t" GUEST_MOV             \
			     "try_sp, " GUEST_SP __VA_ARGS__);            \
	} while (0)
#define MEM : : : "memory", "cc"

bool faulted(unsigned vec, ulong err); /* that exception, at try_at */
void check_fault(const char *name, unsigned vec, ulong err);
void check_pf(const char *name, ulong err, ulong cr2);
void check_none(const char *name);     /* no exception happened */

enum {
	DE = 0, DB = 1, NMI = 2, BP = 3, OF = 4, BR = 5, UD = 6, NM = 7, DF = 8, TS = 10, NP = 11,
	SS = 12, GP = 13, PF = 14, MF = 16, AC = 17, XM = 19,
};
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

/* Interrupt descriptor: type 0xe or 0xf, dpl 0..3, ist 0..7 (64-bit only). */
void idt_set(unsigned vec, ulong handler, unsigned type, unsigned dpl, unsigned ist);
void idt_default(unsigned vec); /* the catching stub again */
void cpu_init(void); /* once, from the runtime */
#ifndef __x86_64__
void trap_resume32(struct frame *f);
#endif
extern u64 idt[];
extern u64 gdt[];
extern char trap_stubs[]; /* 16 bytes each */
extern char stack_top[];
void gdt_set(unsigned sel, u64 descriptor);

#ifdef __x86_64__
struct tss {
	u32 reserved0;
	u64 rsp[3], ist[8]; /* ist[0] is reserved */
	u64 reserved1;
	u16 reserved2, iomap;
	u8 bitmap[8192 + 1];
} __attribute__((packed));
extern struct tss tss;
#else
struct tss {
	u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
	u8 bitmap[8192 + 1];
} __attribute__((packed));
extern struct tss tss;
#endif
#define TSS_LIMIT (sizeof(struct tss) - 1)
void tss_load(unsigned limit);

/* ---- ring 3 ---- */
#ifndef __x86_64__
struct user_start {
	u32 ip, cs, flags, sp, ss; /* the iret frame */
	u32 ax, cx, dx, bx, si, di, ds;
};
void user_enter(struct user_start *s);
#define USER(name, code)                                                                      \
	extern char name[];                                                                   \
	asm(".pushsection .user, \"ax\"\n" #name ":\n\t" code "\n\tint $0x80\n.popsection")
void user_run(const char *code, u32 di, u32 si);
#else
struct user_start {
	u64 ip, cs, flags, sp, ss; /* the iret frame */
	u64 ax, cx, dx, bx, si, di;
};
void user_enter(struct user_start *s);
extern char user_iret[];
/* USER(name, code): ring-3 code. It ends by any exception; "int $0x80" when it has no other. */
#define USER(name, code)                                                                      \
	extern char name[];                                                                   \
	asm(".pushsection .user, \"ax\"\n" #name ":\n\t" code "\n\tint $0x80\n.popsection")
/* Run ring-3 64-bit code at `code`; `last` says how it ended. */
void user_run(const char *code, u64 di, u64 si);
void user_run_flags(const char *code, u64 di, u64 si, u64 flags);
#endif

/* ---- paging (64-bit images) ---- */
enum {
	PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_PWT = 8, PTE_PCD = 16, PTE_A = 32, PTE_D = 64,
	PTE_PS = 128, PTE_G = 256,
};
#define PTE_NX (1ull << 63)
void *page_alloc(void); /* 4 KiB, zeroed, identity-mapped */
void *page_alloc_n(unsigned n, u64 align);
extern u64 boot_l4[], boot_l3[], boot_l2[];
/* Entry of level 1 (PT) .. 4 that maps va, tables made on the way (P, W, U set). */
u64 *pte_of(u64 va, unsigned level);
void map(u64 va, u64 pa, u64 flags);                  /* 4 KiB, and INVLPG */
void map_level(u64 va, u64 pa, u64 flags, unsigned level);

/* Accesses of one byte that may fault, and calls into a page (whose fault is at va itself). */
static inline void try_read(ulong va)
{
	TRY("movb (%0), %%al", : : "r"(va) : "eax", "memory");
}
static inline void try_write(ulong va)
{
	TRY("movb $0x5a, (%0)", : : "r"(va) : "memory");
}
static inline void try_call(ulong va)
{
	TRY("call *%0", : : "r"(va) : "eax", "ecx", "edx", "memory", "cc");
}
bool faulted_pf_at(ulong va, ulong err); /* instruction fetch from va: ip and cr2 are both va */

/* ---- the processor ---- */
#define CR_ACCESS(n)                                                                          \
	static inline ulong cr##n##_get(void)                                                 \
	{                                                                                     \
		ulong v;                                                                      \
		asm volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory");                    \
		return v;                                                                     \
	}                                                                                     \
	static inline void cr##n##_set(ulong v)                                               \
	{                                                                                     \
		asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory");                        \
	}
CR_ACCESS(0)
CR_ACCESS(2)
CR_ACCESS(3)
CR_ACCESS(4)

enum { CR0_PE = 1, CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_NE = 32, CR0_WP = 1 << 16,
       CR0_AM = 1 << 18 };
enum { CR4_TSD = 4, CR4_DE = 8, CR4_PSE = 16, CR4_PAE = 32, CR4_PGE = 128, CR4_PCE = 256,
       CR4_OSFXSR = 512, CR4_OSXMMEXCPT = 1024, CR4_UMIP = 1 << 11, CR4_FSGSBASE = 1 << 16,
       CR4_PCIDE = 1 << 17, CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21 };
enum { FL_CF = 1, FL_1 = 2, FL_PF = 4, FL_AF = 0x10, FL_ZF = 0x40, FL_SF = 0x80, FL_TF = 0x100,
       FL_IF = 0x200, FL_DF = 0x400, FL_OF = 0x800, FL_IOPL = 0x3000, FL_NT = 0x4000,
       FL_RF = 0x10000, FL_VM = 0x20000, FL_AC = 0x40000, FL_ID = 0x200000 };
#define FL_ARITH (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

#define MSR_APIC_BASE 0x1b
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { asm volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { asm volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port)
{
	u8 v;
	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline u16 inw(u16 port)
{
	u16 v;
	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline u32 inl(u16 port)
{
	u32 v;
	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;
	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return lo | (u64)hi << 32;
}
static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
static inline u64 rdtsc(void)
{
	u32 lo, hi;
	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}
struct cpuid { u32 a, b, c, d; };
static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;
	asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "0"(leaf), "2"(sub));
	return r;
}
bool cpu_is_amd(void);
/* A far pointer as an instruction with REX.W reads it: 64-bit offset, on AMD 32-bit.
 * Source: SDM 2A CALL; AMD APM 3 CALL (Far), LFS. */
struct far_ptr {
	u8 bytes[10];
};
struct far_ptr far_ptr(u64 off, u16 sel);
bool far_is_64(void);
static inline void invlpg(ulong va) { asm volatile("invlpg (%0)" : : "r"(va) : "memory"); }
static inline ulong flags_get(void)
{
	ulong f;
	asm volatile("pushf\n\tpop %0" : "=r"(f) : : "memory");
	return f;
}
static inline void flags_set(ulong f)
{
	asm volatile("push %0\n\tpopf" : : "r"(f) : "memory", "cc");
}
#define barrier() asm volatile("" : : : "memory")

void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
