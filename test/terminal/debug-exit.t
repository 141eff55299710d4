# The guest's value 0x10 at port 0xf4 is status 33.
run run --engine soft --debug-exit guest
expect > 
send d
status 33
cooked
