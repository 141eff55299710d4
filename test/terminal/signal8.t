# Signal 8 kills, but not before the terminal is restored.
run run --engine soft guest
expect > 
raw
kill 8
status 136
cooked
