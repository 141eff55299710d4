# The terminal's end is the run's.
run run --engine soft guest
expect > 
kill 1
expect ended by SIGHUP
status 1
cooked
