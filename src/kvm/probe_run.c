/* probe_run.c - the probe's machine: the engine, two megabytes, five ports and a device. */
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kvm/int.h"
#include "kvm/kvm.h"
#include "kvm/probe_guest.h"
#include "kvm/probe_int.h"

struct probe_board {
	struct probe_shared *shared;
	u32 echoed;
	u64 device; /* a register of 8 bytes */
};

static u32 pio_read(void *ctx, struct vcpu *v, u16 port, unsigned size)
{
	struct probe_board *b = ctx;

	(void)v;
	(void)size;
	return port == PROBE_PORT_ECHO ? b->echoed : 0xffffffff;
}

static void end(struct probe_board *b, struct vcpu *v, enum probe_end why)
{
	if (b->shared->end == PROBE_RUNS)
		b->shared->end = why;
	vcpu_post(v, EV_STOP);
}

static void pio_write(void *ctx, struct vcpu *v, u16 port, unsigned size, u32 val)
{
	struct probe_board *b = ctx;

	(void)size;
	switch (port) {
	case PROBE_PORT_STEP:
		b->shared->step = val;
		break;
	case PROBE_PORT_TRAP:
		b->shared->trap = (val & 0xff) + 1;
		break;
	case PROBE_PORT_ECHO:
		b->echoed++;
		break;
	case PROBE_PORT_FAIL:
		end(b, v, PROBE_WRONG);
		break;
	case PROBE_PORT_DONE:
		end(b, v, PROBE_DONE);
		break;
	}
}

static u64 mmio_read(void *ctx, struct vcpu *v, gpa_t at, unsigned size)
{
	struct probe_board *b = ctx;

	(void)v;
	if (at.at + size > PROBE_MMIO + 8 || at.at < PROBE_MMIO)
		return ~0ull;
	return b->device >> (at.at - PROBE_MMIO) * 8;
}

static void mmio_write(void *ctx, struct vcpu *v, gpa_t at, unsigned size, u64 val)
{
	struct probe_board *b = ctx;

	(void)v;
	(void)size;
	if (at.at == PROBE_MMIO)
		b->device = val;
}

static int guest_khz(struct vcpu *v)
{
	int khz = ioctl(kvm_vcpu_of(v)->fd, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? khz : (int)(tsc_hz() / 1000);
}

static void run(struct probe_board *b, struct mem *m, struct vcpu *v)
{
	struct probe_shared *s = b->shared;

	probe_image(m, v, (u32)guest_khz(v));
	kvm_state_put(v);
	switch (kvm_ops.run(v, &s->err)) {
	case RUN_EVENT:
		break;
	case RUN_SHUTDOWN:
		end(b, v, PROBE_SHUTDOWN);
		break;
	default:
		end(b, v, PROBE_ERROR);
		break;
	}
}

void probe_guest_run(struct probe_shared *s)
{
	struct probe_board b = { .shared = s };
	struct engine_config c = {
		.ncpus = 1,
		.host = { .ctx = &b, .pio_read = pio_read, .pio_write = pio_write,
			  .mmio_read = mmio_read, .mmio_write = mmio_write },
	};
	struct engine *en = NULL;
	struct vcpu *v = NULL;
	int rc;

	rc = mem_new(PROBE_RAM, &c.mem, &s->err);
	if (!rc)
		rc = kvm_ops.new(&c, &en, &s->err);
	if (!rc)
		rc = kvm_ops.vcpu_new(en, 0, &v, &s->err);
	if (rc)
		s->end = PROBE_NO_VM;
	else
		run(&b, c.mem, v);
	kvm_ops.vcpu_free(v);
	kvm_ops.free(en);
	mem_free(c.mem);
}
