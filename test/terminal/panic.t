# A kernel's panic on the console: status 3, and the reason.
run run --engine soft guest
expect > 
send P
expect pandok: the guest panicked: test
status 3
cooked
