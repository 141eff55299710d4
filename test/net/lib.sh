# lib.sh - what network tests share: a kernel, a RAM disk with drivers and programs, ports, waiting.

. test/boot/lib.sh

peer=$OUT/peer

# with_libraries PROGRAM... - programs and all that they load.
with_libraries() {
	for p; do
		echo "$p"
		ldd "$p" | grep -o '/[^ ]*'
	done | sort -u
}

# A RAM disk behind shell and modules: peer, an SSH server, and a script that brings cards up.
make_extra() {
	dir=$OUT/extra
	mkdir -p "$dir/bin" "$dir/root/.ssh" "$dir/etc/dropbear"
	cp "$peer" "$dir/bin/peer"
	for f in $(with_libraries /usr/sbin/dropbear); do
		mkdir -p "$dir$(dirname "$f")"
		cp -L "$f" "$dir$f"
	done
	ssh-keygen -q -t ed25519 -N '' -f "$OUT/key"
	cp "$OUT/key.pub" "$dir/root/.ssh/authorized_keys"
	chmod 700 "$dir/root" "$dir/root/.ssh"
	cp test/net/card "$dir/bin/card"
	chmod 755 "$dir/bin/card"
	(cd "$dir" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$extra"
	rm -rf "$dir"
}

# parts - kernel, disks and programs; without them there is nothing to test.
parts() {
	for what in kernel shell modules; do
		asset $what || {
			echo "SKIP $1: no $what: $(tail -n 1 "$OUT/assets.log")"
			return 1
		}
		eval "$what=\$asset"
	done
	extra=$OUT/extra.cpio
	[ -s "$extra" ] && return
	gcc -std=gnu17 -O2 -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Werror -static -o "$peer" \
		test/net/peer.c || { echo "FAIL $1: peer.c does not build"; return 1; }
	make_extra
}

# guest NAME OPTION... - boot with these options; standard input is the guest's commands.
guest() {
	name=$1
	shift
	once "$name" 'first line of /init' | pandok "$name" run --engine soft --timeout 120 "$@" \
		--initrd "$shell" --initrd "$modules" --initrd "$extra" "$kernel" \
		console=ttyS0 quiet pandok.tty=none
}

# port - a TCP and UDP port that nobody uses.
port() {
	while :; do
		p=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 20000))
		grep -qi ":$(printf %04X $p) " /proc/net/tcp /proc/net/tcp6 /proc/net/udp || break
	done
	echo $p
}

# until_said NAME TEXT - wait until guest NAME has printed TEXT.
until_said() { once "$1" "$2" </dev/null; }
