# SIGTERM presses the power button.
run run --engine soft guest
expect > 
raw
kill 15
expect SIGTERM: pressing the power button
expect power button
status 0
cooked
