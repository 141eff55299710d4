# A triple fault can be a reset, as on real hardware.
run run --engine soft --on-triple-fault reset guest again
expect guest: guest again
send t
expect guest: guest again
send q
status 0
cooked
