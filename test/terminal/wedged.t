# Halted with interrupts off: status 4.
run run --engine soft guest
expect > 
send w
expect pandok: the guest halted with interrupts off
status 4
cooked
