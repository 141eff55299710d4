# tap.sh - a TAP interface in a network namespace: 100 MiB down and up with segments left to the host.
# The host's side needs root; where /dev/net/tun is closed to others, pandok runs as root, too.
. test/net/lib.sh

commands() {
	cat <<END
card eth0 10.7.0.2/24
until ping -q -c 1 -W 1 10.7.0.1 >/dev/null; do :; done
wget -q -O - http://10.7.0.1:8080/data | sha256sum
peer send 100000000 tcp:10.7.0.1:99
[ \$(cat /sys/class/net/eth0/statistics/rx_packets) -lt 60000 ] && echo large frames in
[ \$(cat /sys/class/net/eth0/statistics/tx_packets) -lt 60000 ] && echo large frames out
END
}

if [ "${1:-}" = inside ]; then # the namespace
	parts tap
	ip tuntap add pandok0 mode tap user 65534
	ip addr add 10.7.0.1/24 dev pandok0
	ip link set lo up
	ip link set pandok0 up
	busybox httpd -f -p 10.7.0.1:8080 -h "$OUT/www" &
	server=$!
	"$peer" receive 100000000 tcp-listen:99 >"$OUT/tap.up" 2>&1 &
	commands | guest tap --net tap=pandok0,mac=52:54:00:07:00:02
	kill $server $! 2>/dev/null
	exit
fi

[ "$(id -u)" = 0 ] || { echo "SKIP tap: only root can make an interface"; exit 0; }
unshare -n ip tuntap add pandok0 mode tap user 65534 2>"$OUT/tap.log" || {
	echo "SKIP tap: no TAP interface can be made here: $(tail -n 1 "$OUT/tap.log")"
	exit 0
}
parts tap || exit 0
"$UNPRIV" sh -c ': <>/dev/net/tun' 2>/dev/null || UNPRIV=env
mkdir -p "$OUT/www"
head -c 100M /dev/urandom >"$OUT/www/data"
sum=$(sha256sum <"$OUT/www/data")
UNPRIV=$UNPRIV unshare -n sh test/net/tap.sh inside
verdict tap ended tap 0 -- said tap "$sum" -- said tap '100000000 ok' -- \
	grep -qx '100000000 ok' "$OUT/tap.up" -- said tap 'large frames in' -- said tap 'large frames out'
rm -rf "$OUT/www"
