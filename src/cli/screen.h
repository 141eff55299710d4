/* screen.h - the guest's text screen as a file: a picture, or its text. */
#ifndef PANDOK_CLI_SCREEN_H
#define PANDOK_CLI_SCREEN_H

#include "base/err.h"
#include "vm/vm.h"

/* screen_check - can a screen be written to a file of that name? -EINVAL: it ends in neither .png
 * nor .txt. */
MUST_CHECK int screen_check(const char *path, struct err *e);

/* screen_write - what the VGA shows now. -ENOTSUP in a graphics mode, -ENOENT without any font, or
 * errno. */
MUST_CHECK int screen_write(struct vm *vm, const char *path, struct err *e);

/* screen_utf8 - a character of code page 437, as up to three bytes and a NUL. */
void screen_utf8(u8 c, char ret[4]);

#endif
