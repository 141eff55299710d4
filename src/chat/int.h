/* int.h - what the files of this folder share. */
#ifndef PANDOK_CHAT_INT_H
#define PANDOK_CHAT_INT_H

#include "chat/chat.h"

#define WORD_MAX 1024   /* bytes of a string, as chat has it */
#define STRINGS_MAX 50  /* ABORT strings; REPORT strings */
#define STRING_MAX 49   /* bytes of one */
#define REPORT_MAX 1024

/* Units of a text that are no bytes. */
enum { UNIT_DELAY = 0x100, UNIT_PAUSE, UNIT_BREAK };

/* A string of a script with its escapes done. */
struct text {
	u16 *at; /* bytes and UNIT_s */
	size_t n, room;
	bool quiet; /* \q: not to be shown in logs */
};

struct strings {
	u8 at[STRINGS_MAX][STRING_MAX + 1];
	size_t len[STRINGS_MAX];
	unsigned n;
};

/* What the next word to send is instead: the argument of the word before. */
enum chat_next {
	NEXT_SEND, NEXT_ABORT, NEXT_CLR_ABORT, NEXT_REPORT, NEXT_CLR_REPORT, NEXT_TIMEOUT, NEXT_ECHO,
	NEXT_SAY, NEXT_HANGUP,
};

struct chat {
	struct chat_config config;
	enum chat_next next;
	bool sending;    /* the next word is one to send */
	bool no_hangup;
	bool lf_missing; /* what was echoed did not end its line */
	struct strings aborts, reports;
	char report[REPORT_MAX]; /* being gathered */
	size_t report_len;       /* 0: none */
	char line[120];          /* of what came, for the log */
	unsigned line_len;
	char why[128];
};

/* What a string is for: one to send gets its carriage return; one to say does, too, and keeps the
 * backslash of escapes that mean something only on the line, or nothing. */
enum text_use { TEXT_EXPECT, TEXT_SEND, TEXT_SAY };

/* escape.c: text_make - do s's escapes. -ENOMEM. */
MUST_CHECK int text_make(const struct chat *c, const char *s, enum text_use use, struct text *ret);
void text_free(struct text *t);

void strings_drop(struct strings *l, unsigned i);

/* talk.c: the line. All return CHAT_GO_ON or an exit status. */
MUST_CHECK int talk_expect(struct chat *c, const char *s);
MUST_CHECK int talk_send(struct chat *c, const char *s);
int talk_byte(struct chat *c, u64 until_ns, u8 *ret); /* CHAT_TIMEOUT: none came */
void talk_echo_end(struct chat *c);

/* Of the log: a line, only made when somebody listens. */
void chat_log(struct chat *c, const char *fmt, ...) PRINTF(2, 3);
/* s as people can read it, at most size - 1 characters. */
const char *chat_visible(const char *s, size_t len, char *ret, size_t size);
int chat_fail(struct chat *c, int status, const char *fmt, ...) PRINTF(3, 4);
u64 chat_now(void);

#endif
