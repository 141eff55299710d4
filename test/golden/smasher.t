$ cd $TREE/$B/guest && pandok run --engine soft smasher 2>&1 | sed "s/0x[0-9a-f]*/AT/"
short enough
much too long for a buffer of sixteen
stack smashing detected
pandok: wrote $XDG_STATE_HOME/pandok/crash/textdump.tar.0
pandok: the guest halted with interrupts off at AT: nothing can wake it
