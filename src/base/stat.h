/* stat.h - counters: a thing that happens often is a counter, not a log line. */
#ifndef PANDOK_BASE_STAT_H
#define PANDOK_BASE_STAT_H

#include "base/types.h"

/* One row a counter: name, what it counts. Each vCPU has its own set; readers add them up. */
#define STATS(X)                                                   \
	X(blocks, "blocks translated")                             \
	X(insns, "guest instructions translated")                  \
	X(code_bytes, "bytes of host code made")                   \
	X(translate_ns, "nanoseconds spent translating")           \
	X(dispatch, "returns from translated code to the dispatcher") \
	X(links, "block exits linked")                             \
	X(jump_miss, "indirect jumps that missed the jump cache")  \
	X(tlb_miss, "software TLB misses that were filled")        \
	X(slow_access, "accesses done byte by byte or on devices") \
	X(split_block, "blocks run without merged checks")         \
	X(tlb_flush, "software TLB flushes")                       \
	X(invlpg, "single pages invalidated")                      \
	X(smc, "blocks dropped because their code was written")    \
	X(cache_drop, "code cache regions dropped")                \
	X(stall_ns, "nanoseconds that making room in the cache took at most") \
	X(helper, "instructions done in C")                        \
	X(string, "string instructions done in C")                 \
	X(pio, "port accesses")                                    \
	X(mmio, "device memory accesses")                          \
	X(irq, "interrupts delivered")                             \
	X(exception, "exceptions delivered")                       \
	X(page_fault, "page faults delivered")                     \
	X(native_fault, "faults taken inside translated code")     \
	X(poll_fault, "kicks taken at a poll")                     \
	X(hlt, "halts")                                            \
	X(exits, "returns to the machine's run loop")

enum stat_id {
#define X(name, help) STAT_##name,
	STATS(X)
#undef X
	STAT_N
};

struct stats {
	u64 n[STAT_N]; /* written by one thread; others read without a lock */
};

/* stat_name - name and help of counter i, NULL past the end. */
const char *stat_name(unsigned i, const char **help);

#endif
