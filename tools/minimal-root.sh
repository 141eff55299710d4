#!/bin/sh
# minimal-root.sh - makes a minimal Debian with the given packages from this machine's apt sources.
#   usage: tools/minimal-root.sh PACKAGE,... TARGET [MMDEBSTRAP-OPTION...]
# Needs no root where user namespaces work.
set -eu

packages=$1 target=$2
shift 2

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

# This machine's Debian sources (and no others), in one-line or deb822 form.
sources=$(mktemp -d)
trap 'rm -rf "$sources"' EXIT
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
	[ -f "$f" ] || continue
	case $f in
	*.sources)
		awk 'BEGIN { RS = ""; ORS = "\n\n" } /Suites:[^\n]*'"$suite"'/ && /Signed-By:[^\n]*debian-archive/' "$f" \
			>>"$sources/debian.sources"
		;;
	*.list) grep -E "^deb .*debian.* $suite" "$f" >>"$sources/debian.list" || true ;;
	esac
done
[ -s "$sources/debian.sources" ] || rm -f "$sources/debian.sources"
[ -s "$sources/debian.list" ] || rm -f "$sources/debian.list"

# Proxies and the like that apt uses here.
conf=
for f in /etc/apt/apt.conf /etc/apt/apt.conf.d/*proxy*; do
	[ ! -f "$f" ] || conf="$conf --aptopt=$f"
done

mmdebstrap --quiet --variant=apt --dpkgopt=force-unsafe-io --include="$packages" $conf "$@" "$suite" "$target" \
	$(ls "$sources"/* 2>/dev/null)
