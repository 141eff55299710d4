/* fuzz_chat.c - any bytes as a chat script: words, quotes, escapes, sub-expects, keywords. The line is
 * played: every other string that is expected does not come.
 * @links src/base src/chat/escape.c src/chat/script.c */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chat/int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int chat_fail(struct chat *c, int status, const char *fmt, ...)
{
	(void)c;
	(void)fmt;
	return status;
}

static size_t units(struct chat *c, const char *s, enum text_use use)
{
	struct text t;
	size_t n;

	if (text_make(c, s, use, &t))
		abort();
	for (size_t i = 0; i < t.n; i++)
		if (t.at[i] > UNIT_BREAK)
			abort();
	n = t.n;
	text_free(&t);
	return n;
}

int talk_expect(struct chat *c, const char *s)
{
	return units(c, s, TEXT_EXPECT) & 1 ? CHAT_GO_ON : CHAT_TIMEOUT;
}

int talk_send(struct chat *c, const char *s)
{
	units(c, s, TEXT_SEND);
	return CHAT_GO_ON;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct chat_config config = { .err = -1, .wake = -1, .env = true, .phone = "1\\d\\" };
	struct chat *c;
	char path[64];
	struct err e;
	int fd = memfd_create("script", MFD_CLOEXEC);

	/* "@file" would read whatever this machine has. */
	for (size_t i = 0; i < size; i++)
		if (write(fd, data[i] == '@' ? (const u8 *)"a" : data + i, 1) != 1)
			abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (chat_new(&config, &c, &e))
		abort();
	if (chat_file(c, path) > CHAT_TIMEOUT || c->aborts.n > STRINGS_MAX || c->reports.n > STRINGS_MAX)
		abort();
	chat_free(c);
	close(fd);
	return 0;
}
