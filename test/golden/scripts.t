# Scripts as FreeBSD's ddb runs them: each command is echoed as it stands between the semicolons, one
# that fails does not end the script, and scripts run each other three deep at most.
$ cd $TREE/$B/guest && pandok run --engine soft --crash-dir "$XDG_STATE_HOME" --on 'wedged=capture on; show event ;nonsense;scripts; textdump status;textdump set ; textdump status; run x.deep; capture off; show event' --on 'x.deep=run x.deep' smasher 2>&1 | sed "s/0x[0-9a-f]*/AT/"
short enough
much too long for a buffer of sixteen
stack smashing detected
pandok: wrote $XDG_STATE_HOME/textdump.tar.0
pandok: the guest halted with interrupts off at AT: nothing can wake it
$ tar -xOf "$XDG_STATE_HOME/textdump.tar.0" ddb.txt | sed "s/0x[0-9a-f]*/AT/" | grep -v '^kdb.enter.*show pcpu'
db:0:kdb.enter.wedged>  show event 
the guest halted with interrupts off at AT: nothing can wake it
db:0:kdb.enter.wedged> nonsense
no command 'nonsense'; 'help' lists them
Script command 'nonsense' returned error
db:0:kdb.enter.wedged> scripts
kdb.enter.wedged=capture on; show event ;nonsense;scripts; textdump status;textdump set ; textdump status; run x.deep; capture off; show event
x.deep=run x.deep
db:0:kdb.enter.wedged>  textdump status
textdump is not set
db:0:kdb.enter.wedged> textdump set 
db:0:kdb.enter.wedged>  textdump status
textdump is set
db:0:kdb.enter.wedged>  run x.deep
db:1:x.deep> run x.deep
db:2:x.deep> run x.deep
scripts run each other 3 deep at most
Script command 'run x.deep' returned error
db:0:kdb.enter.wedged>  capture off
# Default scripts and the event's name without the prefix; a script nobody can mean.
$ pandok run --engine soft --on nonsense $TREE/$B/guest/smasher
pandok: debugger: 'nonsense' is no event; those are panic, oops, triplefault, wedged, watchdog, break and default
[1]
$ pandok run --engine soft --on =body $TREE/$B/guest/smasher
pandok: debugger: '' is no event; those are panic, oops, triplefault, wedged, watchdog, break and default
[1]
# Without a script nothing is written.
$ cd $TREE/$B/guest && pandok run --engine soft --crash-dir "$XDG_STATE_HOME/none" --on wedged= smasher 2>&1 | tail -n 1 | sed "s/0x[0-9a-f]*/AT/"; ls "$XDG_STATE_HOME/none"
pandok: the guest halted with interrupts off at AT: nothing can wake it
ls: cannot access '$XDG_STATE_HOME/none': No such file or directory
[2]
