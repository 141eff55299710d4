/* no_vm.h - what the folder know asks a machine, for tests that have none. */
#ifndef PANDOK_TEST_NO_VM_H
#define PANDOK_TEST_NO_VM_H

#include <stdlib.h>

#include "vm/vm.h"

struct mem *vm_mem(struct vm *vm)
{
	(void)vm;
	abort();
}

unsigned vm_ncpus(const struct vm *vm)
{
	(void)vm;
	abort();
}

struct vcpu *vm_vcpu(struct vm *vm, unsigned i)
{
	(void)vm;
	(void)i;
	abort();
}

#endif
