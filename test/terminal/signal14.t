# Signal 14 kills, but not before the terminal is restored.
run run --engine soft guest
expect > 
raw
kill 14
status 142
cooked
