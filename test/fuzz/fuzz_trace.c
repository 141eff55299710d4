/* fuzz_trace.c - any bytes as an strace log, and what comes out as a script again.
 * @links src/base src/chat */
#include <stdio.h>
#include <stdlib.h>

#include "chat/chat.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void make(const u8 *data, size_t size, const struct chat_trace *how)
{
	char *script = NULL;
	size_t len;
	FILE *to = open_memstream(&script, &len), *from = fmemopen((void *)data, size, "r");
	struct err e = { "" };

	if (!to || !from)
		abort();
	if (chat_from_trace(from, how, to, &e) && !e.text[0])
		abort();
	fclose(from);
	fclose(to);
	free(script);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!size)
		return 0;
	make(data, size, &(struct chat_trace){ .fd = -1 });
	make(data, size, &(struct chat_trace){ .fd = 3, .secret = "1", .variable = "PIN" });
	make(data, size, &(struct chat_trace){ .find = "AT", .fd = -1 });
	return 0;
}
