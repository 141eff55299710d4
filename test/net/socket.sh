# socket.sh - two guests on one wire: they ping each other, and data gets through as it was. Each gives
# its card another address first; IPv6 finds a neighbour by a group's address.
. test/net/lib.sh

parts socket || exit 0

commands() {
	cat <<END
card eth0 192.168.7.$1/24
ip link set eth0 down; ip link set eth0 address 52:54:00:00:07:0$1; ip link set eth0 up
until ping -q -c 1 -W 1 192.168.7.$2 >/dev/null; do :; done
ping -q -c 3 192.168.7.$2 | grep -o '3 packets received'
until ping -6 -q -c 1 -W 1 -I eth0 fe80::5054:ff:fe00:70$2 >/dev/null; do sleep 0.2; done; echo a neighbour
END
}

{
	commands 1 2
	echo 'peer receive 20000000 tcp-listen:99'
} | guest socket-a --net socket="$OUT/wire" &
a=$!
{
	commands 2 1
	echo 'until peer send 20000000 tcp:192.168.7.1:99 2>/dev/null; do sleep 0.1; done'
} | guest socket-b --net socket="$OUT/wire"
wait $a

for g in socket-a socket-b; do
	verdict $g ended $g 0 -- said $g '3 packets received' -- said $g 'a neighbour' -- said $g '20000000 ok'
done
