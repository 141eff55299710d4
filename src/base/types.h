/* types.h - the integers, the two guest addresses, and what every file leans on. */
#ifndef PANDOK_BASE_TYPES_H
#define PANDOK_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

typedef struct { u64 at; } gpa_t; /* guest-physical, bytes */
typedef struct { u64 at; } gva_t; /* guest-virtual (linear), bytes */

#define GPA(x) ((gpa_t){ (x) })
#define GVA(x) ((gva_t){ (x) })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define GUEST_PAGE_SIZE 4096ull
#define GUEST_PAGE_SHIFT 12

/* bug - say which of our own promises broke, and abort. Never for what a guest can choose. */
void bug(const char *file, int line, const char *what) NORETURN;
#define BUG_ON(cond)                                     \
	do {                                             \
		if (unlikely(cond))                      \
			bug(__FILE__, __LINE__, #cond);  \
	} while (0)

#endif
