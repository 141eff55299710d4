$ cd $TREE/$B/guest && pandok run --engine soft smasher 2>&1 | sed "s/0x[0-9a-f]*/AT/"
short enough
much too long for a buffer of sixteen
stack smashing detected
pandok: wrote $XDG_STATE_HOME/pandok/crash/textdump.tar.0
pandok: the guest halted with interrupts off at AT: nothing can wake it
# What its stack says: the frame that was written over, its canary and its return address.
$ cd $TREE/$B/guest && pandok run --engine soft --crash-dir $XDG_STATE_HOME/d --on 'wedged=capture on; textdump set; bt; frame 2' smasher >/dev/null 2>&1; pandok crash print 0 --crash-dir $XDG_STATE_HOME/d | sed -n 's/^#\(.*\) 0[0-9a-f]* \([a-z_]*\)+.*/frame \1 \2/p; s/.*\(measured\|inferred\)  \(.*OVERWRITTEN\).*/\2/p; s/.*\("much too"\)/\1/p; s/.*?? /?? /p'
frame 0   died
frame 1   __stack_chk_fail
frame 2   copy
?? the rest is not known: no code is at the return address
return address, OVERWRITTEN
canary, OVERWRITTEN
"much too"
