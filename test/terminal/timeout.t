# The time limit has a status of its own.
run run --engine soft --timeout 0.5 guest
expect pandok: the time limit of 0.5 seconds was reached
status 124
cooked
