# Ctrl-A p presses the power button.
run run --engine soft guest
expect > 
send ^Ap
expect power button
status 0
cooked
