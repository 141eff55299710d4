/* fuzz_xen.c - a Xen domain whose kernel makes any hypercalls, with memory and rings full of anything.
 * What it may not do is break a promise of ours (BUG_ON) or reach a byte outside its domain.
 * @links src/xen src/elf src/mem src/x86 src/net src/disk src/base src/dev/clock.c */
#include <stdlib.h>
#include <string.h>

#include "xen/int.h"

#define RAM MIB(8)
#define CODE 0x1000u

/* A kernel of one page: notes in a PT_NOTE, code that is never run. */
static u8 file[8192];

static u32 note(u32 at, u32 type, const void *desc, u32 len)
{
	u32 head[3] = { 4, len, type };

	memcpy(file + at, head, 12);
	memcpy(file + at + 12, "Xen", 4);
	memcpy(file + at + 16, desc, len);
	return at + 16 + ((len + 3) & ~3u);
}

static void file_make(struct elf *ret)
{
	Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 }, .e_type = ET_EXEC,
			 .e_machine = EM_X86_64, .e_entry = 0, .e_phoff = 64, .e_ehsize = 64,
			 .e_phentsize = 56, .e_phnum = 2 };
	Elf64_Phdr p[2] = { { .p_type = PT_LOAD, .p_flags = 7, .p_offset = CODE, .p_filesz = 4096,
			      .p_memsz = 65536, .p_align = 4096 },
			    { .p_type = PT_NOTE, .p_offset = 512, .p_align = 4 } };
	u64 zero = 0, page = 4096;
	u32 at = 512;
	struct err e;

	at = note(at, 8, "generic", 8);
	at = note(at, 5, "xen-3.0", 8);
	at = note(at, 3, &zero, 8);
	at = note(at, 1, &zero, 8);
	at = note(at, 2, &page, 8);
	p[1].p_filesz = at - 512;
	memcpy(file, &h, sizeof(h));
	memcpy(file + 64, p, sizeof(p));
	BUG_ON(elf_open(file, sizeof(file), ret, &e));
}

/* An engine that runs nothing. */
static void no_tlb(struct vcpu *v, enum engine_tlb what, gva_t at) { (void)v, (void)what, (void)at; }
static void no_put(struct vcpu *v) { (void)v; }
static void no_kick(struct vcpu *v) { (void)v; }
static const struct engine_ops ops = { .name = "none", .tlb = no_tlb, .put_state = no_put, .kick = no_kick };

static void put(void *ctx, u8 byte) { (void)ctx, (void)byte; }
static void end(void *ctx, enum xen_end why, const char *text) { (void)ctx, (void)why, (void)text; }

static const u8 *in;
static size_t left;

static u64 take(unsigned n)
{
	u64 v = 0;

	n = n < left ? n : (unsigned)left;
	memcpy(&v, in, n);
	in += n;
	left -= n;
	return v;
}

/* Numbers that mean something here, or any. */
static u64 number(struct xen *x)
{
	u8 kind = (u8)take(1);
	u64 n = take(1);

	switch (kind % 10) {
	case 0: return n;
	case 1: return n << 4;                                          /* an address in its memory */
	case 2: return x->p2m[n % x->npages];                           /* a frame of its own */
	case 3: return x->p2m[n % x->npages] << 12 | (kind & 7) | (u64)take(1) << 3;
	case 4: return x->kernel_base << 12 | n << 3 | (kind & 3);
	case 5: return take(8);
	case 6: return n % x->nframes << 12 | 7;
	case 7: return 0xffff800000000000ull + n * 512;
	case 8: return DOMID_SELF;
	default: return -n;
	}
}

static void one(struct xen *x, struct vcpu *v)
{
	struct engine_trap t = { .kind = TRAP_SYSCALL };
	u8 what = (u8)take(1);

	if (what < 0x40) { /* write into its own memory, as its code would */
		u64 at = number(x), val = number(x);

		if (guest_write(x, at & ~7ull, &val, 8))
			return;
	} else if (what < 0x50) {
		t.kind = TRAP_EXCEPTION;
		t.vec = (u8)take(1) % 32;
		t.has_err = t.vec == EXC_PF || t.vec == EXC_GP;
		t.err = (u32)take(1);
		t.cr2 = number(x);
		t.rip = v->rip;
		xen_trap(x, v, &t);
	} else {
		v->gpr[RAX] = take(1) % 42;
		v->gpr[RDI] = number(x);
		v->gpr[RSI] = number(x);
		v->gpr[RDX] = number(x);
		v->gpr[R10] = number(x);
		v->gpr[RSP] = number(x) & ~7ull;
		t.rip = v->rip;
		if (v->gpr[RAX] == __HYPERVISOR_sched_op && v->gpr[RDI] == 3)
			return; /* poll sleeps */
		xen_trap(x, v, &t);
		x->blocked = false;
	}
}

/* No frame of a page table is writable by the guest, and none that is not the guest's is mapped. */
static void promises(struct xen *x)
{
	for (u64 mfn = 0; mfn < x->nframes; mfn++) {
		struct frame *f = frame_of(x, mfn);
		u64 *e;

		if (!f || f->owner != OWN_GUEST || !f->count || f->type != T_L1)
			continue;
		e = (u64 *)(void *)frame_host(x, mfn);
		for (unsigned i = 0; i < 512; i++) {
			struct frame *to = frame_of(x, ENTRY_MFN(e[i]));

			if (!(e[i] & PTE_P) || x->stepping)
				continue;
			BUG_ON(!to || to->owner == OWN_XEN);
			BUG_ON((e[i] & PTE_W) && to->owner == OWN_GUEST &&
			       (to->type != T_WRITABLE || !to->count));
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct vcpu v;
	struct xen_config c = { .tsc_hz = 1000000000, .put = put, .end = end };
	struct engine en = { .ops = &ops };
	struct xen_image im = { .cmdline = "fuzz", .seed = 1 };
	struct xen *x;
	struct err e;

	file_make(&im.elf);
	memset(&v, 0, sizeof(v));
	BUG_ON(mem_new(RAM, &c.mem, &e));
	BUG_ON(xen_new(&c, &x, &e));
	v.engine = &en;
	BUG_ON(xen_build(x, &im, &v, &e));
	in = data;
	left = size;
	while (left && !x->ended)
		one(x, &v);
	xen_stepped(x, &v);
	promises(x);
	xen_console_in(x, data, size < 64 ? size : 64);
	xen_free(x);
	mem_free(c.mem);
	return 0;
}
