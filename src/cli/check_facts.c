/* check_facts.c - looks at this machine: KVM, processor, limits. Prints nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/check.h"
#include "kvm/kvm.h"
#include "x86/x86.h"

/* ---- collecting --------------------------------------------------------------------------- */

static struct fact *fact_add(struct check *c, const char *section, const char *name,
			     enum fact_kind kind)
{
	struct fact *f = &c->fact[c->nfacts];

	BUG_ON(c->nfacts == FACTS_MAX);
	c->nfacts++;
	*f = (struct fact){ .section = section, .name = name, .kind = kind, .unit = "" };
	return f;
}

static void fact_text(struct check *c, const char *section, const char *name, const char *text)
{
	struct fact *f = fact_add(c, section, name, FACT_TEXT);

	snprintf(f->text, sizeof(f->text), "%s", text);
}

static void fact_bool(struct check *c, const char *section, const char *name, bool yes)
{
	fact_add(c, section, name, FACT_BOOL)->number = yes;
}

static void fact_number(struct check *c, const char *section, const char *name, u64 n,
			const char *unit)
{
	struct fact *f = fact_add(c, section, name, FACT_NUMBER);

	f->number = n;
	f->unit = unit;
}

static void problem_add(struct check *c, const char *fix, const char *fmt, ...) PRINTF(3, 4);
static void problem_add(struct check *c, const char *fix, const char *fmt, ...)
{
	struct problem *p = &c->problem[c->nproblems];
	va_list ap;

	BUG_ON(c->nproblems == PROBLEMS_MAX);
	c->nproblems++;
	va_start(ap, fmt);
	vsnprintf(p->what, sizeof(p->what), fmt, ap);
	va_end(ap);
	snprintf(p->fix, sizeof(p->fix), "%s", fix);
}

/* First line of a file without its end; false: it cannot be read. */
static bool line_read(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(buf, (int)len, f) != NULL;
	fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = 0;
	return ok;
}

static bool number_read(const char *path, u64 *ret)
{
	char line[64];

	return line_read(path, line, sizeof(line)) && sscanf(line, "%" SCNu64, ret) == 1;
}

/* ---- engines ------------------------------------------------------------------------------ */

/* The translator needs pages it may execute, in a file of memory. */
static bool can_execute(void)
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("check", MFD_CLOEXEC | 0x10 /* MFD_EXEC */);
	void *p;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("check", MFD_CLOEXEC);
	if (fd < 0)
		return false;
	p = MAP_FAILED;
	if (ftruncate(fd, (off_t)len) == 0)
		p = mmap(NULL, len, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		munmap(p, len);
	close(fd);
	return p != MAP_FAILED;
}

static bool cpu_virtualizes(void)
{
	if (cpuid_host_amd())
		return cpuid_host(0x80000001, 0).ecx & 1 << 2;
	return cpuid_host(1, 0).ecx & 1 << 5;
}

static bool cpu_is_virtual(void)
{
	return cpuid_host(1, 0).ecx >> 31;
}

static void kvm_problem(struct check *c, const struct kvm_verdict *v)
{
	const char *fix = v->fix;

	if (!v->present && !cpu_virtualizes())
		fix = cpu_is_virtual() ? "switch on nested virtualization for this virtual machine" :
					 "switch on virtualization (AMD-V, VT-x) in the firmware";
	problem_add(c, fix, "%s", v->why);
}

static void look_engines(struct check *c)
{
	struct kvm_verdict v;
	bool exec = can_execute();
	struct fact *f;

	kvm_probe(&v);
	fact_text(c, "engine", "name", v.usable ? "kvm" : exec ? "soft" : "none");
	f = fact_add(c, "engine", "why", FACT_TEXT);
	snprintf(f->text, sizeof(f->text), v.usable || exec ? "%s" : "%s, and no memory may be executed",
		 v.why);
	fact_bool(c, "kvm", "present", v.present);
	fact_bool(c, "kvm", "opens", v.opens);
	fact_bool(c, "kvm", "usable", v.usable);
	fact_text(c, "kvm", "failed_step", v.step);
	fact_number(c, "kvm", "probe", v.ms, "ms");
	fact_bool(c, "soft", "usable", exec);
	if (!v.usable)
		kvm_problem(c, &v);
	if (!exec)
		problem_add(c, "sysctl vm.memfd_noexec=0, or let the security policy allow it",
			    "memory of the process may not be executed: the soft engine cannot run");
}

