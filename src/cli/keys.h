/* keys.h - the keys that are for us and not for the guest: Ctrl-A and one more. */
#ifndef PANDOK_CLI_KEYS_H
#define PANDOK_CLI_KEYS_H

#include "base/types.h"

#define KEY_PREFIX 0x01 /* Ctrl-A */

enum key { KEY_NOTHING, KEY_GUEST, KEY_QUIT, KEY_POWER, KEY_BREAK, KEY_DEBUG, KEY_DETACH, KEY_HELP };

/* What a key after Ctrl-A does. */
struct key_row {
	u8 byte;
	enum key key;
	bool viewer; /* only where another process watches the console */
	const char *name, *help;
};
extern const struct key_row key_rows[]; /* ends with name NULL */

struct keys {
	bool viewer;
	bool prefix; /* the last byte was Ctrl-A */
};

/* keys_take - one byte was typed; KEY_GUEST: it goes to the guest. */
enum key keys_take(struct keys *k, u8 byte);

/* keys_show - tell the person which keys there are. */
void keys_show(const struct keys *k);

#endif
