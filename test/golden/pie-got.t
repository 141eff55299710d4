$ cd $TREE/$B/guest && pandok run --engine soft --explain-relocs pie-got
pandok: pie-got: linked at 0x0, loaded at 0x1000000
pandok: pie-got: 0x1007008 R_X86_64_RELATIVE: 0x7000 -> 0x1007000
pandok: pie-got: 0x1007010 R_X86_64_RELATIVE: 0x24b -> 0x100024b
pandok: pie-got: 0x1007018 R_X86_64_RELATIVE: 0x24f -> 0x100024f
pandok: pie-got: 0x1007020 R_X86_64_RELATIVE: 0x253 -> 0x1000253
one two three and the pointer is right, base 0x0000000001000000
$ cd $TREE/$B/guest && pandok run --engine soft --load-at 0x4000000 pie-relr
one two three and the pointer is right, base 0x0000000004000000
$ cd $TREE/$B/guest && pandok run --engine soft --load-at random pie-relr | sed "s/0x0*[0-9a-f]*00000$/somewhere/"
one two three and the pointer is right, base somewhere
$ cd $TREE/$B/guest && pandok run --engine soft --load-at 0x4000001 pie-relr
pandok: run: load-at: '0x4000001' is neither 'random' nor an address that is a multiple of 0x1000
Try 'pandok help run'.
[2]
$ cd $TREE/$B/guest && pandok run --engine soft --memory 64 --load-at 0x40000000 pie-relr
pandok: kernel 'pie-relr': kernel at 0x40000000-0x40007fff does not lie in the guest's RAM, which ends at 0x4000000
[1]
$ cd $TREE/$B/guest && pandok doctor --relocs pie-relr
pie-relr: ELF64 x86-64, position-independent; starts as: PVH
note 13 position-independent: it is position-independent (ET_DYN): the loader has to relocate it
relocations:
  0x7008         RELR                 where_is_it+0x0 in .data: base + 0x7000 (answer+0x0 in .data)
  0x7010         RELR                 words+0x0 in .data: base + 0x24b (.rodata)
  0x7018         RELR                 words+0x8 in .data: base + 0x24f (.rodata)
  0x7020         RELR                 words+0x10 in .data: base + 0x253 (.rodata)
  4 dynamic relocations
