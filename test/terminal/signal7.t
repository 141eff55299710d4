# Signal 7 kills, but not before the terminal is restored.
run run --engine soft guest
expect > 
raw
kill 7
status 135
cooked
