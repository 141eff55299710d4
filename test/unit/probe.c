/* probe.c - the KVM probe on whatever this machine has. @links src/base src/x86 src/mem src/kvm */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kvm/kvm.h"

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000 + (u64)ts.tv_nsec / 1000000;
}

static void kvm_probe_answers_in_time(void **unused)
{
	struct kvm_verdict v;
	u64 start = now_ms();

	(void)unused;
	kvm_probe(&v);
	assert_true(now_ms() - start < KVM_PROBE_MS + 1000);
	assert_true(v.why[0] != 0);
	assert_true(v.usable || v.fix[0]);
	assert_true(v.opens || !v.usable);
	assert_true(v.present || !v.opens);
	assert_true(!v.usable || !v.step[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kvm_probe_answers_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
