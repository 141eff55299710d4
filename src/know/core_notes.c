/* core_notes.c - a machine's registers as the notes of a core file, there and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "know/core.h"
#include "know/task.h"
#include "x86/x86.h"

#define CPUS_MAX 1024
#define INFO_MAX 4096u

typedef struct elf_prstatus prstatus; /* of the host's C library, which is what gdb reads */

static struct core_seg seg_out(const struct seg *s)
{
	/* QEMU's flags are a descriptor's second dword. */
	return (struct core_seg){ s->sel, s->limit, (u32)s->attr << 8, 0, s->base };
}

static struct seg seg_in(const struct core_seg *s)
{
	return (struct seg){ (u16)s->sel, (u16)(s->flags >> 8 & 0xf0ff), s->limit, s->base };
}

static void cpu_out(const struct vcpu *v, struct core_cpu *c)
{
	const u64 *g = v->gpr;

	*c = (struct core_cpu){
		.version = 1, .size = sizeof(*c),
		.rax = g[RAX], .rbx = g[RBX], .rcx = g[RCX], .rdx = g[RDX], .rsi = g[RSI],
		.rdi = g[RDI], .rsp = g[RSP], .rbp = g[RBP], .rip = v->rip, .rflags = v->rflags,
		.cs = seg_out(&v->seg[SEG_CS]), .ds = seg_out(&v->seg[SEG_DS]),
		.es = seg_out(&v->seg[SEG_ES]), .fs = seg_out(&v->seg[SEG_FS]),
		.gs = seg_out(&v->seg[SEG_GS]), .ss = seg_out(&v->seg[SEG_SS]),
		.ldt = seg_out(&v->ldt), .tr = seg_out(&v->tr),
		.gdt = { 0, v->gdt.limit, 0, 0, v->gdt.base },
		.idt = { 0, v->idt.limit, 0, 0, v->idt.base },
		.cr = { v->cr0, 0, v->cr2, v->cr3, v->cr4 },
		.kernel_gs_base = v->kernel_gs_base,
	};
	memcpy(c->r8_15, g + R8, sizeof(c->r8_15));
}

static void cpu_in(const struct core_cpu *c, struct vcpu *v)
{
	u64 *g = v->gpr;

	g[RAX] = c->rax, g[RBX] = c->rbx, g[RCX] = c->rcx, g[RDX] = c->rdx;
	g[RSI] = c->rsi, g[RDI] = c->rdi, g[RSP] = c->rsp, g[RBP] = c->rbp;
	memcpy(g + R8, c->r8_15, sizeof(c->r8_15));
	v->rip = c->rip;
	v->rflags = c->rflags;
	v->seg[SEG_CS] = seg_in(&c->cs);
	v->seg[SEG_DS] = seg_in(&c->ds);
	v->seg[SEG_ES] = seg_in(&c->es);
	v->seg[SEG_FS] = seg_in(&c->fs);
	v->seg[SEG_GS] = seg_in(&c->gs);
	v->seg[SEG_SS] = seg_in(&c->ss);
	v->ldt = seg_in(&c->ldt);
	v->tr = seg_in(&c->tr);
	v->gdt = (struct dtr){ c->gdt.base, (u16)c->gdt.limit };
	v->idt = (struct dtr){ c->idt.base, (u16)c->idt.limit };
	v->cr0 = c->cr[0], v->cr2 = c->cr[2], v->cr3 = c->cr[3], v->cr4 = c->cr[4];
	v->kernel_gs_base = c->kernel_gs_base;
	v->cpl = c->cs.sel & 3;
	/* EFER has no place in the note: only long mode pages with PAE and a 64-bit kernel. */
	if ((v->cr0 & CR0_PG) && (v->cr4 & CR4_PAE))
		v->efer = EFER_LME | EFER_LMA;
}

static void status_out(const struct vcpu *v, u32 pid, prstatus *p)
{
	unsigned long long *r = (unsigned long long *)p->pr_reg;
	static const u8 gpr[] = { R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI };

	memset(p, 0, sizeof(*p));
	p->pr_pid = (int)pid;
	for (unsigned i = 0; i < ARRAY_SIZE(gpr); i++)
		r[i] = v->gpr[gpr[i]];
	r[15] = v->gpr[RAX]; /* orig_rax */
	r[16] = v->rip;
	r[17] = v->seg[SEG_CS].sel;
	r[18] = v->rflags;
	r[19] = v->gpr[RSP];
	r[20] = v->seg[SEG_SS].sel;
	r[21] = v->seg[SEG_FS].base;
	r[22] = v->seg[SEG_GS].base;
	r[23] = v->seg[SEG_DS].sel;
	r[24] = v->seg[SEG_ES].sel;
	r[25] = v->seg[SEG_FS].sel;
	r[26] = v->seg[SEG_GS].sel;
}

