# A triple fault ends with status 4 and one sentence.
run run --engine soft guest
expect > 
send t
expect pandok: the guest died of a triple fault at 0x
status 4
cooked
