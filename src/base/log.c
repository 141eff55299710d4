/* log.c - channels and levels. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Atomic u8 log_levels[LOG_N] = { [0 ... LOG_N - 1] = LOG_WARN };

static const char *const channel_name[LOG_N] = {
#define X(name, help) #name,
	LOG_CHANNELS(X)
#undef X
};

static const char *const channel_help[LOG_N] = {
#define X(name, help) help,
	LOG_CHANNELS(X)
#undef X
};

static const char *const level_name[] = { "off", "warn", "info", "debug", "trace" };

void log_print(enum log_channel ch, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s\r\n", channel_name[ch], line);
}

const char *log_help(unsigned i, const char **help)
{
	if (i >= LOG_N)
		return NULL;
	*help = channel_help[i];
	return channel_name[i];
}

static int find(const char *const *names, size_t n, const char *s, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(names[i]) == len && !strncmp(names[i], s, len))
			return (int)i;
	return -1;
}

/* One "channel=level" or "level" of len bytes into levels; -1 when unknown. */
static int parse_one(const char *s, size_t len, u8 *levels)
{
	const char *eq = memchr(s, '=', len);
	size_t name_len = eq ? (size_t)(eq - s) : 0;
	const char *lv = eq ? eq + 1 : s;
	int level = find(level_name, ARRAY_SIZE(level_name), lv, len - (size_t)(lv - s));
	int ch;

	if (level < 0)
		return -1;
	if (!eq) {
		memset(levels, level, LOG_N);
		return 0;
	}
	ch = find(channel_name, LOG_N, s, name_len);
	if (ch < 0)
		return -1;
	levels[ch] = (u8)level;
	return 0;
}

int log_set(const char *spec)
{
	u8 levels[LOG_N];

	for (int i = 0; i < LOG_N; i++)
		levels[i] = log_levels[i];
	while (*spec) {
		size_t len = strcspn(spec, ",");

		if (parse_one(spec, len, levels) < 0)
			return -1;
		spec += len + (spec[len] == ',');
	}
	for (int i = 0; i < LOG_N; i++)
		log_levels[i] = levels[i];
	return 0;
}
