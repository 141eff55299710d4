/* nbd.c - a disk that another process serves over NBD. */
#include <errno.h>

#include "disk/disk_int.h"

int nbd_open(const char *uri, unsigned flags, struct disk **ret, struct err *e)
{
	(void)flags;
	(void)ret;
	return err_set(e, -EINVAL, "'nbd:%s': not yet", uri);
}

int nbd_open_format(const char *path, const char *format, unsigned flags, struct disk **ret,
		    struct err *e)
{
	(void)flags;
	(void)ret;
	return err_set(e, -EINVAL, "'%s' is a %s image: convert it with qemu-img convert -O raw '%s' disk.img",
		       path, format, path);
}
