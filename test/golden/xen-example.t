$ cd $TREE/$B/guest && pandok doctor xen-example | head -2
xen-example: ELF64 x86-64 executable; starts as: Xen PV
nothing to complain of
$ cd $TREE/$B/guest && pandok doctor xen-example-noid | head -2
xen-example-noid: ELF64 x86-64 executable; starts as: Xen PV
nothing to complain of
$ cd $TREE/$B/guest && pandok doctor xen-example-fixed | head -2
xen-example-fixed: ELF64 x86-64 executable; starts as: Xen PV
nothing to complain of
$ cd $TREE/$B/guest && pandok doctor xen-example-gcc | head -4
xen-example-gcc: ELF64 x86-64 executable; starts as: Xen PV
fatal 1 hypercall-page-moved: the hypercall page is declared at 0x2000 but hypercall_page is at 0x2030 (+0x30): section .note.gnu.build-id (0x24 bytes at 0x0) precedes .text
  why: the guest calls its symbol while Xen fills the page it was told of: a call lands in 0xcc, trap 3
  fix: link with -Wl,--build-id=none, or give notes an output section of their own after .text
