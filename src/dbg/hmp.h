/* hmp.h - the doors' parts that tests open by themselves, and QEMU's own monitor commands. */
#ifndef PANDOK_DBG_HMP_H
#define PANDOK_DBG_HMP_H

#include "dbg/dbg_int.h"

/* hmp_run - xp, gpa2hva and info mtree as QEMU prints them; else one of our commands. Locked. */
void hmp_run(struct dbg *d, const char *line, struct out *o);

/* Output that nobody wants. */
void hmp_drop(struct out *o, const char *text, size_t len);

/* A session of QEMU's protocol on fd, which qmp_free() closes; bytes that came. Without the lock. */
struct qmp;
struct qmp *qmp_new(struct dbg *d, int fd);
void qmp_bytes(struct qmp *q, const char *buf, size_t len);
void qmp_free(struct qmp *q);

#endif
