/* rt.c - the runtime of a guest test: console, checks, the exception catcher, start and end. */
#include "guest.h"

#define COM1 0x3f8
#define DEBUG_CONSOLE 0xe9
#define DEBUG_EXIT 0xf4
#define EXIT_PASS 0x10 /* exit status 33 */
#define EXIT_FAIL 0x20 /* 65 */

void rt_start(void) __attribute__((noreturn));
void trap(struct frame *f);

volatile struct frame last = { .vec = NO_FAULT };
volatile ulong last_at;
ulong try_at, try_resume, try_sp;
static trap_hook hooks[256];
static unsigned n_ok, n_fail, n_skip;
static bool to_debug_console;
static char cmdline[256];
static u64 ram_end;
extern u32 boot_magic, boot_info;

static void print_char(char c)
{
	if (to_debug_console) {
		outb(DEBUG_CONSOLE, c);
		return;
	}
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, c);
}

void print(const char *s)
{
	for (; *s; s++)
		print_char(*s);
}

void print_hex(u64 v)
{
	int i = 60;

	while (i > 0 && !(v >> i & 15))
		i -= 4;
	for (; i >= 0; i -= 4)
		print_char("0123456789abcdef"[v >> i & 15]);
}

void note(const char *what, u64 v)
{
	print("note ");
	print(what);
	print(" ");
	print_hex(v);
	print("\n");
}

static void report(const char *word, const char *name)
{
	print(word);
	print(name);
}

static void print_last(void)
{
	if (last.vec == NO_FAULT) {
		print(" [no exception]");
		return;
	}
	print(" [vector ");
	print_hex(last.vec);
	print(" error ");
	print_hex(last.err);
	print(" ip ");
	print_hex(last.ip);
	print(" cs ");
	print_hex(last.cs);
	print(" cr2 ");
	print_hex(last.cr2);
	print(" tried at ");
	print_hex(try_at);
	print("]");
}

void check(const char *name, bool ok)
{
	report(ok ? "ok " : "FAIL ", name);
	if (ok) {
		n_ok++;
	} else {
		n_fail++;
		print_last();
	}
	print("\n");
}

void check_eq(const char *name, u64 got, u64 want)
{
	if (got == want) {
		check(name, true);
		return;
	}
	n_fail++;
	report("FAIL ", name);
	print(": got ");
	print_hex(got);
	print(", want ");
	print_hex(want);
	print("\n");
}

void skip(const char *name, const char *why)
{
	n_skip++;
	report("skip ", name);
	print(": ");
	print(why);
	print("\n");
}

bool faulted(unsigned vec, ulong err)
{
	return last.vec == vec && last.err == err && last.ip == try_at;
}

void check_fault(const char *name, unsigned vec, ulong err)
{
	check(name, faulted(vec, err));
}

void check_hw(const char *name, bool ok)
{
	if (on_tcg())
		skip(name, "TCG deviates from the manual");
	else
		check(name, ok);
}

void check_fault_hw(const char *name, unsigned vec, ulong err)
{
	check_hw(name, faulted(vec, err));
}

void check_pf(const char *name, ulong err, ulong cr2)
{
	check(name, faulted(PF, err) && last.cr2 == cr2);
}

void check_pf_hw(const char *name, ulong err, ulong cr2)
{
	check_hw(name, faulted(PF, err) && last.cr2 == cr2);
}

bool faulted_pf_at(ulong va, ulong err)
{
	return last.vec == PF && last.err == err && last.cr2 == va && last.ip == va;
}

void check_none(const char *name)
{
	check(name, last.vec == NO_FAULT);
}

void on_trap(unsigned vec, trap_hook hook)
{
	hooks[vec] = hook;
}

/* Restart the kernel's own code at try_resume with the stack it had there. */
static void trap_resume(struct frame *f)
{
	f->ip = try_resume;
	f->flags = FL_1;
	try_resume = 0;
#ifdef __x86_64__
	f->cs = SEL_CODE64;
	f->sp = try_sp;
	f->ss = SEL_DATA;
#else
	trap_resume32(f);
#endif
}

void trap(struct frame *f)
{
	bool had_resume = try_resume;

	if (hooks[f->vec & 0xff] && hooks[f->vec & 0xff](f))
		return;
	last = *f;
	last_at = (ulong)&f->ip;
	if (had_resume) {
		trap_resume(f);
		return;
	}
	n_fail++;
	print("FAIL unexpected exception");
	print_last();
	print("\n");
	finish();
}

