/* disks.c - opens disks before there is a machine, so that what is wrong with them is said first. */
#include "cli/disks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a --block asks for. */
struct wish {
	char *file; /* the word, cut where its options begin */
	const char *serial;
	unsigned flags;
	enum vm_disk_on on;
};

/* The words that may stand behind the file's name. */
static const struct { const char *word; unsigned flags; enum vm_disk_on on; } words[] = {
	{ "ro", DISK_READONLY, VM_DISK_VIRTIO },
	{ "overlay", DISK_OVERLAY, VM_DISK_VIRTIO },
	{ "raw", DISK_RAW, VM_DISK_VIRTIO },
	{ "ide", 0, VM_DISK_IDE },
};

static bool take_word(struct wish *w, const char *word)
{
	if (!strncmp(word, "serial=", 7)) {
		w->serial = word + 7;
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(word, words[i].word)) {
			w->flags |= words[i].flags;
			w->on = words[i].on ? words[i].on : w->on;
			return true;
		}
	return false;
}

/* Options are taken from the end as long as they are known: a file's name may have commas in it. */
static void parse(char *spec, struct wish *w)
{
	char *comma;

	*w = (struct wish){ .file = spec };
	while ((comma = strrchr(spec, ',')) && take_word(w, comma + 1))
		*comma = 0;
}

static int add(struct disks *ds, const struct options *o, const char *text, struct err *e)
{
	struct vm_disk *d = &ds->at[ds->n];
	char *spec = strdup(text);
	struct wish w;
	int rc;

	if (!spec)
		return err_set(e, -ENOMEM, "out of memory");
	parse(spec, &w);
	rc = disk_open(w.file, w.flags | (o->overlay ? DISK_OVERLAY : 0), &d->disk, e);
	if (!rc) {
		disk_set_serial(d->disk, w.serial ? w.serial : "");
		d->on = w.on;
		ds->n++;
	}
	free(spec);
	return rc ? err_in(e, rc, "block") : 0;
}

/* A CD-ROM and the like: the name is all there is to say. NULL: not asked for. */
static int add_medium(struct disks *ds, const char *file, unsigned flags, enum vm_disk_on on,
		      const char *option, struct err *e)
{
	int rc = file ? disk_open(file, flags, &ds->at[ds->n].disk, e) : 0;

	if (!file || rc)
		return rc ? err_in(e, rc, "%s", option) : 0;
	ds->at[ds->n++].on = on;
	return 0;
}

/* --seed USER-DATA[,META-DATA]: a disk of its own behind the others. */
static int add_seed(struct disks *ds, const char *text, struct err *e)
{
	char *user = strdup(text), *comma = user ? strchr(user, ',') : NULL;
	int rc;

	if (!user)
		return err_set(e, -ENOMEM, "out of memory");
	if (comma)
		*comma = 0;
	rc = disk_open_seed(user, comma ? comma + 1 : NULL, &ds->at[ds->n].disk, e);
	ds->n += !rc;
	free(user);
	return rc ? err_in(e, rc, "seed") : 0;
}

/* Four drives are all that two cables have room for. */
static int check_ide(const struct disks *ds, struct err *e)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ds->n; i++)
		n += ds->at[i].on == VM_DISK_IDE || ds->at[i].on == VM_DISK_CDROM;
	return n > VM_IDE_MAX ? err_set(e, -ENOSPC, "IDE has room for %d disks, the CD-ROM among them",
					VM_IDE_MAX) : 0;
}

int disks_open(struct disks *ds, const struct options *o, struct err *e)
{
	int rc = 0;

	*ds = (struct disks){ .at = calloc(o->block.n + 3, sizeof(*ds->at)) };
	if (!ds->at)
		return err_set(e, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < o->block.n && !rc; i++)
		rc = add(ds, o, o->block.at[i], e);
	if (!rc)
		rc = add_medium(ds, o->cdrom, DISK_READONLY | DISK_RAW | DISK_CDROM, VM_DISK_CDROM, "cdrom", e);
	if (!rc)
		rc = add_medium(ds, o->floppy, DISK_RAW | (o->overlay ? DISK_OVERLAY : 0), VM_DISK_FLOPPY,
				"floppy", e);
	if (!rc && o->seed)
		rc = add_seed(ds, o->seed, e);
	return rc ? rc : check_ide(ds, e);
}

void disks_close(struct disks *ds)
{
	while (ds->n)
		disk_close(ds->at[--ds->n].disk);
	free(ds->at);
	ds->at = NULL;
}
