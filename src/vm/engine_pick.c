/* engine_pick.c - which engine runs a machine. */
#include <errno.h>
#include <stdio.h>

#include "kvm/kvm.h"
#include "soft/soft.h"
#include "vm/vm_int.h"

/*L:700 Which engine
 * "auto" wants hardware, and trusts it only after the probe: there are machines where /dev/kvm
 * opens and a stock kernel still never gets far. Asked for by name, an engine is never replaced by
 * the other. What only the translator can do (counting instructions) needs no question.
 */
int vm_engine_pick(const struct vm_config *c, const struct engine_ops **ret, char *note, size_t size,
		   struct err *e)
{
	struct kvm_verdict v = { 0 };

	note[0] = 0;
	if (c->xen) {
		if (c->engine == VM_ENGINE_KVM)
			return err_set(e, -EINVAL, "only the soft engine runs Xen guests");
		*ret = &soft_ops;
		return 0;
	}
	if (c->single_step || c->deterministic) {
		if (c->engine == VM_ENGINE_KVM)
			return err_set(e, -EINVAL, "only the soft engine counts single instructions");
		*ret = &soft_ops;
		return 0;
	}
	if (c->engine == VM_ENGINE_SOFT) {
		*ret = &soft_ops;
		return 0;
	}
	if (c->engine == VM_ENGINE_KVM) {
		*ret = &kvm_ops;
		return 0;
	}
	kvm_probe(&v);
	*ret = v.usable ? &kvm_ops : &soft_ops;
	if (!v.usable)
		snprintf(note, size, "using the soft engine: %s", v.why);
	return 0;
}
