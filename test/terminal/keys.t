# What is typed goes to the guest, Ctrl-C too; Ctrl-A is ours, and twice it is the guest's.
run run --engine soft guest
expect > 
send ab^C
expect ab
send ^Ah
expect power button
expect send Ctrl-A
send z^A^A
expect ^A
send y
expect y
send q
status 0
cooked
