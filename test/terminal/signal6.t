# Signal 6 kills, but not before the terminal is restored.
run run --engine soft guest
expect > 
raw
kill 6
status 134
cooked
