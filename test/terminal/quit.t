# Ctrl-A x ends the machine and gives the terminal back.
run run --engine soft guest hello
expect guest: guest hello
raw
send ^Ax
status 0
cooked
