/* gdb.h - the gdb stub's inside: packets, and the registers as gdb counts them. */
#ifndef PANDOK_DBG_GDB_H
#define PANDOK_DBG_GDB_H

#include "dbg/dbg_int.h"

#define GDB_PACKET 0x4000 /* bytes of the longest packet */

/* A reply that is being made; what does not fit is lost, and makes it an error reply. */
struct gdb_reply {
	char text[GDB_PACKET + 1];
	size_t len;
	bool full;
};

void reply_text(struct gdb_reply *r, const char *fmt, ...) PRINTF(2, 3);
void reply_hex(struct gdb_reply *r, const void *data, size_t len);

/* hex_bytes - decode 2*len digits; false when there are not that many. */
bool hex_bytes(const char *text, size_t len, void *ret);

/* A session on fd, which gdb_free() closes; bytes that came. With the debugger's lock. */
struct gdb;
struct gdb *gdb_new(struct dbg *d, int fd);
void gdb_bytes(struct gdb *g, const char *buf, size_t len);
void gdb_free(struct gdb *g);

/* Register n in gdb's order. get: returns its length, 0 for none. set: false for none, or when text
 * does not have its digits. */
size_t gdb_reg_get(const struct vcpu *v, unsigned n, u8 ret[16]);
bool gdb_reg_set(struct vcpu *v, unsigned n, const char *text, size_t *used);

/* The target description, a document. free(). NULL: no memory. */
char *gdb_description(void);

#endif
