/* reset.c - RESET for what only KVM holds: interrupt controllers, pending events, shared pages. */
#include <errno.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "kvm/int.h"

int kvm_reset_keep_chips(struct kvm_engine *k, struct err *e)
{
	unsigned i;

	for (i = 0; i < KVM_CHIPS; i++) {
		k->chip[i].chip_id = i;
		if (ioctl(k->vm_fd, KVM_GET_IRQCHIP, &k->chip[i]) < 0)
			return err_sys(e, "KVM_GET_IRQCHIP");
	}
	return 0;
}

int kvm_reset_keep_vcpu(struct kvm_vcpu *kv, struct err *e)
{
	if (ioctl(kv->fd, KVM_GET_LAPIC, &kv->lapic) < 0)
		return err_sys(e, "KVM_GET_LAPIC");
	if (!kvm_msr_get(kv, MSR_APIC_BASE, &kv->apic_base))
		return err_set(e, -EIO, "KVM_GET_MSRS: no APIC base");
	return 0;
}

/*
 * Through these KVM writes into pages the old kernel named: clocks, end-of-interrupt flags, page
 * faults to come. Source: linux/Documentation/virt/kvm/x86/msr.rst.
 */
static const u32 shared_msrs[] = {
	0x11, 0x12, 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04,
};

static void vcpu_reset_hidden(struct kvm_vcpu *kv)
{
	struct kvm_vcpu_events none = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
	};
	struct kvm_mp_state mp = {
		.mp_state = kv->base.index ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE,
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(shared_msrs); i++)
		kvm_msr_set(kv, shared_msrs[i], 0);
	kvm_msr_set(kv, MSR_TSC_DEADLINE, 0);
	if (!kvm_msr_set(kv, MSR_APIC_BASE, kv->apic_base) ||
	    ioctl(kv->fd, KVM_SET_LAPIC, &kv->lapic) < 0 ||
	    ioctl(kv->fd, KVM_SET_VCPU_EVENTS, &none) < 0 ||
	    ioctl(kv->fd, KVM_SET_MP_STATE, &mp) < 0)
		LOG(kvm, WARN, "KVM refuses to reset vCPU %u", kv->base.index);
}

void kvm_reset(struct engine *en)
{
	struct kvm_engine *k = kvm_engine_of(en);
	unsigned i;

	for (i = 0; i < KVM_CHIPS; i++)
		if (ioctl(k->vm_fd, KVM_SET_IRQCHIP, &k->chip[i]) < 0)
			LOG(kvm, WARN, "KVM refuses to reset interrupt controller %u", i);
	for (i = 0; i < en->config.ncpus; i++)
		if (k->vcpu[i])
			vcpu_reset_hidden(k->vcpu[i]);
}
