# Silence is an event, and a debugger who is attached is shown it.
run run --engine soft --watchdog 0.5 --on watchdog= guest
expect > 
send ^Ac
expect db> 
send continue^M
expect nothing was printed
expect db> 
send show event^M
expect nothing was printed
expect db> 
send kill^M
status 0
cooked
