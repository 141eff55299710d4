# Killed with SIGKILL: the guard restores the terminal.
run run --engine soft guest
expect > 
raw
kill 9
status 137
cooked
