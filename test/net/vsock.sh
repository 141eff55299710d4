# vsock.sh - vsock in both directions, started from both sides, and doors that are closed.
. test/net/lib.sh

parts vsock || exit 0
path=$OUT/vsock
n=20000000

commands() {
	cat <<END
modprobe -a virtio_pci vmw_vsock_virtio_transport
peer send $n vsock:2000
peer receive $n vsock:2001
peer send 10 vsock:77 2>&1
(peer receive $n listen:1000; touch /tmp/one) &
(peer send $n listen:1001; touch /tmp/two) &
sleep 0.5; echo at your service
until [ -e /tmp/one ] && [ -e /tmp/two ]; do sleep 0.1; done
END
}

# The host's side runs as nobody too: the sockets are for one user's processes.
host() { timeout 100 "$UNPRIV" "$peer" "$@"; }
host receive $n unix-listen:"${path}_2000" >"$OUT/h1" 2>&1 &
host send $n unix-listen:"${path}_2001" >"$OUT/h2" 2>&1 &
{
	until_said vsock 'at your service'
	host send 1 connect:"$path":99 >"$OUT/h5" 2>&1
	host send $n connect:"$path":1000 >"$OUT/h3" 2>&1 &
	host receive $n connect:"$path":1001 >"$OUT/h4" 2>&1
	wait
} &
visitor=$!
commands | guest vsock --net none --vsock "$path,cid=42"
wait $visitor

all_ok() {
	for f; do
		grep -qx "$n ok" "$OUT/$f" || return
	done
}
verdict vsock ended vsock 0 -- said vsock "$n ok" -- said vsock 'connect: Connection reset by peer' -- \
	all_ok h1 h2 h3 h4 -- grep -qx refused "$OUT/h5" -- [ ! -e "$path" ]
