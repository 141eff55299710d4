/* debug.c - a debugger's breakpoints, watchpoints and steps on KVM: debug registers, then int3. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "kvm/int.h"

#define INT3 0xcc
#define SLOTS 4 /* debug registers for addresses */
enum { DR6_STEPPED = 1 << 14, DR7_LE_GE = 0x300 };

/* ---- what KVM is told ---- */

static u64 dr7_bits(const struct engine_break *b, unsigned n)
{
	static const u8 length[9] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	u64 kind = b->kind == BREAK_EXEC ? 0 : b->kind == BREAK_WRITE ? 1 : 3;
	u64 len = b->kind == BREAK_EXEC ? 0 : length[b->len];

	return 1ull << 2 * n | (kind | len << 2) << (16 + 4 * n);
}

/*
 * pass: this vCPU stands at a breakpoint it has been stopped at already. It takes one step without
 * any on code, and is told the whole truth after it.
 */
static void debug_tell(struct kvm_vcpu *kv, bool pass, u32 more)
{
	const struct kvm_engine *k = kvm_engine_of(kv->base.engine);
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE | more };

	for (unsigned i = 0; i < k->nbreaks; i++) {
		const struct kvm_break *b = &k->breaks[i];

		if (b->slot < 0 || (pass && b->b.kind == BREAK_EXEC))
			continue;
		d.arch.debugreg[b->slot] = b->b.at.at;
		d.arch.debugreg[7] |= dr7_bits(&b->b, (unsigned)b->slot) | DR7_LE_GE;
		d.control |= KVM_GUESTDBG_USE_HW_BP;
	}
	if (k->planted)
		d.control |= KVM_GUESTDBG_USE_SW_BP;
	if (pass || kv->base.debug_step)
		d.control |= KVM_GUESTDBG_SINGLESTEP | k->block_irq;
	if (d.control == KVM_GUESTDBG_ENABLE)
		d.control = 0;
	if (d.control || kv->debug_told)
		if (ioctl(kv->fd, KVM_SET_GUEST_DEBUG, &d) < 0)
			LOG(kvm, WARN, "KVM_SET_GUEST_DEBUG: %s", strerror(errno));
	kv->debug_told = d.control;
}

static u64 linear_pc(struct kvm_vcpu *kv)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	if (ioctl(kv->fd, KVM_GET_REGS, &r) < 0 || ioctl(kv->fd, KVM_GET_SREGS, &s) < 0)
		return 0;
	return s.cs.base + r.rip;
}

static struct kvm_break *planted_at(struct kvm_engine *k, u64 pc)
{
	for (unsigned i = 0; i < k->nbreaks; i++)
		if (k->breaks[i].slot < 0 && k->breaks[i].byte && k->breaks[i].b.at.at == pc)
			return &k->breaks[i];
	return NULL;
}

void kvm_debug_begin(struct kvm_vcpu *kv)
{
	struct kvm_engine *k = kvm_engine_of(kv->base.engine);
	struct kvm_break *b;

	if (!k->nbreaks && !kv->base.debug_step && !kv->debug_told)
		return;
	kv->passing = kv->break_passed && k->nbreaks && linear_pc(kv) == kv->break_pc;
	kv->break_passed = false;
	b = kv->passing ? planted_at(k, kv->break_pc) : NULL;
	if (b)
		*b->byte = b->old;
	debug_tell(kv, kv->passing, 0);
}

/* ---- what KVM tells ---- */

static void passed(struct kvm_vcpu *kv)
{
	struct kvm_break *b = planted_at(kvm_engine_of(kv->base.engine), kv->break_pc);

	if (b)
		*b->byte = INT3;
	kv->passing = false;
	debug_tell(kv, false, 0);
}

static bool stop(struct kvm_vcpu *kv, unsigned hit)
{
	kv->base.debug_hit = (u8)hit;
	kv->break_passed = true;
	kv->break_pc = linear_pc(kv);
	return true;
}

