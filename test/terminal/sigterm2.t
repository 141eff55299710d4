# A second SIGTERM ends a guest that does not listen.
run run --engine soft --on-triple-fault stop guest
expect > 
send f
expect 0123456789abcdef
kill 15
expect SIGTERM: pressing
kill 15
expect ended by SIGTERM
status 1
cooked
