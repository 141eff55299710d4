# Ctrl-A x ends a machine that does nothing but take exceptions.
run run --engine soft guest
expect > 
send u
expect faulting
send ^Ax
status 0
cooked
