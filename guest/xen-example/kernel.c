/* kernel.c - says hello through Xen's console and ends. */
/* The interface of Xen 4.13; without a word the headers give that of Xen 3.0. */
#define __XEN_INTERFACE_VERSION__ 0x00040d00

#include <stdint.h>
#include <xen/xen.h>
#include <xen/sched.h>

extern char hypercall_page[];

/* The hypercall's number is a place in the page; arguments go where a C call has them, but the fourth. */
#define CALL(nr, a, b, c)                                                                       \
	({                                                                                      \
		long ret_, a_ = (long)(a), b_ = (long)(b), c_ = (long)(c);                      \
		asm volatile("call hypercall_page + %c4"                                        \
			     : "=a"(ret_), "+D"(a_), "+S"(b_), "+d"(c_)                         \
			     : "i"((nr) * 32)                                                   \
			     : "rcx", "r8", "r9", "r10", "r11", "memory");                      \
		ret_;                                                                           \
	})

static void print(const char *s)
{
	unsigned n = 0;

	while (s[n])
		n++;
	CALL(__HYPERVISOR_console_io, CONSOLEIO_write, n, s);
}

static void shutdown(unsigned reason)
{
	struct sched_shutdown why = { reason };

	CALL(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &why, 0);
}

void kernel_main(struct start_info *info)
{
	print("Hello from a Xen guest.\n");
	print("Xen said: ");
	print(info->magic);
	print("\n");
	shutdown(SHUTDOWN_poweroff);
	for (;;)
		;
}
