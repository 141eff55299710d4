$ cd $TREE/$B/guest && pandok run --engine soft --memory 8 --initrd $TREE/LICENSE pvh-hello of one command line
Hello from PVH.
command line: of one command line
module of 0x0000000000002c5e bytes begins with 

memory 0x0000000000000000 0x000000000009fc00 RAM
memory 0x000000000009fc00 0x0000000000000400 reserved
memory 0x00000000000e0000 0x0000000000020000 reserved
memory 0x0000000000100000 0x0000000000700000 RAM
