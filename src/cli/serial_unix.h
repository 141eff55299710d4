/* serial_unix.h - the console on a Unix socket, for one client at a time. */
#ifndef PANDOK_CLI_SERIAL_UNIX_H
#define PANDOK_CLI_SERIAL_UNIX_H

#include "cli/serial.h"

int serial_unix_open(const char *path, struct serial *s, struct err *e);
void serial_unix_connect(struct serial *s);
void serial_unix_hang_up(struct serial *s);

#endif
