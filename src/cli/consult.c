/* consult.c - what `run` asks the doctor: before a kernel starts, and when it has died. */
#include "cli/consult.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "doctor/doctor.h"

int file_map(const char *path, const u8 **data, u64 *len, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st;
	void *map;

	if (fd < 0)
		return err_sys(e, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		rc = err_sys(e, "cannot stat '%s'", path);
	else if (!S_ISREG(st.st_mode))
		rc = err_set(e, -EINVAL, "'%s' is not a file", path);
	else if (!st.st_size)
		rc = err_set(e, -ENODATA, "'%s' is empty", path);
	if (!rc) {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED) {
			rc = err_sys(e, "cannot read '%s'", path);
		} else {
			*data = map;
			*len = (u64)st.st_size;
		}
	}
	close(fd);
	return rc;
}

void file_unmap(const u8 *data, u64 len)
{
	munmap((void *)data, len);
}

/*L:250 A word before the start
 * A kernel that was loaded may still be unable to run. The doctor's fatal findings are told before the
 * first instruction, so that the crash that follows is no riddle; it starts all the same, because a
 * check may be wrong about a kernel that it never saw.
 * @test xen-example
 */
void consult(const char *kernel)
{
	struct doctor *d;
	const u8 *data;
	struct err e;
	u64 len;

	if (!kernel || file_map(kernel, &data, &len, &e))
		return;
	d = elf_is(data, len) ? doctor_look(data, len, 0) : NULL;
	for (unsigned i = 0; d && i < d->n && d->finding[i].severity == DOCTOR_FATAL; i++)
		cli_say("doctor: %s", d->finding[i].text);
	doctor_free(d);
	file_unmap(data, len);
}

void consult_trap(const char *kernel, u64 rip)
{
	const struct doctor_finding *f;
	struct doctor *d;
	const u8 *data;
	struct err e;
	u64 len;

	if (!kernel || file_map(kernel, &data, &len, &e))
		return;
	d = doctor_look(data, len, DOCTOR_XEN);
	f = d ? doctor_trap(d, rip) : NULL;
	if (f)
		cli_say("doctor: %s: %s\npandok: doctor: fix: %s", f->text, f->check->why,
			f->check->fix);
	doctor_free(d);
	file_unmap(data, len);
}
