# A reset starts the guest again; the terminal stays the guest's.
run run --engine soft guest again
expect guest: guest again
send r
expect guest: guest again
raw
send q
status 0
cooked
