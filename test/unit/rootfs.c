/* rootfs.c - what goes into the initial RAM disk of a guest in a directory.
 * @links src/base src/rootfs */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rootfs/int.h"

static char dir[64];
static const struct rootfs_config config = {
	.dir = "tree", .kernel = "vmlinux", .exec = "true; false", .cwd = "/etc", .rows = 24,
};

static void put(const char *name, const char *data, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fwrite(data, 1, len, f);
	fclose(f);
}
#define PUT(name, text) put(name, text, sizeof(text) - 1)

static int make_dir(void **unused)
{
	(void)unused;
	strcpy(dir, "/tmp/pandok-rootfs.XXXXXX");
	if (!mkdtemp(dir) || chdir(dir))
		return -1;
	mkdir("tree", 0755);
	mkdir("tree/lib", 0755);
	mkdir("tree/lib/modules", 0755);
	mkdir("tree/lib/modules/5.0-test", 0755);
	PUT("vmlinux", "\177ELF.. Linux version %s .. Linux version 5.0-test (somebody) ..");
	return 0;
}

static int remove_dir(void **unused)
{
	char cmd[96];

	(void)unused;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return chdir("/") || system(cmd);
}

/* Names in the archive, one a line, as cpio(1) sees them. */
static void list(const struct rootfs *r, char *ret, size_t size)
{
	char cmd[96];
	FILE *f;
	size_t n;

	dup2(r->fd, 9); /* /proc/self is another's there */
	snprintf(cmd, sizeof(cmd), "cpio --quiet -t </proc/%d/fd/9", getpid());
	f = popen(cmd, "r");
	assert_non_null(f);
	n = fread(ret, 1, size - 1, f);
	ret[n] = 0;
	assert_int_equal(pclose(f), 0);
	close(9);
}

static void check(const char *want)
{
	struct rootfs r;
	struct err e = { "" };
	char names[512];

	assert_int_equal(rootfs_make(&config, &r, &e), 0);
	list(&r, names, sizeof(names));
	assert_string_equal(names, want);
	rootfs_close(&r);
}

#define M "tree/lib/modules/5.0-test/"

static void modules_come_after_what_they_need(void **unused)
{
	static const char *const files[] = { "bus", "virtio_pci", "fuse", "virtiofs", "overlay", "more" };
	char path[64];

	(void)unused;
	PUT(M "modules.dep",
	    "a/virtio_pci.ko: a/ring.ko a/bus.ko\na/ring.ko: a/bus.ko\na/bus.ko:\n"
	    "b/virtiofs.ko: b/fuse.ko a/ring.ko a/bus.ko\nb/fuse.ko:\nb/other.ko: b/fuse.ko\n");
	PUT(M "modules.builtin", "kernel/fs/overlayfs/overlay.ko\n");
	mkdir(M "a", 0755);
	mkdir(M "b", 0755);
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), M "%s/%s.ko", i < 2 ? "a" : "b", files[i]);
		PUT(path, "module");
	}
	PUT(M "a/ring.ko", "module");
	check("dev\ninit\nbus.ko\nring.ko\nvirtio_pci.ko\nfuse.ko\nvirtiofs.ko\nconfig\n");
}

/* A package that was only unpacked has no modules.dep. */
static void modules_tell_what_they_need(void **unused)
{
	(void)unused;
	PUT(M "modules.order", "kernel/x/virtio-pci.ko\nkernel/ring.ko\nvirtiofs.o\noverlay.ko\n");
	PUT(M "ring.ko", "..\0license=GPL\0depends=\0name=ring\0");
	mkdir(M "kernel", 0755);
	mkdir(M "kernel/x", 0755);
	PUT(M "kernel/x/virtio-pci.ko", "..\0depends=ring\0");
	PUT(M "virtiofs.ko", "..\0depends=ring,virtio_pci\0");
	PUT(M "overlay.ko", "..\0depends=\0");
	check("dev\ninit\nring.ko\nvirtio-pci.ko\nvirtiofs.ko\noverlay.ko\nconfig\n");
}

static void a_missing_module_is_named(void **unused)
{
	struct rootfs r;
	struct err e = { "" };

	(void)unused;
	PUT(M "modules.dep", "virtio_pci.ko:\nvirtiofsx.ko:\n");
	assert_int_equal(rootfs_make(&config, &r, &e), -ENOENT);
	assert_non_null(strstr(e.text, "the kernel has no virtiofs,"));
	rootfs_close(&r);
	PUT(M "modules.dep", "virtio_pci.ko: virtio_pci.ko: \n: :::\n\n \nvirtiofs.ko:x\noverlay.ko");
	(void)!rootfs_make(&config, &r, &e); /* nonsense is survived */
	rootfs_close(&r);
}

static void without_modules_all_is_built_in(void **unused)
{
	(void)unused;
	check("dev\ninit\nconfig\n");
}

static void kernels_tell_their_release(void **unused)
{
	char image[0x400] = { 0 }, release[128];

	(void)unused;
	release_of("vmlinux", release, sizeof(release));
	assert_string_equal(release, "5.0-test");
	memcpy(image + 0x202, "HdrS", 4);
	image[0x20f] = 1; /* the string is 0x100 behind the first sector */
	strcpy(image + 0x300, "6.1.0-1-amd64 (somebody) #1");
	put("bzImage", image, sizeof(image));
	release_of("bzImage", release, sizeof(release));
	assert_string_equal(release, "6.1.0-1-amd64");
	image[0x20f] = 0x70; /* outside of the file */
	put("bzImage", image, sizeof(image));
	release_of("bzImage", release, sizeof(release));
	assert_string_equal(release, "");
	release_of("/nonexistent", release, sizeof(release));
	assert_string_equal(release, "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(modules_come_after_what_they_need), T(modules_tell_what_they_need),
		T(a_missing_module_is_named), T(without_modules_all_is_built_in),
		T(kernels_tell_their_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