bool kvm_debug_exit(struct kvm_vcpu *kv)
{
	struct kvm_engine *k = kvm_engine_of(kv->base.engine);
	const struct kvm_debug_exit_arch a = kv->run->debug.arch;
	bool was_passing = kv->passing;
	struct kvm_break *b;

	if (was_passing)
		passed(kv);
	if (a.exception == EXC_BP) {
		b = planted_at(k, a.pc);
		if (b)
			return stop(kv, DEBUG_BREAK + (unsigned)(b - k->breaks));
		debug_tell(kv, false, KVM_GUESTDBG_INJECT_BP); /* the guest's own */
		return false;
	}
	for (unsigned i = 0; i < k->nbreaks; i++)
		if (k->breaks[i].slot >= 0 && a.dr6 >> k->breaks[i].slot & 1 &&
		    !(was_passing && k->breaks[i].b.kind == BREAK_EXEC))
			return stop(kv, DEBUG_BREAK + i);
	return kv->base.debug_step ? stop(kv, DEBUG_STEPPED) : false;
}

/* Leaving run() before the step was made: the breakpoint is still to be passed. */
void kvm_debug_end(struct kvm_vcpu *kv)
{
	struct kvm_break *b;

	if (!kv->passing)
		return;
	b = planted_at(kvm_engine_of(kv->base.engine), kv->break_pc);
	if (b)
		*b->byte = INT3;
	kv->passing = false;
	kv->break_passed = true;
}

/* ---- setting them ---- */

/* Where the byte at a linear address is, by the first vCPU that maps it. */
static u8 *byte_at(struct kvm_engine *k, u64 at)
{
	for (unsigned i = 0; i < k->base.config.ncpus; i++) {
		const struct vcpu *v = &k->vcpu[i]->base;
		struct paging p = { v->cr0, v->cr3, v->cr4, v->efer, true, 0 };
		struct walk w;

		kvm_state_get(&k->vcpu[i]->base);
		if (!mem_walk(k->base.config.mem, &p, GVA(at), ACC_R | ACC_QUIET, &w))
			return mem_host_w(k->base.config.mem, w.at, 1);
	}
	return NULL;
}

static void plant(struct kvm_engine *k, struct kvm_break *b)
{
	b->byte = byte_at(k, b->b.at.at);
	if (!b->byte)
		return; /* nothing is mapped there: it cannot be met either, until it is set anew */
	b->old = *b->byte;
	*b->byte = INT3;
	k->planted++;
}

static void unplant_all(struct kvm_engine *k)
{
	for (unsigned i = k->nbreaks; i-- > 0;)
		if (k->breaks[i].byte)
			*k->breaks[i].byte = k->breaks[i].old;
	k->nbreaks = k->planted = 0;
}

static unsigned watches(const struct engine_break *b, unsigned n)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < n; i++)
		ret += b[i].kind != BREAK_EXEC;
	return ret;
}

/*K:500 Breakpoints without a trace, up to four
 * The processor's debug registers are taken for a debugger's breakpoints first: the guest sees nothing of
 * them, as long as it uses none itself. Watchpoints need them, so they come first.
 * Breakpoints on code that do not fit are int3 bytes in the guest's memory.
 */
int kvm_breaks(struct engine *en, const struct engine_break *b, unsigned n, struct err *e)
{
	struct kvm_engine *k = kvm_engine_of(en);
	unsigned slot = 0, first = watches(b, n);

	/* It neither loads debug registers for a guest nor lets a guest's int3 leave it. QEMU 7.2. */
	if (n && kvm_on_tcg())
		return err_set(e, -ENOTSUP, "KVM has no breakpoints here: its processor is QEMU's "
			       "emulation");
	if (n > ENGINE_BREAKS || first > SLOTS)
		return err_set(e, -ENOSPC, "KVM has room for %d watchpoints and %d breakpoints",
			       SLOTS, ENGINE_BREAKS);
	unplant_all(k);
	if (ioctl(k->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2) &
	    (int)KVM_GUESTDBG_BLOCKIRQ)
		k->block_irq = KVM_GUESTDBG_BLOCKIRQ;
	for (unsigned i = 0; i < n; i++) {
		struct kvm_break *to = &k->breaks[k->nbreaks++];
		bool watch = b[i].kind != BREAK_EXEC;

		*to = (struct kvm_break){ .b = b[i], .slot = -1 };
		if (watch)
			to->slot = (int)slot++;
		else if (first < SLOTS)
			to->slot = (int)first++;
		else
			plant(k, to);
	}
	return 0;
}
