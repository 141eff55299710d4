/* view_mounts.c - the file systems a Linux guest has mounted. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "know/list.h"
#include "know/task.h"

#define MOUNTS_MAX 4096
#define DEPTH_MAX 32  /* mounts in mounts */
#define PARTS_MAX 64  /* folders in a path */
#define READ_ONLY 0x40 /* MNT_READONLY */

struct offsets {
	i32 mnt, devname, mountpoint, parent, mounts, child, sb, flags, type, type_name;
	i32 d_parent, d_name, qstr_name;
};

static const struct { size_t at; const char *type, *member; } wanted[] = {
	{ offsetof(struct offsets, mnt), "mount", "mnt" },
	{ offsetof(struct offsets, devname), "mount", "mnt_devname" },
	{ offsetof(struct offsets, mountpoint), "mount", "mnt_mountpoint" },
	{ offsetof(struct offsets, parent), "mount", "mnt_parent" },
	{ offsetof(struct offsets, mounts), "mount", "mnt_mounts" },
	{ offsetof(struct offsets, child), "mount", "mnt_child" },
	{ offsetof(struct offsets, sb), "vfsmount", "mnt_sb" },
	{ offsetof(struct offsets, flags), "vfsmount", "mnt_flags" },
	{ offsetof(struct offsets, type), "super_block", "s_type" },
	{ offsetof(struct offsets, type_name), "file_system_type", "name" },
	{ offsetof(struct offsets, d_parent), "dentry", "d_parent" },
	{ offsetof(struct offsets, d_name), "dentry", "d_name" },
	{ offsetof(struct offsets, qstr_name), "qstr", "name" },
};

static bool offsets_read(struct kernel *k, struct offsets *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		i32 off = k_offset(k, wanted[i].type, wanted[i].member);

		if (off < 0)
			return false;
		memcpy((u8 *)o + wanted[i].at, &off, sizeof(off));
	}
	return true;
}

static bool text_at(struct kernel *k, u64 obj, i32 offset, char *ret, size_t len)
{
	u64 at;

	return k_ptr(k, obj, offset, &at) && k_text(k, at, ret, len);
}

/* Put one part in front of the path that stands at the end of buf. */
static char *prepend(char *path, const char *buf, const char *part)
{
	size_t n = strlen(part);

	if ((size_t)(path - buf) < n + 1)
		return path;
	path -= n;
	memcpy(path, part, n);
	*--path = '/';
	return path;
}

/* From a mount's place up to the root, through the mounts above. */
static const char *path_of(struct kernel *k, const struct offsets *o, u64 mount, char *buf, size_t len)
{
	char *path = buf + len - 1;
	char part[256];
	u64 dentry, up;

	*path = 0;
	if (!k_ptr(k, mount, o->mountpoint, &dentry))
		return "??";
	for (unsigned i = 0; i < PARTS_MAX; i++) {
		if (!k_ptr(k, dentry, o->d_parent, &up))
			return "??";
		if (up != dentry) {
			if (!text_at(k, dentry + (u64)o->d_name, o->qstr_name, part, sizeof(part)))
				return "??";
			path = prepend(path, buf, part);
			dentry = up;
			continue;
		}
		if (!k_ptr(k, mount, o->parent, &up) || up == mount)
			return *path ? path : "/";
		mount = up;
		if (!k_ptr(k, mount, o->mountpoint, &dentry))
			return "??";
	}
	return "?? (a path without end)";
}

static void mount_show(const struct view *v, const struct offsets *o, u64 mount)
{
	char dev[256] = "??", type[64] = "??", path[1024];
	u64 vfs = mount + (u64)o->mnt, sb, fs;
	u32 flags = 0;

	text_at(v->k, mount, o->devname, dev, sizeof(dev));
	if (k_ptr(v->k, vfs, o->sb, &sb) && k_ptr(v->k, sb, o->type, &fs))
		text_at(v->k, fs, o->type_name, type, sizeof(type));
	k_int(v->k, vfs, o->flags, &flags);
	out_say(v->out, "%s on %s type %s (%s)\n", dev, path_of(v->k, o, mount, path, sizeof(path)), type,
		flags & READ_ONLY ? "ro" : "rw");
}

/* A mount, then those on it; each has a list of its children. */
static void tree_show(const struct view *v, const struct offsets *o, u64 mount, unsigned depth,
		      unsigned *left)
{
	struct list l;
	u64 at;

	if (!*left || !depth)
		return;
	--*left;
	mount_show(v, o, mount);
	list_start(&l, v->k, mount + (u64)o->mounts, MOUNTS_MAX);
	while (list_next(&l, &at) && *left)
		tree_show(v, o, at - (u64)o->child, depth - 1, left);
	if (l.broken)
		out_say(v->out, "?? more may be missing: %s\n", l.broken);
}

void view_mounts(const struct view *v)
{
	struct kernel *k = v->k;
	unsigned left = MOUNTS_MAX;
	u64 proxy, space, root;
	struct offsets o;
	struct task t;

	target_look(v->t);
	if (!task_find(k, 1, &t) || !offsets_read(k, &o) ||
	    !k_ptr(k, t.at, k->lay.task_nsproxy, &proxy) ||
	    !k_ptr(k, proxy, k_offset(k, "nsproxy", "mnt_ns"), &space) ||
	    !k_ptr(k, space, k_offset(k, "mnt_namespace", "root"), &root)) {
		out_say(v->out, "?? the mounts of process 1 are not found\n");
		return;
	}
	tree_show(v, &o, root, DEPTH_MAX, &left);
}
