# user.sh - the user network: DHCP, a download, an upload, ping, SSH from the host, and its limits.
. test/net/lib.sh

parts user || exit 0
mkdir -p "$OUT/www"
head -c 100M /dev/urandom >"$OUT/www/data"
sum=$(sha256sum <"$OUT/www/data")
http=$(port)
ssh=$(port)
udp=$(port)
up=$(port)
busybox httpd -f -p 127.0.0.1:"$http" -h "$OUT/www" &
server=$!
"$peer" receive 100000000 tcp-listen:"$up" >"$OUT/up.txt" 2>&1 &
sink=$!
trap 'kill $server $sink 2>/dev/null' EXIT

commands() {
	cat <<END
card eth0 dhcp
card eth1 dhcp
ip route del default; ip route add default via 10.0.2.2
wget -q -O - http://10.0.2.2:$http/data | sha256sum
peer send 100000000 tcp:10.0.2.2:$up
ping -q -c 2 10.0.2.2 | grep -o '2 packets received'
timeout 2 peer send 1 tcp:10.9.0.2:$up 2>/dev/null || echo shut in
/usr/sbin/dropbear -R -E
peer hear 53 &
echo at your service
until [ -e /tmp/done ]; do sleep 0.1; done
wait
dmesg | grep -ciE 'BUG:|Oops|Call Trace|WARNING: CPU'
END
}

# What the host does once the guest serves: a datagram, then a login.
visit() {
	until_said user 'at your service'
	"$peer" call "$udp" >"$OUT/udp.txt" 2>&1
	timeout 60 ssh -i "$OUT/key" -p "$ssh" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o LogLevel=ERROR root@127.0.0.1 'uname -n; echo $((6 * 7)); touch /tmp/done' \
		>"$OUT/login" 2>&1
}

visit &
visitor=$!
commands | guest user --net "user,hostfwd=tcp:127.0.0.1:$ssh-:22,hostfwd=udp::$udp-:53" \
	--net user,net=10.9.0.0/24,restrict=on
kill $visitor 2>/dev/null

ssh_said() { grep -qxF -- "$1" "$OUT/login"; }
verdict user ended user 0 -- said user 'eth0 has 10.0.2.15 of 10.0.2.2, DNS 10.0.2.3' -- \
	said user '2 packets received' -- said user 0
verdict_of() { cp "$OUT/user.status" "$OUT/$1.status"; cp "$OUT/user.txt" "$OUT/$1.txt"; verdict "$@"; }
verdict_of download said user "$sum"
verdict_of upload said user '100000000 ok' -- grep -qx '100000000 ok' "$OUT/up.txt"
verdict_of restrict said user 'eth1 has 10.9.0.15 of , DNS ' -- said user 'shut in'
verdict_of datagram said user 'heard question' -- grep -qx 'heard answer' "$OUT/udp.txt"
verdict_of ssh ssh_said pandok -- ssh_said 42
rm -rf "$OUT/www"
