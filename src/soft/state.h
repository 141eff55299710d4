/* state.h - the translator's data: the vCPU as translated code reaches it, blocks, the code cache. */
#ifndef PANDOK_SOFT_STATE_H
#define PANDOK_SOFT_STATE_H

#include "soft/int.h"

/*E:100 A vCPU in the host's registers
 * While translated code runs, GS points at struct soft_vcpu, so every field is one
 * `gs:[disp32]` away and no register is spent on it. Twelve guest registers live in host
 * registers for good (their home); r10, r11, r14 and r15 are parked in gpr[] and are given
 * a host register for as long as a block needs one. The host's r11 and rcx are scratch: rcx
 * because `jrcxz` is the only branch that asks nothing of the flags. The host's rsp is a
 * stack of host return addresses, so that a guest's `ret` is predicted as well as ours.
 */
enum host_reg { H_RAX, H_RCX, H_RDX, H_RBX, H_RSP, H_RBP, H_RSI, H_RDI,
		H_R8, H_R9, H_R10, H_R11, H_R12, H_R13, H_R14, H_R15 };
#define T0 H_R11
#define T1 H_RCX
#define LOC_MEM H_RSP /* "in gpr[]": no guest register is ever in the host's rsp */

/* Mode bits of a block: everything but addresses that its translation depends on. */
enum {
	M_CPL = 3,             /* bits 0..1 */
	M_CODE32 = 1 << 2, M_CODE64 = 1 << 3, /* neither: 16-bit code */
	M_SS32 = 1 << 4,       /* 32-bit stack pointer (outside 64-bit mode) */
	M_FLAT = 1 << 5,       /* CS, DS, ES, SS cover 4 GiB from 0 with all rights (always in 64-bit mode) */
	M_AC = 1 << 6,         /* SMAP is on and overridden by EFLAGS.AC */
	M_FPU_TRAP = 1 << 7,   /* CR0.TS or EM, or CR4.OSFXSR clear: every vector insn asks first */
	M_NO_AVX = 1 << 8,     /* XCR0 or CR4.OSXSAVE forbid VEX */
	M_ONE = 1 << 9,        /* one instruction */
	M_NOMERGE = 1 << 10,   /* each access checked by itself */
	M_CS_BASE = 1 << 11,   /* CS has a base or a limit: no jump cache, no return stack */
	M_TSC_CALL = 1 << 12,  /* rdtsc is done in C */
	M_SMAP = 1 << 13,      /* CR4.SMAP */
	M_NO_VEX = 1 << 14,    /* real or virtual-8086 mode */
	M_DEBUG = 1 << 15,     /* DR7 enables a breakpoint: every instruction alone, every access slow */
	M_ALIGN = 1 << 16,     /* CPL 3, CR0.AM and EFLAGS.AC: every access slow, where alignment is checked */
};
#define M_KEPT (~(u32)(M_ONE | M_NOMERGE)) /* bits that a successor inherits */

#ifndef TLB_BITS /* the differential test has one build with a tiny TLB and a tiny cache */
#define TLB_BITS 12
#endif
#define TLB_N (1u << TLB_BITS)
enum tlb_view { VIEW_SUPER, VIEW_USER, VIEW_AC, VIEW_N, VIEW_NONE = VIEW_N /* always empty */ };

/*
 * A hit is `ea - tag <= 4096 - size`. A tag that matches nothing has another index than its
 * slot: no address that selects the slot is within a page of it, canonical or not.
 */
struct tlb_entry {
	u64 tag_r, tag_w; /* guest page address, or no match */
	u64 addend;       /* host address - guest address */
	u64 host;         /* host address of the page */
};
#define TLB_NO_MATCH(i) ((u64)((i) ^ 1u) << GUEST_PAGE_SHIFT)

