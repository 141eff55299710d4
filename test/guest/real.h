/* real.h - where real.c and real_low.S put things below 1 MiB. */
#define LOW_AT 0x8000
#define IVT 0x6000
#define RESULTS 0x9000
#define HANDLER_IP 0x9100
#define HANDLER_CS 0x9102
#define HANDLER_FLAGS 0x9104
#define HANDLER_NOW 0x9106
#define HANDLER_N 0x9108
#define ADDR_A 0xa000
#define ADDR_FAR 0xa200
#define ADDR_SEG 0x2000 /* a segment: 20000h */
