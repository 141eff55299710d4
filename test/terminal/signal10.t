# Signal 10 kills, but not before the terminal is restored.
run run --engine soft guest
expect > 
raw
kill 10
status 138
cooked
