$ cd $TREE/$B/guest && pandok run --engine soft canary-right
a protected function returned
all is well
$ cd $TREE/$B/guest && pandok run --engine soft canary-wrong 2>&1 | sed "s/0x[0-9a-f]*/AT/"
stack smashing detected
pandok: wrote $XDG_STATE_HOME/pandok/crash/textdump.tar.0
pandok: the guest halted with interrupts off at AT: nothing can wake it
$ cd $TREE/$B/guest && pandok doctor canary-wrong | sed "s/0x[0-9a-f]*/AT/"
canary-wrong: ELF64 x86-64 executable; starts as: PVH
warning 25 canary-too-early: canary_init at AT runs before anything else and reads a stack canary
  why: code that runs before the canary exists is protected by it: %fs or %gs has no base yet
  fix: compile what runs before the set-up with -fno-stack-protector
