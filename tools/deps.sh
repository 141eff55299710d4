#!/bin/sh
# deps.sh - installs the packages of the named groups of deps.txt that are missing.
#   usage: tools/deps.sh GROUP...
# Says what it installs, uses sudo only when not root, and needs no network when all is there.
set -eu

list=$(dirname "$0")/deps.txt

# Names in the groups given: "name # group: why"; no group means build.
wanted() {
	awk -v groups=" $* " '
	/^[ \t]*(#|$)/ { next }
	{
		group = "build"
		if (match($0, /#[ \t]*[a-z]+:/)) {
			group = substr($0, RSTART + 1, RLENGTH - 2)
			gsub(/[ \t]/, "", group)
		}
		if (index(groups, " " group " ") && !seen[$1]++)
			print $1
	}' "$list"
}

installed() {
	dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing() {
	for p in "$@"; do
		installed "$p" || printf '%s ' "$p"
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# True when apt knows a version of every package named.
known() {
	for p in "$@"; do
		apt-cache policy "$p" 2>/dev/null | grep -q 'Candidate: [^(]' || return 1
	done
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends "$@"
}

[ $# -gt 0 ] || { echo "usage: tools/deps.sh GROUP..." >&2; exit 2; }

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "pandok: this is no Debian; packages needed here, by their Debian names:" \
		$(wanted "$@") >&2
	exit 0
fi

# Two targets of one parallel make may get here together; apt takes one at a time.
exec 9>"${TMPDIR:-/tmp}/pandok-deps.$(id -u)"
flock 9

need=$(missing $(wanted "$@"))
# The guest's kernel is fetched by apt, which needs package lists even when nothing is missing.
lists=yes
case " $* " in
*" run "*)
	cached=${XDG_CACHE_HOME:-${HOME:-/}/.cache}/pandok/guest/amd64/vmlinuz
	[ -e "$cached" ] || known linux-image-amd64 || lists=
	;;
esac
[ -n "$need" ] || [ -z "$lists" ] || exit 0

[ "$(id -u)" = 0 ] || command -v sudo >/dev/null || {
	echo "pandok: cannot install packages without root or sudo: ${need:-apt package lists}" >&2
	exit 1
}
if [ -z "$lists" ] || ! known $need; then
	echo "pandok: fetching apt's package lists" >&2
	as_root apt-get update -q
fi
[ -n "$need" ] || exit 0
echo "pandok: installing Debian packages: $need" >&2
apt_install $need || {
	# Stale lists name versions that the mirror no longer has.
	as_root apt-get update -q
	apt_install $need
}
