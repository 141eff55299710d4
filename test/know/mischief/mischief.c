/* mischief.c - a kernel module that crashes its kernel in the way the parameter `how` says. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/timer.h>

static char *how = "";
module_param(how, charp, 0);

static DEFINE_MUTEX(mischief_first);
static DEFINE_MUTEX(mischief_second);
static struct timer_list mischief_timer;
static int *volatile mischief_nowhere;

static noinline int mischief_null(int depth)
{
	if (depth)
		return mischief_null(depth - 1) + 1;
	return *mischief_nowhere;
}

static noinline int mischief_overflow(int depth)
{
	volatile char room[200];

	room[depth % 200] = (char)depth;
	return mischief_overflow(depth + 1) + room[depth % 100];
}

static noinline void mischief_bug(struct timer_list *t)
{
	BUG();
}

static noinline int mischief_take(struct mutex *one, struct mutex *two)
{
	mutex_lock(one);
	msleep(50);
	mutex_lock(two);
	mutex_unlock(two);
	mutex_unlock(one);
	return 0;
}

static int mischief_a(void *unused)
{
	return mischief_take(&mischief_first, &mischief_second);
}

static int mischief_b(void *unused)
{
	return mischief_take(&mischief_second, &mischief_first);
}

static noinline void mischief_spin(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
}

static int __init mischief_init(void)
{
	if (!strcmp(how, "null"))
		return mischief_null(3);
	if (!strcmp(how, "overflow"))
		return mischief_overflow(0);
	if (!strcmp(how, "irq")) {
		timer_setup(&mischief_timer, mischief_bug, 0);
		mod_timer(&mischief_timer, jiffies + 1);
	}
	if (!strcmp(how, "deadlock")) {
		kthread_run(mischief_a, NULL, "mischief_a");
		kthread_run(mischief_b, NULL, "mischief_b");
	}
	if (!strcmp(how, "spin"))
		mischief_spin();
	return 0;
}

module_init(mischief_init);
MODULE_LICENSE("GPL");