#define ITLB_N 4096
/* Tag of an executable mapping: virtual page and physical page, exact. 0 matches nothing. */
static inline u64 itlb_tag(u64 lin, u64 gpa)
{
	return ~((lin >> 12 << 28) | ((gpa >> 12) & 0xfffffff));
}
static inline unsigned itlb_index(u64 lin) { return (lin >> 12) & (ITLB_N - 1); }

#define FILL_LOG 512
struct fill_log { /* which slots were filled since the last flush; more than FILL_LOG: any */
	u32 n;
	u16 slot[FILL_LOG];
};

/* What was cached for an address space (PCID) that is not the present one. */
#define SPACES 8
#define SPACE_TLB 256
#define SPACE_ITLB 128
struct space {
	u32 pcid; /* + 1; 0: unused */
	u64 left_at;
	u16 n, ni;
	struct {
		u8 view;
		u16 slot;
		struct tlb_entry entry;
	} tlb[SPACE_TLB];
	struct {
		u8 view;
		u16 slot;
		u64 tag;
	} itlb[SPACE_ITLB];
};

#define SOFT_VCPUS 64
#define PROTECT_MAX 16 /* pages that others ask for before all write tags are dropped */

#define MODE_SLOTS 16
#define JC_N 65536

/* What translated code leaves in `exit_kind` when it goes back to the dispatcher. */
enum exit_kind {
	X_LINK,   /* T0: struct exit to be linked */
	X_JUMP,   /* T0: guest rip */
	X_STATE,  /* vcpu is complete already (fault or end noted by C) */
	X_BUDGET, /* T0: guest rip; deterministic: not enough instructions left for the block */
};

#define RAS_SIZE (64 * 1024) /* bytes of return stack; 8 a call */
#define BOUNCE_SIZE 64

struct block;

/* What a translation of one piece of an access found. */
struct filled {
	u8 *host;  /* RAM or ROM, also for a code page; NULL: device */
	gpa_t gpa;
	bool code, rom;
};

/* A store that must be finished after the instruction ran on the bounce buffer or on a code page. */
struct commit {
	u64 lin[2];
	gpa_t gpa[2];
	u8 len[2]; /* len[1] != 0: page crossing */
	bool bounced;
	u8 *at;
};

struct soft_vcpu {
	struct vcpu v; /* first: gpr[i] is gs:[8*i] */

	/* hot fields */
	u64 self;
	u64 poll, sti_poll; /* addresses read at polls; the bad page when something waits */
	u64 c_rsp, ras_rsp, ras_top;
	u64 jc_now;         /* offset from here of the present mode's jc[] */
	u64 operand;        /* of a push or call through memory */
	u32 flags_ax;       /* lahf/seto image: AH the low flags, AL the overflow flag */
	u32 exit_kind;
	u8 iff, df, ac;     /* EFLAGS.IF, DF and AC while translated code runs */
	bool vec_live;      /* guest vector state is in the host's registers */
	bool inhibit;       /* no interrupt before the next instruction */
	u32 mode;
	u64 hreg[16];       /* host registers at a slow path or a fault */
	u64 hflags_ax;
	u64 branch;         /* r10 as the last block left it: see gen.c, branch_mark() */
	i64 budget;         /* deterministic: instructions until the dispatcher must look */
	u64 scratch;
	_Alignas(64) u8 bounce[2 * BOUNCE_SIZE]; /* used at the address's own place in a line */
	struct commit commit;
	struct filled slow[2]; /* of the access being bounced */
	struct tlb_entry tlb[VIEW_N + 1][TLB_N];
	u64 itlb[2][ITLB_N]; /* supervisor, user */
	u64 jc[MODE_SLOTS][JC_N]; /* host code for the low 16 bits of a guest rip */
	u64 jc_none[JC_N];        /* for a mode without a slice: nothing but misses */

