# debian.sh - a whole Debian on its disk, reached by SSH from the host through a forwarded port.
. test/net/lib.sh

debian=$(tools/guest-assets.sh debian 2>"$OUT/assets.log") || {
	echo "SKIP debian-ssh: no Debian disk: $(tail -n 1 "$OUT/assets.log")"
	exit 0
}
for f in vmlinuz initrd.img; do
	cp "$debian/$f" "$OUT/$f" && chmod 644 "$OUT/$f"
done
# The image may lie where the unprivileged user cannot go: it is handed over as an open file.
exec 9<"$debian/root.img"
ssh=$(port)

remote() {
	timeout 60 ssh -i "$debian/key" -p "$ssh" -o StrictHostKeyChecking=no -o ConnectTimeout=20 \
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1 "$@"
}

# It is the guest's standard input, too, so that the console stays open until it leaves.
visit() {
	until_said debian-ssh 'login: '
	for i in 1 2 3 4 5 6 7 8; do
		remote true 2>/dev/null && break
		sleep 2
	done
	remote 'uname -n; ip -4 -o addr show scope global | grep -c 10.0.2.15; getent hosts debian | wc -l' \
		>"$OUT/login" 2>&1
	remote 'head -c 20000000 /dev/zero' 2>>"$OUT/login" | wc -c >>"$OUT/login"
	remote 'systemctl --no-block poweroff' >>"$OUT/login" 2>&1
}

visit | LIMIT=280 pandok debian-ssh run --memory 1g --net "user,hostfwd=tcp:127.0.0.1:$ssh-:22" \
	--initrd "$OUT/initrd.img" --block /dev/fd/9,overlay "$OUT/vmlinuz" root=/dev/vda rw quiet
saw() { grep -qxF -- "$1" "$OUT/login"; }
verdict debian-ssh ended debian-ssh 0 -- saw debian -- saw 1 -- saw 20000000
