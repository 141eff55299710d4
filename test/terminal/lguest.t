# lguest's own form.
run 16m guest --engine=soft root=/dev/vda
expect guest: guest root=/dev/vda
send q
status 0
cooked