	/* cold fields */
	struct soft *soft;
	u32 in_code, asked;  /* sync.c: it may be in translated code; others ask for something */
	u32 ticket, served;  /* requests made, requests answered */
	u32 nprotect;
	u64 protect[PROTECT_MAX]; /* host pages to take write tags from */
	u32 asked_ticket[SOFT_VCPUS]; /* what to wait for from others */
	bool alone, alone_next; /* the world is stopped for the next instruction */
	u64 drops_seen;      /* so->drops when the last exit was noted */
	struct fill_log fills[VIEW_N][2], ifills[2][2]; /* [..][global] */
	u8 tlb_global[VIEW_N][TLB_N], itlb_global[2][ITLB_N]; /* the slot holds a global page */
	u32 pcid;            /* of what the TLBs hold */
	u64 spaces_left;     /* counts departures: the oldest space is given up first */
	struct space space[SPACES];
	bool huge_seen;      /* a page over 4 MiB was ever cached */
	u8 large_seen[4096]; /* by hash of 2 MiB piece: a page over 4 KiB was ever cached there */
	struct fault fault;
	enum run_exit exit_why;
	bool irq_waits;      /* a vector waits for IF */
	bool ras_reset;      /* the return stack is stale */
	bool exiting, again, faulted, fault_waits, run_one;
	bool ss_shadow, no_step, rf; /* debug exceptions and the present instruction: sys_debug.c */
	u32 watch_hits;          /* of DR0 to DR3, since the last trap */
	u64 break_hits;          /* of a debugger's watchpoints, since the last turn */
	u64 break_pc;            /* linear, where a debugger was told that we stopped */
	bool break_passed, debug_stop; /* break_pc is not stopped at again; RUN_DEBUG is due */
	u32 one_mode;        /* M_ONE: the next instruction runs with vectors allowed */
	u64 vec_mask;        /* state components that are switched */
	const struct site *site; /* what soft_state_at() found */
	u16 site_left;       /* instructions of its block from there on */
	bool left;           /* the present block was dropped or the mode changed: go to the dispatcher */
	u64 icount_end;      /* icount = icount_end - budget */
	u64 next_digest, next_tick;
	bool called_out;     /* something outside the engine was called since deterministic_turn() */
	u16 insn_left;       /* of the block whose helper runs: instructions counted but not yet done */
	struct tr *tr;       /* the translator's work space */
	u8 *ras;
	void *alt_stack;
};

/* One way out of a block to a known guest rip. */
struct exit {
	struct block *owner, *target; /* target NULL: not linked */
	struct exit *next, **back;    /* in target's list of incoming links; back: what points here */
	u64 pc;
	u32 mode;
	u32 jmp;     /* offset in the cache of the rel32 to patch */
	u32 unlinked; /* where the rel32 leads when not linked */
	bool checked; /* enter by the checked entry: another page, or back from a call */
};

/* From a host pc on (until the next site): which instruction, and where its registers are. */
struct site {
	u16 at;       /* offset from the start of the block's code */
	u16 insn_off; /* guest offset from the block's start; of the next insn for SITE_AFTER */
	u8 insn;      /* index in block */
	u8 map;       /* index into the block's register maps */
	u8 flags;     /* SITE_ */
};
enum {
	SITE_FLAGS_AX = 1, /* flags are in the host's AX as lahf/seto left them */
	SITE_PC_T0 = 2,    /* guest rip is in T0 */
	SITE_PC_IMM = 4,   /* guest rip is that of exit insn_off */
	SITE_STI = 8,      /* poll right after sti: one more instruction first */
	SITE_STAY = 16,    /* a commit here does not leave the block */
};

