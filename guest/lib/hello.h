/* hello.h - what the small PVH kernels share: a port to print on. */
#ifndef GUEST_HELLO_H
#define GUEST_HELLO_H

static inline void out8(unsigned short port, unsigned char v)
{
	asm volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void put(const char *s)
{
	for (; *s; s++)
		out8(0x3f8, (unsigned char)*s);
}

static inline void put_hex(unsigned long v)
{
	char text[19] = "0x";

	for (unsigned i = 0; i < 16; i++)
		text[2 + i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
	text[18] = 0;
	put(text);
}

void power_off(void) __attribute__((noreturn));

#endif