static void status_in(const prstatus *p, struct vcpu *v)
{
	const unsigned long long *r = (const unsigned long long *)p->pr_reg;
	static const u8 gpr[] = { R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI };

	for (unsigned i = 0; i < ARRAY_SIZE(gpr); i++)
		v->gpr[gpr[i]] = r[i];
	v->rip = r[16];
	v->seg[SEG_CS].sel = (u16)r[17];
	v->cpl = r[17] & 3;
	v->rflags = r[18];
	v->gpr[RSP] = r[19];
	v->seg[SEG_SS].sel = (u16)r[20];
	v->seg[SEG_FS].base = r[21];
	v->seg[SEG_GS].base = r[22];
}

static u64 note_room(const char *name, u64 len)
{
	return sizeof(Elf64_Nhdr) + ((strlen(name) + 1 + 3) & ~3ull) + ((len + 3) & ~3ull);
}

/* The bytes are cleared already. Returns where the description went. */
static u64 note_put(struct notes *n, const char *name, u32 type, const void *desc, u64 len)
{
	Elf64_Nhdr h = { (u32)strlen(name) + 1, (u32)len, type };
	u64 at = n->len + note_room(name, 0);

	memcpy(n->at + n->len, &h, sizeof(h));
	memcpy(n->at + n->len + sizeof(h), name, h.n_namesz);
	memcpy(n->at + at, desc, len);
	n->len += note_room(name, len);
	return at;
}

int notes_make(struct target *t, struct kernel *k, struct notes *ret, struct err *e)
{
	u64 info = k && k->info ? strlen(k->info) : 0, room;
	struct notes n = { 0 };
	struct core_cpu c;
	struct task now;
	prstatus p;

	room = t->ncpus * (note_room("CORE", sizeof(p)) + note_room(CORE_NOTE_CPU, sizeof(c))) +
	       note_room(CORE_NOTE_INFO, info);
	n.at = calloc(1, room);
	if (!n.at)
		return err_set(e, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < t->ncpus; i++) {
		bool known = k && task_current(k, i, &now);

		status_out(t->vcpu[i], known ? now.pid : i + 1, &p);
		note_put(&n, "CORE", NT_PRSTATUS, &p, sizeof(p));
	}
	for (unsigned i = 0; i < t->ncpus; i++) {
		cpu_out(t->vcpu[i], &c);
		note_put(&n, CORE_NOTE_CPU, 0, &c, sizeof(c));
	}
	if (info) {
		n.info_at = note_put(&n, CORE_NOTE_INFO, 0, k->info, info);
		n.info_len = info;
	}
	*ret = n;
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

static struct vcpu *cpu_add(struct target *t)
{
	struct vcpu **p, *v;

	if (t->ncpus == CPUS_MAX)
		return NULL;
	p = realloc(t->vcpu, (t->ncpus + 1) * sizeof(*p));
	if (!p)
		return NULL;
	t->vcpu = p;
	v = aligned_alloc(_Alignof(struct vcpu), sizeof(*v));
	if (!v)
		return NULL;
	memset(v, 0, sizeof(*v));
	v->index = t->ncpus;
	t->vcpu[t->ncpus++] = v;
	return v;
}

/* The n-th note of a kind is of processor n. */
static struct vcpu *cpu_nth(struct target *t, unsigned n)
{
	return n < t->ncpus ? t->vcpu[n] : n == t->ncpus ? cpu_add(t) : NULL;
}

void core_note(struct target *t, const char *name, u32 type, const u8 *desc, u64 len)
{
	struct core_cpu c;
	struct vcpu *v;
	prstatus p;

	if (!strcmp(name, "CORE") && type == NT_PRSTATUS && len >= sizeof(p)) {
		memcpy(&p, desc, sizeof(p));
		v = cpu_nth(t, t->nstatus++);
		if (v)
			status_in(&p, v);
	} else if (!strcmp(name, CORE_NOTE_CPU) && !type && len >= sizeof(c)) {
		memcpy(&c, desc, sizeof(c));
		v = cpu_nth(t, t->ncpu_notes++);
		if (v)
			cpu_in(&c, v);
	} else if (!strcmp(name, CORE_NOTE_INFO) && !type && len && len <= 16 * INFO_MAX && !t->note) {
		t->note = strndup((const char *)desc, len);
	}
}

void core_notes(struct target *t, const u8 *p, u64 len)
{
	Elf64_Nhdr h;
	char name[32];
	u64 at = 0;

	while (len - at >= sizeof(h)) {
		u64 desc;

		memcpy(&h, p + at, sizeof(h));
		at += sizeof(h);
		desc = ((u64)h.n_namesz + 3) & ~3ull;
		if (desc > len - at || h.n_descsz > len - at - desc)
			return;
		if (h.n_namesz < sizeof(name)) {
			memcpy(name, p + at, h.n_namesz);
			name[h.n_namesz] = 0;
			core_note(t, name, h.n_type, p + at + desc, h.n_descsz);
		}
		desc += ((u64)h.n_descsz + 3) & ~3ull;
		if (desc > len - at)
			return;
		at += desc;
	}
}
