/* log.h - lines for a person who watches; never a failure, and nothing parses them. */
#ifndef PANDOK_BASE_LOG_H
#define PANDOK_BASE_LOG_H

#include "base/types.h"

/*P:200 A line for somebody who watches
 * A log line never carries a failure and nothing reads it but a person. Each part of the program
 * has a channel, channels are rows of one table, and a level can be changed while the guest runs.
 * What happens too often for a line is a counter, a row in stat.h.
 * @test log_set_changes_all_or_nothing
 */
enum log_level { LOG_OFF, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

/* One row a channel: name, what it tells. */
#define LOG_CHANNELS(X)                              \
	X(vm, "life of the machine")                 \
	X(boot, "loaders and boot protocols")        \
	X(dev, "devices and the bus")                \
	X(irq, "interrupt lines and local APICs")    \
	X(mem, "guest memory and page tables")       \
	X(bt, "blocks the translator makes")         \
	X(sys, "system instructions and exceptions") \
	X(xen, "Xen guests: hypercalls and their answers") \
	X(kvm, "the KVM engine")                     \
	X(net, "networks and what is at their other end") \
	X(fs, "shared directories")                  \
	X(cli, "command line and terminal")

enum log_channel {
#define X(name, help) LOG_##name,
	LOG_CHANNELS(X)
#undef X
	LOG_N
};

extern _Atomic u8 log_levels[LOG_N]; /* enum log_level; all LOG_WARN at start */

#define LOG(ch, level, ...)                                     \
	do {                                                    \
		if (unlikely(log_levels[LOG_##ch] >= LOG_##level)) \
			log_print(LOG_##ch, __VA_ARGS__);       \
	} while (0)

void log_print(enum log_channel ch, const char *fmt, ...) PRINTF(2, 3);

/*
 * log_set - change levels by text: "bt=trace,irq=debug", or "debug" for all.
 * Returns 0, or -1 when a channel or a level is not known (nothing changes).
 */
int log_set(const char *spec);

/* log_help - name and help of channel i, NULL past the end. */
const char *log_help(unsigned i, const char **help);

#endif
