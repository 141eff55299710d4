/* check_bzimage.c - the setup header of a Linux bzImage. */
#include <asm/bootparam.h>
#include <string.h>

#include "doctor/int.h"

#define HEADER_AT 0x1f1

/* Source: Linux, Documentation/arch/x86/boot.rst. */
CHECK(check_bzimage)
{
	struct setup_header h;
	u64 setup;

	if (!d->is_bzimage || d->len - HEADER_AT < sizeof(h))
		return;
	memcpy(&h, d->data + HEADER_AT, sizeof(h));
	setup = (h.setup_sects ? h.setup_sects + 1 : 5) * 512ull;
	if (h.version < 0x206)
		doctor_add(d, c, "setup header", 0, "boot protocol %u.%02u is older than 2.06",
			   h.version >> 8, h.version & 0xff);
	else if (setup + h.syssize * 16ull > d->len + 15)
		doctor_add(d, c, "setup header", 0, "it announces 0x%llx bytes, and the file has 0x%llx: "
			   "it is truncated", (ull)(setup + h.syssize * 16ull), (ull)d->len);
	else if (h.version >= 0x208 && h.payload_length &&
		 setup + h.payload_offset + (u64)h.payload_length > d->len)
		doctor_add(d, c, "setup header", 0, "its payload (0x%x bytes) runs past the end of the "
			   "file", h.payload_length);
	else if (h.version >= 0x20c && !(h.xloadflags & XLF_KERNEL_64))
		doctor_add_as(d, c, DOCTOR_NOTE, "setup header", 0, "it has no 64-bit entry: a 32-bit "
			      "kernel");
}
