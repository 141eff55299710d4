# A panic that is an event and no end: its script runs, and the guest goes on by its own rules.
run run --engine soft --on-panic continue guest
expect > 
send P
expect textdump.tar.
send z
expect z
send q
status 0
cooked