struct block {
	struct block *hash_next, **hash_back; /* back: what points here */
	struct block *page_next[2], **page_back[2]; /* in its pages' lists of blocks */
	u64 pc, cs_base;
	u32 cs_limit;    /* outside 64-bit mode */
	gpa_t gpa, gpa2; /* gpa2: second page of an instruction that crosses, else 0 */
	u32 mode;
	u16 len;         /* guest bytes */
	u16 last;        /* offset of the last instruction */
	u8 n;            /* guest instructions */
	bool dead, crosses;
	u32 code, indirect, checked, entry, end; /* offsets in the cache */
	u16 nexits, nsites, nmaps;
	struct exit *exits;
	struct site *sites;
	u64 *maps;       /* nibble per guest register: host register, or LOC_MEM */
	struct exit *incoming;
};

struct spin {
	u32 taken;
};

#define CHUNK_SHIFT 6
struct code_page {
	struct block *first; /* linked through page_next[0 or 1] */
	bool code;           /* nobody gets a write tag for it any more */
	bool claimed;        /* and nobody has one: its bytes may be read as code */
	u64 chunks;          /* 64-byte pieces that hold translated code */
};

#ifndef CACHE_BITS
#define CACHE_BITS 27
#endif
#define CACHE_SIZE (1u << CACHE_BITS)
#define REGIONS (CACHE_BITS > 24 ? 64 : 16) /* dropping one takes milliseconds */
#define REGION_SIZE (CACHE_SIZE / REGIONS)
#define HASH_BITS 16
#define BLOCK_INSNS 64
#define BLOCK_CODE_MAX (KIB(64) - 1) /* host bytes a block may take; a site's offset is 16 bits */
#define BLOCK_TABLES_MAX KIB(64) /* and bytes of its tables */

/* A slice of the code cache; blocks and their tables live and die with it. */
struct region {
	u32 start, used;
	struct block **blocks; /* in code order */
	u32 n, room;
	u8 *arena;
	size_t arena_used, arena_size;
};

struct thunks { /* offsets in the cache */
	u32 enter, exit, state, link, jump, insn_end, call, slow, group, commit, seg, ras_empty,
	    jc_go, budget;
};

struct soft {
	struct engine en;
	struct spin lock; /* blocks, links, code pages */
	u8 *code_rw, *code_rx;
	u32 thunks_end;
	struct thunks thunk;
	struct region region[REGIONS];
	unsigned present; /* region being filled */
	struct block *hash[1u << HASH_BITS];
	struct code_page **page; /* by RAM page number; NULL: never code there */
	struct code_page *code_pages; /* their storage, one for each RAM page at most */
	u64 ncode_pages;
	u64 *writers;  /* by RAM page number: bit c, vCPU c may have a write tag */
	struct soft_vcpu *stopper; /* who has stopped the world */
	u64 smc, drops; /* blocks dropped because written, regions dropped because full */
	u64 npages;
	u8 *poll_page;           /* first page readable, second not */
	struct cpuid_config cpuid;
	struct spin slot_lock;  /* slot_mode */
	struct spin claim_lock; /* a page is being claimed; its holder is outside code and waits for acks */
	struct soft_vcpu *vcpu[SOFT_VCPUS];
	unsigned nvcpus;
	u64 slot_mode[MODE_SLOTS]; /* mode + 1 that uses this slice of the jump caches; 0 free */
	bool single_step, deterministic;
	struct engine_break breaks[ENGINE_BREAKS]; /* a debugger's */
	unsigned nbreaks, nwatches; /* all of them, and those that are not BREAK_EXEC */
	bool precise;            /* flags are right even where the program cannot see them */
};

#define OFF(field) ((u32)offsetof(struct soft_vcpu, field))

static inline struct soft_vcpu *soft_of(struct vcpu *v) { return (struct soft_vcpu *)v; }
static inline u64 soft_linear_pc(const struct vcpu *v)
{
	return in_64bit(v) ? v->rip : (u32)(v->seg[SEG_CS].base + v->rip);
}

/* Data view of a mode. */
static inline enum tlb_view view_of_mode(u32 mode)
{
	return (mode & M_CPL) == 3 ? VIEW_USER : mode & M_AC ? VIEW_AC : VIEW_SUPER;
}

