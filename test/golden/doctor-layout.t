$ cd $TREE/$B/guest && pandok doctor --layout xen-example-gcc
xen-example-gcc: ELF64 x86-64 executable; starts as: Xen PV
fatal 1 hypercall-page-moved: the hypercall page is declared at 0x2000 but hypercall_page is at 0x2030 (+0x30): section .note.gnu.build-id (0x24 bytes at 0x0) precedes .text
  why: the guest calls its symbol while Xen fills the page it was told of: a call lands in 0xcc, trap 3
  fix: link with -Wl,--build-id=none, or give notes an output section of their own after .text
warning 3 note-before-text: section .note.gnu.build-id (0x24 bytes at 0x0) stands before .text, which begins at 0x30
  why: an orphan note takes the place where the code was to begin and moves all that follows
  fix: link with -Wl,--build-id=none, or put *(.note*) into an output section behind .text
warning 30 unaligned-object: shared_info at 0x1030 is not aligned to 4096
  why: the hardware or Xen takes the low bits of its address for zero
  fix: .balign 4096 before it; .org aligns inside the section, not in memory
note 4 text-not-first: .text begins at 0x30, its segment at 0x0
note 22 orphan-section: section .note.gnu.build-id (0x24 bytes at 0x0) is one that linker scripts of kernels seldom place
layout:
  0x0                +-- LOAD r-x phys 0x0 file 0x1000 0x30d3 bytes
  0x0                |  [.note.gnu.build-id] 0x24 bytes (note)
  0x30               |  [.text] 0x30a3 bytes
  0x30               |     - _start
  0x30               |     > entry
  0x1030             |     - shared_info
  0x2000             |     * hypercall page, as declared 0x1000 bytes
  0x2030             |     - hypercall_page
  0x4000             +-- LOAD rw- phys 0x4000 file 0x5000 0x2030 bytes
  0x4000             |  [.rodata] 0x24 bytes
  0x4030             |  [.bss] 0x2000 bytes
  0x4030             |     - stack
  0x6030             |     - _end
[4]
$ pandok doctor --layout=picture.svg $TREE/$B/guest/xen-example-gcc >said; echo $?; grep -c "<rect" picture.svg; grep -o "note.gnu.build-id" picture.svg; tail -n 1 picture.svg
4
6
note.gnu.build-id
</svg>
$ cd $TREE/$B/guest && pandok doctor --json xen-example-gcc | head -n 12
[
  {
    "file": "xen-example-gcc",
    "kind": "ELF64 x86-64 executable",
    "protocols": ["Xen PV"],
    "findings": [
      { "id": 1, "name": "hypercall-page-moved", "severity": "fatal", "where": "hypercall_page", "address": 8240,
        "what": "the hypercall page is declared at 0x2000 but hypercall_page is at 0x2030 (+0x30): section .note.gnu.build-id (0x24 bytes at 0x0) precedes .text",
        "why": "the guest calls its symbol while Xen fills the page it was told of: a call lands in 0xcc, trap 3",
        "fix": "link with -Wl,--build-id=none, or give notes an output section of their own after .text" },
      { "id": 3, "name": "note-before-text", "severity": "warning", "where": ".note.gnu.build-id", "address": 0,
        "what": "section .note.gnu.build-id (0x24 bytes at 0x0) stands before .text, which begins at 0x30",
$ pandok doctor
pandok: doctor: no file given
Try 'pandok help doctor'.
[2]
$ pandok doctor --for windows x
pandok: doctor: for: 'windows' is not one of any|xen|pvh|multiboot|linux
Try 'pandok help doctor'.
[2]
$ pandok doctor missing
pandok: doctor: cannot open 'missing': No such file or directory
[1]
$ cd $TREE/$B/guest && pandok doctor --for pvh xen-example
xen-example: ELF64 x86-64 executable; starts as: Xen PV
fatal 5 no-protocol: nothing in it says that it can be started by PVH
  why: no loader knows how to start it
  fix: add a PVH note (XEN_ELFNOTE_PHYS32_ENTRY), a Multiboot header in the first 8 KiB, or Xen's notes
[4]
