/* record.h - a person speaks to a line, and a script is made of it. */
#ifndef PANDOK_CLI_RECORD_H
#define PANDOK_CLI_RECORD_H

#include "chat/chat.h"
#include "cli/line.h"

/*
 * record_session - join the terminal (or what standard input is) and l until the end of input, the
 * detach key or the end of the line; then write the script to path.
 */
MUST_CHECK int record_session(struct line *l, const char *with, const struct chat_trace *how, const char *path,
			      struct err *e);

#endif
