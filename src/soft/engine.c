/* engine.c - the translator as an engine: made, given vCPUs, run, taken apart. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "soft/soft.h"
#include "soft/translate.h"

static void on_mem_written(void *ctx, gpa_t at, u64 len)
{
	struct soft *so = ctx;

	if (!code_written(so, at, len))
		return;
	for (unsigned i = 0; i < so->nvcpus; i++)
		so->vcpu[i]->left = true;
}

static void soft_free(struct engine *en)
{
	struct soft *so = container_of(en, struct soft, en);

	cache_fini(so);
	if (so->poll_page && so->poll_page != MAP_FAILED)
		munmap(so->poll_page, 2 * GUEST_PAGE_SIZE);
	free(so);
}

static int poll_page_make(struct soft *so, struct err *e)
{
	so->poll_page = mmap(NULL, 2 * GUEST_PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
	if (so->poll_page == MAP_FAILED)
		return err_sys(e, "cannot map the poll page");
	if (mprotect(so->poll_page + GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, PROT_NONE) < 0)
		return err_sys(e, "cannot protect the poll page");
	return 0;
}

static int soft_new(const struct engine_config *c, struct engine **ret, struct err *e)
{
	struct soft *so = calloc(1, sizeof(*so));
	int rc;

	if (!so)
		return err_set(e, -ENOMEM, "out of memory");
	so->en.ops = &soft_ops;
	so->en.config = *c;
	so->single_step = c->single_step;
	so->deterministic = c->deterministic;
	so->precise = c->single_step || c->deterministic || c->precise;
	so->cpuid = (struct cpuid_config){.ncpus = c->ncpus,
					  .tsc_hz = c->deterministic ? SOFT_DETERMINISTIC_HZ
								     : tsc_hz(),
					  .soft = true,
					  .kvm_leaves = true,
					  .deterministic = c->deterministic};
	rc = poll_page_make(so, e);
	if (!rc)
		rc = cache_init(so, e);
	if (!rc)
		rc = traps_init(e);
	if (rc) {
		soft_free(&so->en);
		return rc;
	}
	decode_init();
	c->mem->written = on_mem_written;
	c->mem->written_ctx = so;
	*ret = &so->en;
	return 0;
}

static void soft_vcpu_free(struct vcpu *v)
{
	struct soft_vcpu *s;

	if (!v)
		return;
	s = soft_of(v);
	if (s->ras)
		munmap(s->ras, RAS_SIZE + 2 * GUEST_PAGE_SIZE);
	free(s->tr);
	munmap(s, sizeof(*s));
}

/* The return stack: a guard page below, and at its top the address that an empty stack returns to.
 */
static int ras_make(struct soft_vcpu *s, struct err *e)
{
	u64 *top;

	s->ras = mmap(NULL, RAS_SIZE + 2 * GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->ras == MAP_FAILED)
		return err_sys(e, "cannot map the return stack");
	if (mprotect(s->ras, GUEST_PAGE_SIZE, PROT_NONE) < 0)
		return err_sys(e, "cannot guard the return stack");
	top = (u64 *)(void *)(s->ras + GUEST_PAGE_SIZE + RAS_SIZE);
	*top = (u64)(uintptr_t)(s->soft->code_rx + s->soft->thunk.ras_empty);
	s->ras_top = s->ras_rsp = (u64)(uintptr_t)top;
	return 0;
}

static int soft_vcpu_new(struct engine *en, unsigned index, struct vcpu **ret, struct err *e)
{
	struct soft *so = container_of(en, struct soft, en);
	struct soft_vcpu *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int rc;

	if (s == MAP_FAILED)
		return err_sys(e, "cannot map a virtual processor");
	s->self = (u64)(uintptr_t)s;
	s->soft = so;
	s->v.engine = en;
	s->v.index = index;
	s->vec_mask = cpuid_xcr0(&so->cpuid) & 7;
	s->poll = s->sti_poll = (u64)(uintptr_t)so->poll_page;
	s->next_digest = so->deterministic ? en->config.digest_every : 0;
	s->tr = calloc(1, sizeof(*s->tr));
	rc = s->tr ? ras_make(s, e) : err_set(e, -ENOMEM, "out of memory");
	if (rc) {
		soft_vcpu_free(&s->v);
		return rc;
	}
	tlb_init(s);
	for (unsigned k = 0; k < JC_N; k++)
		s->jc_none[k] = (u64)(uintptr_t)so->code_rx + so->thunk.jump;
	for (unsigned i = 0; i < MODE_SLOTS && so->slot_mode[i]; i++)
		__builtin_memcpy(s->jc[i], s->jc_none, sizeof(s->jc_none));
	so->vcpu[so->nvcpus++] = s;
	vcpu_reset(&s->v);
	*ret = &s->v;
	return 0;
}

static enum run_exit soft_ops_run(struct vcpu *v, struct err *e)
{
	struct soft_vcpu *s = soft_of(v);

	if (traps_thread(s, e))
		return RUN_ERROR;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, s) < 0) {
		err_sys(e, "cannot set the GS base");
		return RUN_ERROR;
	}
	return soft_run(v, e);
}

static void soft_kick(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);

	__atomic_store_n(&s->poll, (u64)(uintptr_t)s->soft->poll_page + GUEST_PAGE_SIZE,
			 __ATOMIC_SEQ_CST);
}

static void soft_get_state(struct vcpu *v) { (void)v; }

static void soft_put_state(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);

	soft_tlb_flush(s, true);
	s->exiting = false;
	s->ras_reset = true;
	s->mode = ~0u;
	soft_mode_changed(s);
}

static void soft_ops_tlb(struct vcpu *v, enum engine_tlb what, gva_t at)
{
	struct soft_vcpu *s = soft_of(v);

	if (what == ENGINE_TLB_PAGE)
		soft_tlb_flush_page(s, at.at);
	else if (what == ENGINE_TLB_CR3 || what == ENGINE_TLB_CR3_KEEP)
		soft_tlb_cr3(s, what == ENGINE_TLB_CR3_KEEP);
	else
		soft_tlb_flush(s, true);
}

const struct engine_ops soft_ops = {
	.name = "soft",
	.new = soft_new,
	.free = soft_free,
	.vcpu_new = soft_vcpu_new,
	.vcpu_free = soft_vcpu_free,
	.run = soft_ops_run,
	.kick = soft_kick,
	.get_state = soft_get_state,
	.put_state = soft_put_state,
	.tlb = soft_ops_tlb,
	.breaks = soft_breaks,
	.icount = soft_icount,
};
