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
