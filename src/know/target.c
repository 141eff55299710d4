/* target.c - a stopped machine to look at: a paused vm, or the file that one left. */
#include "know/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "x86/x86.h"

#define READS_MAX 5000000 /* some seconds at worst */
#define USER_TABLES 0x1000 /* Linux's page-table isolation: the user's half of a pair */

int target_new(unsigned ncpus, struct target **ret, struct err *e)
{
	struct target *t = calloc(1, sizeof(*t));

	if (t)
		t->vcpu = calloc(ncpus ? ncpus : 1, sizeof(*t->vcpu));
	if (!t || !t->vcpu) {
		free(t);
		return err_set(e, -ENOMEM, "out of memory");
	}
	t->ncpus = ncpus;
	t->reads_max = READS_MAX;
	target_look(t);
	*ret = t;
	return 0;
}

/* A file's processors are ours. */
static void free_vcpus(struct target *t)
{
	for (unsigned i = 0; !t->vm && i < t->ncpus; i++)
		free(t->vcpu[i]);
	free(t->vcpu);
}

void target_free(struct target *t)
{
	if (!t)
		return;
	if (t->close)
		t->close(t);
	free_vcpus(t);
	free(t->note);
	free(t);
}

/*A:100 One machine to look at
 * A post-mortem does not care whether the machine still stands in front of it or only its vmcore
 * file is left. Both give pages of guest-physical memory and the registers of each processor, and
 * that is all a target is. Pages are copied out before anyone judges what they say, and every
 * address may be nonsense: the guest has written it.
 * @test target_reads_across_pages
 */
static const u8 *vm_page(struct target *t, u64 pfn)
{
	return mem_host(t->back, GPA(pfn << GUEST_PAGE_SHIFT), GUEST_PAGE_SIZE);
}

int target_vm(struct vm *vm, struct target **ret, struct err *e)
{
	struct mem *m = vm_mem(vm);
	struct target *t;
	int rc = target_new(vm_ncpus(vm), &t, e);

	if (rc)
		return rc;
	t->vm = vm;
	t->back = m;
	t->page = vm_page;
	for (unsigned i = 0; i < t->ncpus; i++)
		t->vcpu[i] = vm_vcpu(vm, i);
	for (unsigned i = 0; i < m->n; i++) {
		if (m->block[i].rom)
			continue;
		t->ram[t->nram].at = m->block[i].at.at;
		t->ram[t->nram++].len = m->block[i].len;
	}
	*ret = t;
	return 0;
}

static int fd_open(struct target *t, int fd, struct err *e)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot stat it");
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EBADMSG, "it is no file");
	rc = core_elf_open(t, fd, (u64)st.st_size, e);
	if (rc == -ENOEXEC)
		rc = core_kdump_open(t, fd, (u64)st.st_size, e);
	if (rc == -ENOEXEC)
		rc = err_set(e, -EBADMSG, "neither an ELF core nor a kdump-compressed file");
	return rc;
}

int target_open(const char *path, struct target **ret, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct target *t;

	if (fd < 0)
		return err_sys(e, "cannot open '%s'", path);
	rc = target_new(0, &t, e);
	if (!rc) {
		rc = fd_open(t, fd, e);
		if (rc) {
			target_free(t);
			rc = err_in(e, rc, "'%s'", path);
		} else {
			*ret = t;
		}
	}
	close(fd);
	return rc;
}

void target_look(struct target *t)
{
	t->reads = t->reads_max;
}

void target_ran(struct target *t)
{
	memset(t->tlb, 0, sizeof(t->tlb));
}

struct vm *target_machine(const struct target *t)
{
	return t->vm;
}

unsigned target_ncpus(const struct target *t)
{
	return t->ncpus;
}

const struct vcpu *target_vcpu(const struct target *t, unsigned cpu)
{
	BUG_ON(cpu >= t->ncpus);
	return t->vcpu[cpu];
}

struct space target_space(const struct target *t, unsigned cpu)
{
	const struct vcpu *v = target_vcpu(t, cpu);

	return (struct space){ v->cr0, v->cr3, v->cr4, v->efer };
}

int target_phys(struct target *t, gpa_t at, u64 len, void *buf)
{
	static const struct space flat; /* no paging: an address is itself */

	return space_read(t, &flat, at.at, len, buf) ? 0 : -EFAULT;
}

int target_read(struct target *t, unsigned cpu, gva_t at, u64 len, void *buf)
{
	struct space s = target_space(t, cpu);

	if (space_read(t, &s, at.at, len, buf))
		return 0;
	/* A processor in user code may have the page tables that lack the kernel. */
	if (!(at.at >> 63) || !(s.cr3 & USER_TABLES))
		return -EFAULT;
	s.cr3 &= ~(u64)USER_TABLES;
	return space_read(t, &s, at.at, len, buf) ? 0 : -EFAULT;
}

int target_write(struct target *t, unsigned cpu, gva_t at, u64 len, const void *buf)
{
	struct space s = target_space(t, cpu);
	const u8 *from = buf;
	struct trail tr;

	if (!t->vm)
		return -EROFS;
	for (u64 here; len; from += here, at.at += here, len -= here) {
		here = GUEST_PAGE_SIZE - (at.at & (GUEST_PAGE_SIZE - 1));
		if (here > len)
			here = len;
		if (!space_walk(t, &s, at.at, &tr) || mem_write(t->back, GPA(tr.pa), here, from))
			return -EFAULT;
	}
	return 0;
}