/* ---- processor ---------------------------------------------------------------------------- */

static void brand(char *buf, size_t len)
{
	u32 words[12];
	char text[49] = "";
	const char *p = text;
	u32 i;

	for (i = 0; i < 3; i++) {
		struct cpuid_regs r = cpuid_host(0x80000002u + i, 0);

		memcpy(words + i * 4, &r, 16);
	}
	memcpy(text, words, 48);
	while (*p == ' ')
		p++;
	snprintf(buf, len, "%s", p);
	for (i = (u32)strlen(buf); i && buf[i - 1] == ' '; i--)
		buf[i - 1] = 0;
}

/* Features of the guest's CPUID that programs ask for by name. */
static const struct {
	const char *name;
	u32 leaf, subleaf;
	u8 reg, bit;
} features[] = {
	{ "sse4_2", 1, 0, 2, 20 },  { "aes", 1, 0, 2, 25 },      { "xsave", 1, 0, 2, 26 },
	{ "avx", 1, 0, 2, 28 },     { "f16c", 1, 0, 2, 29 },     { "fma", 1, 0, 2, 12 },
	{ "rdrand", 1, 0, 2, 30 },  { "avx2", 7, 0, 1, 5 },      { "bmi1", 7, 0, 1, 3 },
	{ "bmi2", 7, 0, 1, 8 },     { "adx", 7, 0, 1, 19 },      { "sha", 7, 0, 1, 29 },
	{ "erms", 7, 0, 1, 9 },     { "fsrm", 7, 0, 3, 4 },      { "vaes", 7, 0, 2, 9 },
	{ "gfni", 7, 0, 2, 8 },     { "xsavec", 0xd, 1, 0, 1 },  { "avx_vnni", 7, 1, 0, 4 },
};

static void look_features(struct check *c)
{
	static struct vcpu v; /* the model asks it for CR4 and XCR0: all zero will do */
	const struct cpuid_config config = { .ncpus = 1, .soft = true };
	struct fact *f = fact_add(c, "processor", "guest_features", FACT_TEXT);
	size_t at = 0;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		struct cpuid_regs r = cpuid_model(&config, &v, features[i].leaf, features[i].subleaf);
		u32 words[4];

		memcpy(words, &r, sizeof(words));
		if (words[features[i].reg] >> features[i].bit & 1)
			at += (size_t)snprintf(f->text + at, sizeof(f->text) - at, "%s%s",
					       at ? " " : "", features[i].name);
	}
}

static void hypervisor_name(char *buf, size_t len)
{
	struct cpuid_regs r;
	char text[13] = "";

	snprintf(buf, len, "none");
	if (!cpu_is_virtual())
		return;
	r = cpuid_host(0x40000000, 0);
	memcpy(text, &r.ebx, 4);
	memcpy(text + 4, &r.ecx, 4);
	memcpy(text + 8, &r.edx, 4);
	snprintf(buf, len, "%s", text);
}

/* May a guest of this machine's KVM have one of its own? The module says so. */
static const char *nested(void)
{
	char line[8];

	if (!line_read("/sys/module/kvm_amd/parameters/nested", line, sizeof(line)) &&
	    !line_read("/sys/module/kvm_intel/parameters/nested", line, sizeof(line)))
		return "no module says";
	return line[0] == 'Y' || line[0] == '1' ? "yes" : "no";
}

