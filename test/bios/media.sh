# media.sh - what others boot from a CD: each one says on the text screen that it is there.
. test/bios/lib.sh

# cd_starts NAME PACKAGE PATH WORD TEXT - its CD gets so far that TEXT is on the screen; the console
# shows WORD then.
cd_starts() {
	asset file "$2" "$3" || { echo "SKIP $1: $(tail -n 1 "$OUT/assets.log")"; return; }
	touch "$OUT/$1.screen.txt" && chmod 666 "$OUT/$1.screen.txt"
	starts "$1" "$4" --memory 256m --display screen --cdrom "$asset"
	verdict "$1" shows "$1" "$5"
}

cd_starts grub-rescue grub-rescue-pc usr/lib/grub-rescue/grub-rescue-cdrom.iso Hurd 'GNU GRUB  version'
cd_starts memtest memtest86+ usr/lib/memtest86+/memtest86+x64.iso Memtest86+ 'Memtest86+ v6'
cd_starts ipxe ipxe usr/lib/ipxe/ipxe.iso iSCSI 'Open Source Network Boot Firmware'

# GRUB starts iPXE's other form as it starts an old Linux: in real mode.
if lkrn=$(tools/guest-assets.sh file ipxe boot/ipxe.lkrn 2>"$OUT/assets.log"); then
	mkdir -p "$OUT/lkrn"
	cp "$lkrn" "$OUT/lkrn/ipxe.lkrn"
	printf 'set root=(hd0,msdos1)\nlinux16 /ipxe.lkrn\nboot\n' >"$OUT/lkrn.cfg"
	mke2fs -q -t ext2 -d "$OUT/lkrn" "$OUT/lkrn.fs" 4m >/dev/null
	tools/grub-disk.sh "$OUT/lkrn.fs" "$OUT/lkrn.cfg" "$OUT/lkrn.img" 2>"$OUT/assets.log"
	touch "$OUT/ipxe-lkrn.screen.txt" && chmod 666 "$OUT/ipxe-lkrn.screen.txt" "$OUT/lkrn.img"
	starts ipxe-lkrn iSCSI --memory 256m --display screen --block "$OUT/lkrn.img"
	verdict ipxe-lkrn shows ipxe-lkrn 'Open Source Network Boot Firmware'
else
	echo "SKIP ipxe-lkrn: $(tail -n 1 "$OUT/assets.log")"
fi
