# Stopped from outside, the terminal is the shell's; continued, it is the guest's again.
run run --engine soft guest
expect > 
raw
kill 20
stopped
cooked
kill 18
raw
send a
expect a
send q
status 0
cooked