/* The view that its code looks up. */
static inline enum tlb_view view_looked_up(u32 mode)
{
	return mode & (M_DEBUG | M_ALIGN) ? VIEW_NONE : view_of_mode(mode);
}

/* ---- sys_debug.c ---- */
bool debug_on(const struct vcpu *v);
bool debug_stops(struct soft_vcpu *s);
bool debug_trap(struct soft_vcpu *s, bool tf, struct fault *ret);
void debug_access(struct soft_vcpu *s, u64 lin, unsigned len, bool write);

/* ---- breaks.c ---- */
int soft_breaks(struct engine *en, const struct engine_break *b, unsigned n, struct err *e);
bool break_at(const struct soft *so, u64 lin);
void break_begin(struct soft_vcpu *s); /* run() begins */
/* May the instruction at rip not run? If it may, *mode gets M_ONE as needed. */
bool break_stops(struct soft_vcpu *s, u32 *mode);
void break_turned(struct soft_vcpu *s, bool rf);
void break_end(struct soft_vcpu *s); /* run() ends with RUN_DEBUG */
void break_access(struct soft_vcpu *s, u64 lin, unsigned len, bool write);
/* Does a debugger want anything of this vCPU? */
static inline bool break_any(const struct soft_vcpu *s)
{
	return s->soft->nbreaks || s->v.debug_step;
}

/* ---- tlb.c, access.c ---- */
/* A data access while M_DEBUG or M_ALIGN is on: watched, and #AC noted when not aligned. */
enum step access_special(struct soft_vcpu *s, u64 lin, unsigned len, unsigned acc);
enum fill { FILL_RAM, FILL_SLOW /* device, ROM or code page */, FILL_FAULT };
/* Translate lin for acc in a view; fills the TLB when the page is plain RAM for that access. */
enum fill tlb_fill(struct soft_vcpu *s, enum tlb_view view, u64 lin, unsigned acc,
		   struct filled *ret);
/* tlb_fill_quietly - as above for several bytes of one page; false instead of faults and slow pages;
 * never sets a dirty bit. */
bool tlb_fill_quietly(struct soft_vcpu *s, enum tlb_view view, u64 lin, bool write);
void tlb_init(struct soft_vcpu *s);
/* Forget write tags of a host page, in every view: it holds code now. */
void tlb_protect(struct soft_vcpu *s, u64 host_page);
void tlb_protect_all(struct soft_vcpu *s);
/* itlb_fill - physical address of the code at lin for the present mode; fills the ITLB. */
enum step itlb_fill(struct soft_vcpu *s, u64 lin, gpa_t *ret);

/* ---- cache.c ---- */
int cache_init(struct soft *so, struct err *e);
void cache_fini(struct soft *so);
/* The block made for this code in this mode, or NULL. gpa: physical address of the first byte. */
struct block *cache_find(struct soft_vcpu *s, u64 pc, gpa_t gpa, u32 mode, u64 cs_base);
/* The region with room for one more block, or NULL: cache_recycle() first. Lock held. */
struct region *cache_room(struct soft *so);
/* Go on to the next region, and drop what is there. The world is stopped, the lock held. */
void cache_recycle(struct soft *so);
void *cache_alloc(struct region *r, size_t size);
/* Make b findable and its pages code pages. Lock held. */
void cache_add(struct soft *so, struct region *r, struct block *b);
void block_drop(struct soft *so, struct block *b);
/* The block whose code holds host address pc, or NULL. */
struct block *cache_block_at(struct soft *so, u64 host_pc);
const struct site *block_site(const struct block *b, u32 at);
void exit_link(struct soft *so, struct exit *x, struct block *to);
bool code_at(const struct soft *so, gpa_t at);
/* Must a page be claimed before code is read from it? */
bool code_unclaimed(const struct soft *so, gpa_t at);
struct code_page *code_page_mark(struct soft *so, u64 pfn); /* it is a code page now. Lock held */
/* Guest memory was written: drop the blocks made from it. Returns true when any was. Locks. */
bool code_written(struct soft *so, gpa_t at, u64 len);

