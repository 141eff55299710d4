/* err.h - one sentence that says what went wrong with the host or the user's request. */
#ifndef PANDOK_BASE_ERR_H
#define PANDOK_BASE_ERR_H

#include "base/types.h"

/*P:100 Who is to blame decides what happens
 * A program like this meets three kinds of trouble. Our own mistakes end the process at once, with
 * a place: BUG_ON. A guest's mistakes are no trouble at all; it gets what the hardware would do.
 * What is left is the host's or the user's, and it travels up as a negative errno with one
 * sentence, which err_in() gives its place on the way: "disk 1: cannot open 'x': No such file".
 * Only the command line shows it to anybody.
 * @test err_in_adds_the_place
 */
struct err {
	char text[512]; /* no full stop, no newline; empty: no error */
};

/*
 * err_set - fill e and hand rc back, so that a function can `return err_set(...)`.
 *   rc   a negative errno
 */
int err_set(struct err *e, int rc, const char *fmt, ...) PRINTF(3, 4);

/* err_sys - as err_set with rc = -errno; appends ": " and what errno means. */
int err_sys(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* err_in - put "place: " before the sentence on the way up; returns rc unchanged. */
int err_in(struct err *e, int rc, const char *fmt, ...) PRINTF(3, 4);

#endif
