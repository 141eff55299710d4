# Signal 11 kills, but not before the terminal is restored.
run run --engine soft guest
expect > 
raw
kill 11
status 139
cooked
