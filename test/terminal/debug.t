# Ctrl-A c opens the debugger's prompt; continue comes back to the guest, a breakpoint to the prompt.
run run --engine soft guest
expect > 
raw
send ^Ac
expect db> 
send show reg^M
expect rip 
expect db> 
send nonsense^M
expect no command 'nonsense'
expect db> 
send watch 0x100000^M
expect watchpoint 1
expect db> 
send delete 1^M
expect db> 
send step^M
expect stopped at
expect db> 
send con^I^M
raw
send z
expect z
send ^Ac
expect stopped
expect db> 
send quit^M
raw
send y
expect y
send q
status 0
cooked
