/* cpuid.c - what KVM supports, fitted to the machine, becomes the vCPU's CPUID. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/int.h"

#define ENTRIES_MAX 256
#define B(n) (1u << (n))
#define XCR0_SHOWN 0xe7u /* x87 SSE AVX and AVX-512's three: what struct vcpu's XSAVE area holds */

/*
 * Hidden although KVM offers them: what our guests must not need (state that struct vcpu does not
 * hold, nested virtualization, performance counters, MONITOR).
 */
static const struct {
	u32 leaf, subleaf;
	u32 eax, ebx, ecx, edx; /* bits taken away */
} hidden[] = {
	{ 0x1, 0, 0, 0, B(2) | B(3) | B(5) | B(6) | B(15), B(21) }, /* DTES64 MONITOR VMX SMX PDCM DS */
	{ 0x7, 0, 0, B(2), B(3) | B(4) | B(5) | B(7) | B(16) | B(23), /* SGX PKU OSPKE WAITPKG CET LA57 KL */
	  B(5) | B(19) | B(20) | B(22) | B(24) | B(25) },     /* UINTR ARCH_LBR IBT AMX */
	{ 0x7, 1, B(17) | B(21), 0, 0, 0 },                   /* FRED AMX-FP16 */
	{ 0xd, 0, ~XCR0_SHOWN, 0, 0, ~0u },
	{ 0xd, 1, B(3) | B(4), 0, ~0u, ~0u },                 /* XSAVES XFD */
	{ 0x80000001, 0, 0, 0, B(2) | B(10) | B(12) | B(15) | B(23) | B(24) | B(28) | B(29), 0 },
};

/* Leaves that only hidden features use, or that are made anew. */
static bool leaf_dropped(u32 leaf)
{
	switch (leaf) {
	case 0x5: case 0xa: case 0xb: case 0xf: case 0x10: case 0x12: case 0x14: case 0x17: case 0x18:
	case 0x19: case 0x1b: case 0x1c: case 0x1d: case 0x1e: case 0x1f: case 0x23:
	case 0x8000000a: case 0x8000001b: case 0x8000001f: case 0x80000022: case 0x80000026:
		return true;
	default:
		return leaf >= 0x40000000 && leaf < 0x50000000;
	}
}

static void hide(struct kvm_cpuid_entry2 *d)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (hidden[i].leaf != d->function || hidden[i].subleaf != d->index)
			continue;
		d->eax &= ~hidden[i].eax;
		d->ebx &= ~hidden[i].ebx;
		d->ecx &= ~hidden[i].ecx;
		d->edx &= ~hidden[i].edx;
	}
	/* The TSC deadline is KVM's own work and is not in its list. Source: api.rst 4.46. */
	if (d->function == 0x1)
		d->ecx |= B(24) | B(31);
	if (d->function == 0x80000008) /* without LA57 */
		d->eax = (d->eax & ~0xff00u) | 48 << 8;
}

static void fit(struct kvm_cpuid_entry2 *d, const struct cpuid_config *c, unsigned apic_id)
{
	struct cpuid_regs r = { d->eax, d->ebx, d->ecx, d->edx };

	r = cpuid_fit(c, apic_id, d->function, d->index, r);
	d->eax = r.eax;
	d->ebx = r.ebx;
	d->ecx = r.ecx;
	d->edx = r.edx;
}

/* A leaf that does not come from KVM's list. */
static void add(struct kvm_cpuid2 *to, const struct cpuid_config *c, unsigned apic_id, u32 leaf,
		u32 subleaf, bool indexed)
{
	struct kvm_cpuid_entry2 *d = &to->entries[to->nent++];

	*d = (struct kvm_cpuid_entry2){
		.function = leaf, .index = subleaf,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
	fit(d, c, apic_id);
}

/* Leaf 0xd.0 tells the size of all offered components. */
static void xsave_size(struct kvm_cpuid2 *to)
{
	struct kvm_cpuid_entry2 *top = NULL;
	u32 size = 512 + 64, i;

	for (i = 0; i < to->nent; i++)
		if (to->entries[i].function == 0xd && to->entries[i].index == 0)
			top = &to->entries[i];
	if (!top)
		return;
	for (i = 0; i < to->nent; i++) {
		const struct kvm_cpuid_entry2 *d = &to->entries[i];

		if (d->function == 0xd && d->index >= 2 && d->index < 32 &&
		    (top->eax >> d->index & 1) && d->eax + d->ebx > size)
			size = d->eax + d->ebx;
	}
	top->ecx = size;
}

static u32 pv_supported(const struct kvm_cpuid2 *from)
{
	u32 i;

	for (i = 0; i < from->nent; i++)
		if (from->entries[i].function == 0x40000001)
			return from->entries[i].eax;
	return 0;
}

static void entries_make(const struct kvm_cpuid2 *from, const struct cpuid_config *c,
			 unsigned apic_id, struct kvm_cpuid2 *to)
{
	u32 i;

	for (i = 0; i < from->nent; i++) {
		struct kvm_cpuid_entry2 d = from->entries[i];

		if (leaf_dropped(d.function))
			continue;
		hide(&d);
		if (d.function == 0xd && d.index >= 2 && !(d.index < 32 && XCR0_SHOWN >> d.index & 1))
			continue;
		fit(&d, c, apic_id);
		to->entries[to->nent++] = d;
	}
	for (i = 0; i < 3; i++)
		add(to, c, apic_id, 0xb, i, true);
	add(to, c, apic_id, 0x40000000, 0, false);
	add(to, c, apic_id, 0x40000001, 0, false);
	to->entries[to->nent - 1].eax &= pv_supported(from);
	add(to, c, apic_id, 0x40000010, 0, false);
	xsave_size(to);
}

static struct kvm_cpuid2 *entries_new(void)
{
	/* Room for the leaves added to a full list. */
	return calloc(1, sizeof(struct kvm_cpuid2) +
				 (ENTRIES_MAX + 8) * sizeof(struct kvm_cpuid_entry2));
}

int kvm_cpuid_set(struct kvm_engine *k, struct kvm_vcpu *kv, struct err *e)
{
	struct kvm_cpuid2 *from = entries_new(), *to = entries_new();
	struct cpuid_config c = { .ncpus = k->base.config.ncpus, .kvm_leaves = true };
	int khz, rc = 0;

	if (!from || !to) {
		rc = err_set(e, -ENOMEM, "out of memory");
		goto out;
	}
	khz = ioctl(kv->fd, KVM_GET_TSC_KHZ, 0);
	c.tsc_hz = khz > 0 ? khz * 1000ull : tsc_hz();
	from->nent = ENTRIES_MAX;
	if (ioctl(k->dev_fd, KVM_GET_SUPPORTED_CPUID, from) < 0) {
		rc = err_sys(e, "KVM_GET_SUPPORTED_CPUID");
		goto out;
	}
	entries_make(from, &c, kv->base.index, to);
	if (ioctl(kv->fd, KVM_SET_CPUID2, to) < 0)
		rc = err_sys(e, "KVM_SET_CPUID2 with %u leaves", to->nent);
out:
	free(from);
	free(to);
	return rc;
}
