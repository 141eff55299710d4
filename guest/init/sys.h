/* sys.h - the little of a C library that init.c needs: system calls, and what the compiler calls. */
#ifndef PANDOK_GUEST_INIT_SYS_H
#define PANDOK_GUEST_INIT_SYS_H

#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

static long sys(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

#define SYS_2(n, a, b) sys(__NR_##n, (long)(a), (long)(b), 0, 0, 0)
#define SYS_3(n, a, b, c) sys(__NR_##n, (long)(a), (long)(b), (long)(c), 0, 0)
#define SYS_5(n, a, b, c, d, e) sys(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

/* With -ffreestanding the compiler still calls these two. */
void *memset(void *to, int c, size_t n)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
	return to;
}

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* Where what follows word in s begins, NULL when s does not begin with it. */
static const char *after(const char *s, const char *word)
{
	while (*word)
		if (*s++ != *word++)
			return NULL;
	return s;
}

/* Put s behind what is in buf; what does not fit is left out. */
static void add(char *buf, size_t size, const char *s)
{
	size_t at = length(buf);

	while (*s && at + 1 < size)
		buf[at++] = *s++;
	buf[at] = 0;
}

static void add_number(char *buf, size_t size, long n)
{
	char digits[24];
	char *p = digits + sizeof(digits) - 1;
	unsigned long left = n < 0 ? -(unsigned long)n : (unsigned long)n;

	*p = 0;
	do
		*--p = (char)('0' + left % 10);
	while (left /= 10);
	if (n < 0)
		*--p = '-';
	add(buf, size, p);
}

static long number(const char *s)
{
	long n = 0;

	while (*s >= '0' && *s <= '9')
		n = n * 10 + *s++ - '0';
	return n;
}

#endif
