$ cd $TREE/$B/guest && pandok run --engine soft --library two-pieces-lib.so --explain-relocs two-pieces
pandok: two-pieces: linked at 0x0, loaded at 0x1000000
pandok: two-pieces-lib.so: linked at 0x0, loaded at 0x1200000
pandok: two-pieces: 0x1007160 R_X86_64_GLOB_DAT: 0x0 -> 0x1203140 of two-pieces-lib.so
pandok: two-pieces: 0x1007180 R_X86_64_JUMP_SLOT: 0x136 -> 0x1201000 of two-pieces-lib.so
pandok: two-pieces-lib.so: 0x1203030 R_X86_64_RELATIVE: 0x2000 -> 0x1202000
pandok: two-pieces-lib.so: 0x1203038 R_X86_64_RELATIVE: 0x201c -> 0x120201c
Hello from the other piece.
And once more.
$ cd $TREE/$B/guest && pandok run --engine soft --library two-pieces-lib.so --bind lazy --explain-relocs two-pieces
pandok: two-pieces: linked at 0x0, loaded at 0x1000000
pandok: two-pieces-lib.so: linked at 0x0, loaded at 0x1200000
pandok: two-pieces: 0x1007160 R_X86_64_GLOB_DAT: 0x0 -> 0x1203140 of two-pieces-lib.so
pandok: two-pieces: 0x1007180 R_X86_64_JUMP_SLOT: 0x1201000 of two-pieces-lib.so, at its first call
pandok: two-pieces-lib.so: 0x1203030 R_X86_64_RELATIVE: 0x2000 -> 0x1202000
pandok: two-pieces-lib.so: 0x1203038 R_X86_64_RELATIVE: 0x201c -> 0x120201c
Hello from the other piece.
And once more.
$ cd $TREE/$B/guest && pandok run --engine soft two-pieces
pandok: kernel 'two-pieces': it needs 'two-pieces-lib.so': give that file with --library
[1]
$ cd $TREE/$B/guest && pandok run --engine soft --library pie-got two-pieces
pandok: kernel 'two-pieces': 'two-pieces' needs 'greetings', which no piece defines (give the one that does with --library)
[1]
$ cd $TREE/$B/guest && pandok doctor --got two-pieces
two-pieces: ELF64 x86-64, position-independent; starts as: PVH
note 13 position-independent: it is position-independent (ET_DYN): the loader has to relocate it
note 13 position-independent: it needs 'two-pieces-lib.so': give it with --library
global offset table:
  .got
  0x7160         GLOB_DAT             .got: the address of 'greetings', which another file defines
  0x7168         fixed                holds 0x7000: stack_top+0x0 in .dynamic
  0x7170         fixed                holds 0x0
  0x7178         fixed                holds 0x0
  0x7180         JUMP_SLOT            .got: the address of 'greeting', which another file defines (when it is first called, or at once)
  5 slots in the global offset table
