/* serial_line.h - a real serial device, and the emulated modem, as back ends. */
#ifndef PANDOK_CLI_SERIAL_LINE_H
#define PANDOK_CLI_SERIAL_LINE_H

#include "cli/serial.h"

MUST_CHECK int serial_tty_open(const char *path, struct serial *s, struct err *e);
void serial_tty_hang_up(struct serial *s);
void serial_tty_line(struct serial *s, const struct serial_line *l);
u8 serial_tty_lines(struct serial *s);
void serial_tty_close(struct serial *s);
MUST_CHECK int serial_modem_open(const char *settings, struct serial *s, struct err *e);
void serial_modem_line(struct serial *s, const struct serial_line *l);
u8 serial_modem_lines(struct serial *s);
void serial_modem_close(struct serial *s);

#endif