static void look_processor(struct check *c)
{
	char text[64];

	brand(text, sizeof(text));
	fact_text(c, "processor", "model", text);
	fact_bool(c, "processor", "virtualization", cpu_virtualizes());
	hypervisor_name(text, sizeof(text));
	fact_text(c, "processor", "inside_hypervisor", text);
	fact_text(c, "processor", "nested_virtualization", nested());
	fact_number(c, "processor", "cpus", (u64)sysconf(_SC_NPROCESSORS_ONLN), "");
	fact_number(c, "processor", "tsc", tsc_hz(), "Hz");
	fact_bool(c, "processor", "tsc_invariant", tsc_invariant());
	look_features(c);
	if (!tsc_invariant())
		problem_add(c, "choose a machine or host setting whose TSC is invariant (nonstop_tsc)",
			    "the TSC changes its rate: guest clocks are slow to read and less exact");
}

/* ---- limits ------------------------------------------------------------------------------- */

#define GUEST_DEFAULT MIB(512)
#define SPACE_WANTED GIB(2) /* guest memory, code cache, libraries */
#define MAPS_WANTED 4096

/* A field of /proc/meminfo in bytes. */
static u64 meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	u64 kib, ret = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) &&
		    sscanf(line + strlen(name), ": %" SCNu64, &kib) == 1)
			ret = KIB(kib);
	if (f)
		fclose(f);
	return ret;
}

/* The control group's limit, as a container sees it. UINT64_MAX: none. */
static u64 cgroup_limit(void)
{
	u64 n;

	if (number_read("/sys/fs/cgroup/memory.max", &n) ||
	    number_read("/sys/fs/cgroup/memory/memory.limit_in_bytes", &n))
		return n < GIB(1 << 20) ? n : UINT64_MAX;
	return UINT64_MAX;
}

static u64 rlimit_add(struct check *c, const char *name, int which, const char *unit, u64 scale)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };
	struct fact *f = fact_add(c, "limits", name, FACT_NUMBER);

	getrlimit(which, &r);
	f->unit = unit;
	f->number = r.rlim_cur == RLIM_INFINITY ? UINT64_MAX : r.rlim_cur / scale;
	if (r.rlim_cur == RLIM_INFINITY)
		snprintf(f->text, sizeof(f->text), "no limit");
	return r.rlim_cur == RLIM_INFINITY ? UINT64_MAX : r.rlim_cur;
}

static void look_memory(struct check *c)
{
	u64 available = meminfo("MemAvailable"), limit = cgroup_limit(), overcommit = 0;
	struct fact *f;

	fact_number(c, "limits", "memory", meminfo("MemTotal") >> 20, "MiB");
	fact_number(c, "limits", "memory_available", available >> 20, "MiB");
	fact_number(c, "limits", "control_group", limit == UINT64_MAX ? limit : limit >> 20, "MiB");
	f = &c->fact[c->nfacts - 1];
	if (limit == UINT64_MAX)
		snprintf(f->text, sizeof(f->text), "no limit");
	if (available && (available < GUEST_DEFAULT || limit < GUEST_DEFAULT))
		problem_add(c, "give the guest less with --memory, or end other programs",
			    "less memory is free than a guest has by default (512 MiB)");
	if (number_read("/proc/sys/vm/overcommit_memory", &overcommit) && overcommit == 2)
		problem_add(c, "sysctl vm.overcommit_memory=0",
			    "memory must be reserved in full: large guests may be refused");
}

static void look_limits(struct check *c)
{
	u64 space, maps = 0;

	look_memory(c);
	space = rlimit_add(c, "address_space", RLIMIT_AS, "MiB", MIB(1));
	rlimit_add(c, "open_files", RLIMIT_NOFILE, "", 1);
	rlimit_add(c, "processes", RLIMIT_NPROC, "", 1);
	number_read("/proc/sys/vm/max_map_count", &maps);
	fact_number(c, "limits", "max_map_count", maps, "");
	if (space < SPACE_WANTED)
		problem_add(c, "ulimit -v unlimited",
			    "a process may map only %" PRIu64 " MiB of address space", space >> 20);
	if (maps && maps < MAPS_WANTED)
		problem_add(c, "sysctl vm.max_map_count=65530",
			    "a process may have only %" PRIu64 " mappings", maps);
}

void check_machine(struct check *c)
{
	memset(c, 0, sizeof(*c));
	look_engines(c);
	look_processor(c);
	look_limits(c);
}