void finish(void)
{
	print("end ");
	print(test_name);
	print(": ok ");
	print_hex(n_ok);
	print(" fail ");
	print_hex(n_fail);
	print(" skip ");
	print_hex(n_skip);
	print("\n");
	for (;;) {
		outb(DEBUG_EXIT, n_fail || !n_ok ? EXIT_FAIL : EXIT_PASS);
		asm volatile("cli; hlt");
	}
}

/* ---- what the loader says ---- */

static void cmdline_take(const char *s)
{
	size_t i;

	for (i = 0; s && s[i] && i < sizeof(cmdline) - 1; i++)
		cmdline[i] = s[i];
}

/* Reserved parts of RAM, for firmware tables, count too: the hole begins behind them. */
static void ram_take(u64 at, u64 len)
{
	if (at < 0xc0000000 && at + len > ram_end)
		ram_end = at + len;
}

/* Source: xen/include/public/arch-x86/hvm/start_info.h. */
struct pvh_info {
	u32 magic, version, flags, nr_modules;
	u64 modules, cmdline, rsdp, memmap;
	u32 memmap_n, reserved;
};
struct pvh_ram {
	u64 at, len;
	u32 type, reserved;
};

static void pvh_take(const struct pvh_info *p)
{
	const struct pvh_ram *r = (void *)(ulong)p->memmap;
	u32 i;

	cmdline_take((void *)(ulong)p->cmdline);
	for (i = 0; p->version >= 1 && i < p->memmap_n; i++)
		ram_take(r[i].at, r[i].len);
}

/* Source: Multiboot Specification 0.6.96, 3.3. */
static void multiboot_take(const u32 *info)
{
	u32 at = info[12], end = info[12] + info[11];

	if (info[0] & 4)
		cmdline_take((void *)(ulong)info[4]);
	for (; info[0] & 64 && at < end; at += *(u32 *)(ulong)at + 4) {
		u64 base, len;

		memcpy(&base, (void *)(ulong)(at + 4), 8);
		memcpy(&len, (void *)(ulong)(at + 12), 8);
		ram_take(base, len);
	}
}

/* What follows the first word that begins with start, or NULL. */
static const char *cmdline_find(const char *start)
{
	const char *s = cmdline;
	size_t n;

	while (*s) {
		while (*s == ' ')
			s++;
		for (n = 0; start[n] && s[n] == start[n]; n++)
			;
		if (!start[n])
			return s + n;
		while (*s && *s != ' ')
			s++;
	}
	return NULL;
}

bool cmdline_has(const char *word)
{
	const char *end = cmdline_find(word);

	return end && (*end == ' ' || !*end);
}

u64 cmdline_number(const char *key, u64 otherwise)
{
	const char *s = cmdline_find(key);
	u64 v = 0;

	if (!s)
		return otherwise;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + *s - '0';
	return v;
}

bool on_tcg(void)
{
	return cmdline_has("tcg");
}

bool on_qemu(void)
{
	return cmdline_has("qemu");
}

bool on_kvm(void)
{
	return cmdline_has("kvm");
}

u64 ram_top(void)
{
	return ram_end;
}

bool cpu_is_amd(void)
{
	struct cpuid c = cpuid(0, 0);

	return c.b == 0x68747541 || c.b == 0x6f677948; /* "Auth", "Hygo" */
}

bool far_is_64(void)
{
	return !cpu_is_amd() || on_tcg();
}

struct far_ptr far_ptr(u64 off, u16 sel)
{
	struct far_ptr p;
	unsigned n = far_is_64() ? 8 : 4;

	memcpy(p.bytes, &off, n);
	memcpy(p.bytes + n, &sel, 2);
	return p;
}

void rt_start(void)
{
	if (boot_magic == 0x2badb002)
		multiboot_take((void *)(ulong)boot_info);
	else
		pvh_take((void *)(ulong)boot_info);
	to_debug_console = cmdline_has("e9");
	cpu_init();
	outb(COM1 + 1, 0);
	outb(COM1 + 2, 7); /* queues on, empty */
	outb(COM1 + 3, 3); /* 8 bits */
	test_main();
	finish();
}

void *memset(void *p, int c, size_t n)
{
	void *ret = p;

	asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return ret;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *ret = to;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return ret;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