/* ---- block.c ---- */
enum made { MADE, MADE_FAULT /* noted */, MADE_CLAIM /* *page is not claimed */, MADE_FULL };
/* Translate the code at v->rip (its page is in the ITLB). Lock held. */
enum made block_make(struct soft_vcpu *s, gpa_t gpa, u32 mode, struct block **ret, gpa_t *page);

/* ---- sync.c ---- */
void spin_lock(struct spin *l);
void spin_unlock(struct spin *l);
/* Between these s may be in translated code and hold host addresses of guest memory and blocks. */
void code_enter(struct soft_vcpu *s);
void code_leave(struct soft_vcpu *s);
/* Outside code: claim a page, or keep every other vCPU outside. No lock held. */
void code_page_claim(struct soft_vcpu *s, u64 pfn);
void world_stop(struct soft_vcpu *s);
void world_go(struct soft_vcpu *s);

/* ---- thunk.c ---- */
extern const u8 soft_home[16]; /* guest register: its host register, LOC_MEM when parked */
void thunks_make(struct soft *so);

/* Access to what one piece of an access maps to; devices are called with vectors saved. */
void phys_read(struct soft_vcpu *s, const struct filled *f, gpa_t at, u8 *buf, unsigned len);
void phys_write(struct soft_vcpu *s, const struct filled *f, gpa_t at, const u8 *buf, unsigned len);

/* ---- run.c: called from translated code ---- */
#define SOFT_DETERMINISTIC_HZ 1000000000u /* an instruction is a TSC tick is a nanosecond */
enum run_exit soft_run(struct vcpu *v, struct err *e);
u64 soft_icount(struct vcpu *v);
/* call.c: enter the guest's handler; soft_deliver_fault: of the exception that was noted */
void soft_deliver(struct soft_vcpu *s, enum intr_kind kind, const struct fault *f);
void soft_deliver_fault(struct soft_vcpu *s);
void soft_ras_apply(struct soft_vcpu *s); /* begin the return stack anew when that is due */
u64 soft_slow(struct soft_vcpu *s, u64 ea, u32 desc, u64 ret);
u64 soft_group(struct soft_vcpu *s, u64 ea, u32 desc, u64 ret);
u64 soft_commit(struct soft_vcpu *s, u64 unused, u32 desc, u64 ret);
u64 soft_seg(struct soft_vcpu *s, u64 off, u32 desc, u64 ret);
u64 soft_call(struct soft_vcpu *s, const struct insn *in);
u64 soft_end(struct soft_vcpu *s, const struct insn *in);
void soft_flags_pack(struct soft_vcpu *s);
void soft_flags_unpack(struct soft_vcpu *s);
/* Guest state from hreg[] at host address pc; false: not in translated code. */
bool soft_state_at(struct soft_vcpu *s, u64 host_pc);
u32 soft_mode(const struct soft_vcpu *s);
/* Slice of the jump caches for a mode; -1 when all are taken by others. */
int soft_mode_slot(struct soft *so, u32 mode);
void vec_save(struct soft_vcpu *s);
void vec_load(struct soft_vcpu *s);

/* ---- signal.c ---- */
int traps_init(struct err *e);
int traps_thread(struct soft_vcpu *s, struct err *e);

/* desc of a slow access: bytes, kind */
enum {
	DESC_SIZE = 0xfff,
	DESC_W = 1 << 12,
	DESC_R = 1 << 13,
	DESC_SS = 1 << 14,
	DESC_ALIGN = 1 << 15,
	DESC_SEG_SHIFT = 16,
	DESC_WAITS = 1 << 20, /* a pending x87 exception comes first */
	DESC_LOCK = 1 << 21,
};

#endif
