/* format.c - which disk images are not raw. Source: the magic numbers of QEMU's block drivers. */
#include <string.h>

#include "disk/disk_int.h"

const char *format_of(const u8 sector[DISK_SECTOR])
{
	static const struct { u16 at; u8 len; const char *magic, *name; } formats[] = {
		{ 0, 4, "QFI\xfb", "qcow2" },
		{ 0, 4, "KDMV", "vmdk" },
		{ 0, 4, "COWD", "vmdk" },
		{ 0, 21, "# Disk DescriptorFile", "vmdk" },
		{ 0, 8, "conectix", "vpc" },
		{ 0, 8, "vhdxfile", "vhdx" },
		{ 0, 4, "QED\0", "qed" },
		{ 0, 16, "WithoutFreeSpace", "parallels" },
		{ 0, 16, "WithouFreSpacExt", "parallels" },
		{ 64, 4, "\x7f\x10\xda\xbe", "vdi" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		if (!memcmp(sector + formats[i].at, formats[i].magic, formats[i].len))
			return formats[i].name;
	return NULL;
}
