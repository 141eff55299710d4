#!/bin/sh
# test-fresh.sh - the README's commands in a Debian that has nothing but make.
#
# A minimal root from this machine's apt sources, a fresh clone of HEAD in it, then `make run`, fed
# with commands, and the fast tests. What an install step forgot shows here and nowhere else.
# As root it uses chroot; as anybody else user namespaces. FRESH_CACHE=no fetches the guest's
# kernel again instead of copying this machine's.
set -eu

cd "$(dirname "$0")/.."
top=$(mktemp -d "${TMPDIR:-/tmp}/pandok-fresh.XXXXXX")
root=$top/root
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/pandok/guest

# enter COMMAND - run a shell command in the fresh root.
if [ "$(id -u)" = 0 ]; then
	enter() {
		unshare -m -p -f --kill-child --propagation private -- sh -ec '
			mount -t proc proc "$1/proc"
			mount --rbind /dev "$1/dev"
			exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
				${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
				sh -ec "$2"' sh "$root" "$1"
	}
	remove() { rm -rf --one-file-system "$top"; }
else
	enter() {
		unshare -U -m -p -f --kill-child --map-auto --map-root-user -- sh -ec '
			mount -t proc proc "$1/proc"
			mount --rbind /dev "$1/dev"
			exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
				${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
				sh -ec "$2"' sh "$root" "$1"
	}
	unshare -U --map-auto --map-root-user true 2>/dev/null || {
		echo "SKIP fresh: without root this needs user namespaces with more than one user" \
			"(package uidmap, /etc/subuid)"
		echo "0 passed, 0 failed, 1 skipped"
		rmdir "$top"
		exit 0
	}
	remove() { unshare -U --map-auto --map-root-user -- rm -rf "$top"; }
fi
trap 'remove' EXIT
trap 'exit 130' INT TERM

passed=0 failed=0
# step NAME COMMAND... - one line per step; its output is shown when it fails.
step() {
	name=$1
	shift
	began=$(date +%s)
	if "$@" >"$top/log" 2>&1; then
		echo "ok fresh: $name ($(($(date +%s) - began)) s)"
		passed=$((passed + 1))
	else
		echo "FAIL fresh: $name"
		mkdir -p build/failed
		cp "$top/log" build/failed/fresh.log
		grep -n -m 10 -E '^E: |[Ee]rror|\*\*\*' "$top/log" | sed 's/^/    /'
		tail -n 40 "$top/log" | sed 's/^/    /'
		failed=$((failed + 1))
		return 1
	fi
}

make_root() {
	chmod 755 "$top"
	tools/minimal-root.sh make "$root"
	for f in /etc/resolv.conf /etc/hosts; do
		[ ! -e $f ] || cp -L $f "$root$f"
	done
}

clone() {
	git clone -q --no-hardlinks . "$top/clone"
	rm -rf "$top/clone/.git"
	tar -C "$top" -cf - clone | enter 'mkdir -p /srv && tar -C /srv --no-same-owner -xf -'
	# The download is the same one; what is tested is that it is asked for.
	if [ "${FRESH_CACHE:-yes}" = yes ] && [ -s "$cache/amd64/vmlinuz" ]; then
		tar -C "$cache" -cf - amd64/package.deb amd64/vmlinuz amd64/version |
			enter 'mkdir -p /root/.cache/pandok/guest &&
				tar -C /root/.cache/pandok/guest --no-same-owner -xf -'
	fi
}

run_shell() {
	printf 'uname -s -m\necho $((6 * 7)) is the answer\n' |
		enter 'cd /srv/clone && exec make run' | tee "$top/said"
	grep -aqx '42 is the answer' "$top/said"
	grep -aq 'Linux x86_64' "$top/said"
}

run_check() {
	enter 'cd /srv/clone && exec make check' </dev/null | tee "$top/said"
	tail -n 1 "$top/said" | grep -qx '[0-9]* passed, 0 failed, [0-9]* skipped'
}

step "a minimal Debian with make" make_root &&
	step "a fresh clone in it" clone &&
	step "make run boots to a shell that answers" run_shell &&
	step "make check" run_check &&
	sed 's/^/    /' "$top/said" | grep -E 'SKIP|passed,' || true
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
