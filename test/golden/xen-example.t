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
$ cd $TREE/$B/guest && pandok run --memory 32 xen-example
Hello from a Xen guest.
Xen said: xen-3.0-x86_64
$ cd $TREE/$B/guest && pandok run --memory 32 xen-example-noid
Hello from a Xen guest.
Xen said: xen-3.0-x86_64
$ cd $TREE/$B/guest && pandok run --memory 32 xen-example-fixed
Hello from a Xen guest.
Xen said: xen-3.0-x86_64
$ cd $TREE/$B/guest && pandok run --memory 32 xen-example-gcc >said 2>why; echo $?; grep -E "Unhandled|RIP" said; grep -v wrote why; rm said why
4
(XEN) Unhandled bkpt fault/trap [#3] on VCPU 0 [ec=0000]
(XEN) RIP:    e033:[<0000000000002271>]
pandok: doctor: the hypercall page is declared at 0x2000 but hypercall_page is at 0x2030 (+0x30): section .note.gnu.build-id (0x24 bytes at 0x0) precedes .text
pandok: the guest was killed by Xen at e033:0000000000002271: Unhandled bkpt fault/trap [#3] on VCPU 0 [ec=0000]
pandok: doctor: the hypercall page is declared at 0x2000 but hypercall_page is at 0x2030 (+0x30): section .note.gnu.build-id (0x24 bytes at 0x0) precedes .text: the guest calls its symbol while Xen fills the page it was told of: a call lands in 0xcc, trap 3
pandok: doctor: fix: link with -Wl,--build-id=none, or give notes an output section of their own after .text
