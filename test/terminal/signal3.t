# Signal 3 kills, but not before the terminal is restored.
run run --engine soft guest
expect > 
raw
kill 3
status 131
cooked
