/* engine.c - a machine as KVM sees it: its memory, its interrupt controllers, its processors. */
#include "kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "kvm/int.h"

/* Four pages below the BIOS that no guest memory uses: VMX needs them for real mode.
 * Source: linux/Documentation/virt/kvm/api.rst 4.36, 4.41. */
#define KVM_IDENTITY_AT 0xfffbc000ull
#define KVM_TSS_AT 0xfffbd000ull

/* What the engine cannot do without, oldest first. */
static const struct {
	int cap;
	const char *what;
} kvm_needs[] = {
	{ KVM_CAP_USER_MEMORY, "memory slots" },
	{ KVM_CAP_IRQCHIP, "an in-kernel interrupt controller" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_SET_TSS_ADDR" },
	{ KVM_CAP_EXT_CPUID, "KVM_GET_SUPPORTED_CPUID" },
	{ KVM_CAP_XSAVE, "KVM_GET_XSAVE" },
	{ KVM_CAP_XCRS, "KVM_GET_XCRS" },
	{ KVM_CAP_DEBUGREGS, "KVM_GET_DEBUGREGS" },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing" },
	{ KVM_CAP_SIGNAL_MSI, "KVM_SIGNAL_MSI" },
	{ KVM_CAP_READONLY_MEM, "read-only memory slots" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate_exit" },
};

static int caps_check(int fd, struct err *e)
{
	unsigned i;

	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return err_set(e, -ENOTSUP, "%s speaks another API version", KVM_DEVICE);
	for (i = 0; i < ARRAY_SIZE(kvm_needs); i++)
		if (ioctl(fd, KVM_CHECK_EXTENSION, kvm_needs[i].cap) <= 0)
			return err_set(e, -ENOTSUP, "this kernel's KVM lacks %s",
				       kvm_needs[i].what);
	return 0;
}

static int vm_create(struct kvm_engine *k, struct err *e)
{
	int size;

	do
		k->vm_fd = ioctl(k->dev_fd, KVM_CREATE_VM, 0);
	while (k->vm_fd < 0 && errno == EINTR);
	if (k->vm_fd < 0)
		return err_sys(e, "KVM_CREATE_VM");
	size = ioctl(k->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return err_set(e, -ENOTSUP, "KVM_GET_VCPU_MMAP_SIZE answers %d", size);
	k->run_size = (size_t)size;
	return 0;
}

static void route(struct kvm_irq_routing *r, u32 gsi, u32 chip, u32 pin)
{
	r->entries[r->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/*
 * A GSI is an ISA interrupt below 16. The timer, ISA interrupt 0, sits on IOAPIC pin 2, as the
 * MADT says; the PIC's pin 2 is its cascade.
 */
static int irq_routes(struct kvm_engine *k, struct err *e)
{
	struct kvm_irq_routing *r;
	u32 gsi;
	int rc = 0;

	r = calloc(1, sizeof(*r) + 2 * KVM_GSIS * sizeof(r->entries[0]));
	if (!r)
		return err_set(e, -ENOMEM, "out of memory");
	for (gsi = 0; gsi < KVM_GSIS; gsi++) {
		if (gsi < 8 && gsi != 2)
			route(r, gsi, KVM_IRQCHIP_PIC_MASTER, gsi);
		else if (gsi >= 8 && gsi < 16)
			route(r, gsi, KVM_IRQCHIP_PIC_SLAVE, gsi - 8);
		route(r, gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
	}
	if (ioctl(k->vm_fd, KVM_SET_GSI_ROUTING, r) < 0)
		rc = err_sys(e, "KVM_SET_GSI_ROUTING");
	free(r);
	return rc;
}

/*K:200 The chips live in the kernel
 * A local APIC is touched at every interrupt, and a trip to user space costs more than the
 * interrupt itself. So KVM keeps PIC, IOAPIC and local APICs; our devices only raise and lower
 * its lines, through the same struct irq that leads to our own chips under the translator.
 */
static int irqchip_create(struct kvm_engine *k, struct err *e)
{
	u64 identity = KVM_IDENTITY_AT;

	if (ioctl(k->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return err_sys(e, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(k->vm_fd, KVM_SET_TSS_ADDR, KVM_TSS_AT) < 0)
		return err_sys(e, "KVM_SET_TSS_ADDR");
	if (ioctl(k->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_sys(e, "KVM_CREATE_IRQCHIP");
	return kvm_reset_keep_chips(k, e) ?: irq_routes(k, e);
}

static int slot_set(struct kvm_engine *k, unsigned slot, struct err *e)
{
	const struct mem_block *b = &k->base.config.mem->block[slot];
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = b->rom ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = b->at.at,
		.memory_size = b->len,
		.userspace_addr = (u64)(uintptr_t)b->host,
	};

	if (ioctl(k->vm_fd, KVM_SET_USER_MEMORY_REGION, &r) < 0)
		return err_sys(e, "KVM_SET_USER_MEMORY_REGION at 0x%llx, %llu bytes",
			       (unsigned long long)b->at.at, (unsigned long long)b->len);
	return 0;
}

int kvm_map(struct kvm_engine *k, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&k->lock);
	while (!rc && k->slots < k->base.config.mem->n) {
		rc = slot_set(k, k->slots, e);
		k->slots += !rc;
	}
	pthread_mutex_unlock(&k->lock);
	return rc;
}

static void engine_free(struct engine *en)
{
	struct kvm_engine *k;

	if (!en)
		return;
	k = kvm_engine_of(en);
	if (k->vm_fd >= 0)
		close(k->vm_fd);
	if (k->dev_fd >= 0)
		close(k->dev_fd);
	pthread_mutex_destroy(&k->lock);
	free(k->vcpu);
	free(k);
}

/* A kick that comes when its thread has just left run() must not end the process. */
static void kick_ignore(int sig)
{
	(void)sig;
}

static int kick_prepare(struct err *e)
{
	struct sigaction sa = { .sa_handler = kick_ignore, .sa_flags = SA_RESTART };

	if (sigaction(KVM_KICK_SIGNAL, &sa, NULL) < 0)
		return err_sys(e, "sigaction");
	return 0;
}

static int engine_make(struct kvm_engine *k, struct err *e)
{
	int rc;

	k->dev_fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (k->dev_fd < 0)
		return err_sys(e, "cannot open %s", KVM_DEVICE);
	k->vcpu = calloc(k->base.config.ncpus, sizeof(struct kvm_vcpu *));
	if (!k->vcpu)
		return err_set(e, -ENOMEM, "out of memory");
	rc = caps_check(k->dev_fd, e);
	if (!rc)
		rc = kick_prepare(e);
	if (!rc)
		rc = vm_create(k, e);
	if (!rc)
		rc = irqchip_create(k, e);
	if (!rc)
		rc = kvm_map(k, e);
	return rc;
}

static int engine_new(const struct engine_config *c, struct engine **ret, struct err *e)
{
	struct kvm_engine *k;
	int rc;

	k = calloc(1, sizeof(*k));
	if (!k)
		return err_set(e, -ENOMEM, "out of memory");
	k->base = (struct engine){ &kvm_ops, *c };
	k->vm_fd = -1;
	pthread_mutex_init(&k->lock, NULL);
	rc = engine_make(k, e);
	if (rc) {
		engine_free(&k->base);
		return rc;
	}
	LOG(kvm, DEBUG, "machine with %u memory slots", k->slots);
	*ret = &k->base;
	return 0;
}

static void vcpu_free(struct vcpu *v)
{
	struct kvm_vcpu *kv;

	if (!v)
		return;
	kv = kvm_vcpu_of(v);
	kvm_engine_of(v->engine)->vcpu[v->index] = NULL;
	if (kv->run)
		munmap(kv->run, kvm_engine_of(v->engine)->run_size);
	if (kv->fd >= 0)
		close(kv->fd);
	free(kv);
}

static int run_map(struct kvm_engine *k, struct kvm_vcpu *kv, struct err *e)
{
	void *run = mmap(NULL, k->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, kv->fd, 0);

	if (run == MAP_FAILED)
		return err_sys(e, "mmap of struct kvm_run");
	kv->run = run;
	return 0;
}

static int vcpu_make(struct kvm_engine *k, struct kvm_vcpu *kv, struct err *e)
{
	int rc;

	kv->fd = ioctl(k->vm_fd, KVM_CREATE_VCPU, (unsigned long)kv->base.index);
	if (kv->fd < 0)
		return err_sys(e, "KVM_CREATE_VCPU");
	rc = run_map(k, kv, e);
	if (!rc)
		rc = kvm_cpuid_set(k, kv, e);
	if (rc)
		return rc;
	kvm_state_init(kv);
	vcpu_reset(&kv->base);
	kvm_state_put(&kv->base);
	return kvm_reset_keep_vcpu(kv, e);
}

static int vcpu_new(struct engine *en, unsigned index, struct vcpu **ret, struct err *e)
{
	struct kvm_engine *k = kvm_engine_of(en);
	struct kvm_vcpu *kv;
	int rc;

	kv = aligned_alloc(64, (sizeof(*kv) + 63) & ~(size_t)63);
	if (!kv)
		return err_set(e, -ENOMEM, "out of memory");
	memset(kv, 0, sizeof(*kv));
	kv->base.engine = en;
	kv->base.index = index;
	rc = vcpu_make(k, kv, e);
	if (rc) {
		vcpu_free(&kv->base);
		return err_in(e, rc, "vCPU %u", index);
	}
	k->vcpu[index] = kv;
	*ret = &kv->base;
	return 0;
}

static void irq_line(struct engine *en, unsigned gsi, bool level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	BUG_ON(ioctl(kvm_engine_of(en)->vm_fd, KVM_IRQ_LINE, &l) < 0);
}

/* A message to a vCPU that does not exist or is off is lost, as on a bus. */
static void msi(struct engine *en, u64 address, u32 data)
{
	struct kvm_msi m = {
		.address_lo = (u32)address, .address_hi = (u32)(address >> 32), .data = data,
	};

	if (ioctl(kvm_engine_of(en)->vm_fd, KVM_SIGNAL_MSI, &m) < 0)
		LOG(irq, DEBUG, "MSI to 0x%llx was refused: %s", (unsigned long long)address,
		    strerror(errno));
}

const struct engine_ops kvm_ops = {
	.name = "kvm",
	.irqchip = true,
	.new = engine_new,
	.free = engine_free,
	.vcpu_new = vcpu_new,
	.vcpu_free = vcpu_free,
	.run = kvm_vcpu_run,
	.kick = kvm_vcpu_kick,
	.get_state = kvm_state_get,
	.put_state = kvm_state_put,
	.reset = kvm_reset,
	.breaks = kvm_breaks,
	.irq_line = irq_line,
	.msi = msi,
};
