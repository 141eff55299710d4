# lib.sh - what the tests of shared directories share: a kernel beside its modules, and runs in it.
. test/boot/lib.sh

# need_kernel - put Debian's cloud kernel and its modules where anybody can read them; sets $kernel.
need_kernel() {
	kernel=$OUT/kernel/vmlinuz
	[ ! -s "$kernel" ] || return 0
	from=$(tools/guest-assets.sh kernel cloud-amd64 2>"$OUT/assets.log") || return 1
	root=$(tools/guest-assets.sh root cloud-amd64 2>"$OUT/assets.log") || return 1
	mkdir -p "$OUT/kernel"
	cp -r --reflink=auto "$root/lib" "$OUT/kernel/lib" && chmod -R a+rX "$OUT/kernel" &&
		cp "$from" "$kernel" && chmod 644 "$kernel"
}

# inside NAME COMMAND [OPTION...] - run a shell command in a guest whose root is this machine's.
# Leaves $OUT/NAME.out, .txt, .err and .status.
inside() {
	inside_name=$1
	inside_command=$2
	shift 2
	pandok "$inside_name" run --engine soft --timeout 120 --rootfs / --exec "$inside_command" "$@" "$kernel"
}

# wrote NAME TEXT - these are exactly the bytes that it printed.
wrote() { [ "$(cat "$OUT/$1.out")" = "$2" ]; }
