/* vcpu.c - tests of reset, events and sleep. */
/* @links src/base src/x86 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "x86/x86.h"

static struct vcpu *vcpu(void)
{
	struct vcpu *v = aligned_alloc(64, (sizeof(*v) + 63) & ~63ull);

	memset(v, 0, sizeof(*v));
	return v;
}

static void vcpu_reset_is_table_9_1(void **unused)
{
	struct vcpu *v = vcpu();

	(void)unused;
	vcpu_reset(v);
	assert_int_equal(v->seg[SEG_CS].base + v->rip, 0xfffffff0);
	assert_int_equal(v->seg[SEG_CS].sel, 0xf000);
	assert_int_equal(v->cr0, 0x60000010);
	assert_int_equal(v->rflags, 2);
	assert_int_equal(v->idt.limit, 0xffff);
	assert_int_equal(v->dr[6], 0xffff0ff0);
	assert_int_equal(v->xcr0, 1);
	assert_int_equal(v->state, VCPU_RUNNING);
	v->index = 1;
	vcpu_reset(v);
	assert_int_equal(v->state, VCPU_WAIT_SIPI);
	free(v);
}

static void kick(struct vcpu *v) { v->gpr[RAX]++; }

static void *poster(void *arg)
{
	vcpu_post(arg, EV_NMI);
	return NULL;
}

static void vcpu_sleep_returns_on_post(void **unused)
{
	static const struct engine_ops ops = { .kick = kick };
	struct engine en = { .ops = &ops };
	struct vcpu *v = vcpu();
	pthread_t t;

	(void)unused;
	v->engine = &en;
	assert_int_equal(pthread_create(&t, NULL, poster, v), 0);
	while (!v->events)
		vcpu_sleep(v, UINT64_MAX);
	pthread_join(t, NULL);
	assert_int_equal(v->events, EV_NMI);
	assert_int_equal(v->gpr[RAX], 1);
	vcpu_sleep(v, UINT64_MAX); /* an event is there: no sleep */
	free(v);
}

static void vcpu_sleep_ends_at_its_deadline(void **unused)
{
	struct vcpu *v = vcpu();
	struct timespec ts;
	u64 now;

	(void)unused;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
	vcpu_sleep(v, now + 1000000);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	assert_true((u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec >= now + 1000000);
	vcpu_sleep(v, 1); /* long past */
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vcpu_reset_is_table_9_1),
		cmocka_unit_test(vcpu_sleep_returns_on_post),
		cmocka_unit_test(vcpu_sleep_ends_at_its_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
