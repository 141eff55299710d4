# Signal 4 kills, but not before the terminal is restored.
run run --engine soft guest
expect > 
raw
kill 4
status 132
cooked
