$ cd $TREE/$B/guest && pandok run --engine soft --memory 8 multiboot-hello and its words
Hello from Multiboot.
command line: multiboot-hello and its words
