/* fuzz_doctor.c - any bytes as a kernel: every check, every picture.
 * @links src/doctor src/elf src/base/err.c */
#include <stdlib.h>

#include "doctor/doctor.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct doctor *d = doctor_look(data, size, 0);
	FILE *null = fopen("/dev/null", "w");

	BUG_ON(!d || !null);
	for (unsigned i = 0; i < d->n; i++)
		BUG_ON(!d->finding[i].text[0] || !d->finding[i].check->fix);
	doctor_trap(d, 0x2271);
	doctor_layout(d, null);
	doctor_layout_svg(d, "x", null);
	if (size < 4096) {
		doctor_relocs(d, null);
		doctor_got(d, null);
	}
	fclose(null);
	doctor_free(d);
	return 0;
}
