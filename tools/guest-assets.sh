#!/bin/sh
# guest-assets.sh - prints the path of something to boot, making or fetching it the first time.
#   usage: tools/guest-assets.sh [--refresh] WHAT [FLAVOUR]
#     kernel         vmlinuz of Debian's linux-image-FLAVOUR: amd64 (default), cloud-amd64, rt-amd64
#     vmlinux        the ELF file inside it
#     root           the whole package, unpacked (modules are in its lib/modules)
#     headers        what modules for that kernel are built with: a folder for make -C
#     shell          an initial RAM disk with busybox and a shell (made here, no network)
#     modules        an initial RAM disk with drivers for disks, networks and shares, to be given
#                    behind shell; modprobe finds them
#     file PACKAGE PATH  one file out of any package of Debian (PATH without the first slash)
#     debian-initrd  Debian's own full initial RAM disk, for kernel amd64
#     debian         a folder with a whole Debian: root.img (raw ext4, label debian, 2 GiB), its cloud
#                    kernel vmlinuz and initrd.img, a key for root's ssh (key), root's password is
#                    "pandok"; systemd, DHCP, openssh-server, fio
# Packages are fetched by apt, which checks them, and are never installed. They stay in
# $XDG_CACHE_HOME/pandok/guest; what is there is used without a network until --refresh.
set -eu

cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/pandok/guest

say() { echo "pandok: $*" >&2; }
die() { say "$*"; exit 1; }

# Fetch linux-image-FLAVOUR's package into $cache/FLAVOUR/package.deb.
fetch() {
	name=$(apt-cache depends "linux-image-$1" 2>/dev/null |
		awk '/Depends: linux-image-/ { print $2; exit }')
	[ -n "$name" ] || die "apt does not know linux-image-$1 (apt-get update?)"
	say "fetching Debian's $name (not installing it)"
	rm -rf "$cache/$1.new"
	mkdir -p "$cache/$1.new"
	(cd "$cache/$1.new" && apt-get -q -o APT::Sandbox::User=root download "$name" >&2) ||
		die "cannot fetch $name"
	mv "$cache/$1.new/$name"_*.deb "$cache/$1.new/package.deb"
	dpkg-deb --fsys-tarfile "$cache/$1.new/package.deb" |
		tar -xOf - --wildcards './boot/vmlinuz-*' >"$cache/$1.new/vmlinuz"
	[ -s "$cache/$1.new/vmlinuz" ] || die "no vmlinuz in $name"
	echo "${name#linux-image-}" >"$cache/$1.new/version"
	rm -rf "${cache:?}/$1"
	mv "$cache/$1.new" "$cache/$1"
}

need_kernel() {
	[ -s "$cache/$1/vmlinuz" ] || fetch "$1"
}

kernel() {
	need_kernel "$1"
	echo "$cache/$1/vmlinuz"
}

vmlinux() {
	need_kernel "$1"
	if [ ! -s "$cache/$1/vmlinux" ]; then
		tools/extract-vmlinux.sh "$cache/$1/vmlinuz" >"$cache/$1/vmlinux.new"
		mv "$cache/$1/vmlinux.new" "$cache/$1/vmlinux"
	fi
	echo "$cache/$1/vmlinux"
}

root() {
	need_kernel "$1"
	if [ ! -d "$cache/$1/root" ]; then
		rm -rf "$cache/$1/root.new"
		dpkg-deb -x "$cache/$1/package.deb" "$cache/$1/root.new"
		mv "$cache/$1/root.new" "$cache/$1/root"
	fi
	echo "$cache/$1/root"
}

# Drivers of the machine's cards, and file systems; with what each of them needs.
drivers="xen-blkfront xen-netfront virtio_pci virtio_blk virtio_net virtio_console virtio-rng virtio_balloon
	vmw_vsock_virtio_transport virtiofs ext4 overlay isofs vfat nls_ascii nls_cp437 loop
	ata_piix sd_mod sr_mod floppy"

modules() {
	img=$cache/$1/modules.cpio
	top=$(root "$1")
	if [ ! -s "$img" ] || [ tools/guest-assets.sh -nt "$img" ]; then
		version=$(cat "$cache/$1/version")
		dir=$cache/$1/modules.new
		rm -rf "$dir"
		mkdir -p "$dir/lib/modules"
		depmod -b "$top" "$version"
		for driver in $drivers; do
			modprobe -d "$top" -S "$version" --show-depends "$driver" 2>/dev/null
		done | sed -n "s,^insmod $top/\\([^ ]*\\).*,\\1,p" | sort -u |
			(cd "$top" && cpio --quiet -pdm "$dir")
		depmod -b "$dir" "$version" 2>/dev/null
		(cd "$dir" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) \
			>"$img.new"
		mv "$img.new" "$img"
		rm -rf "$dir"
	fi
	echo "$img"
}

# $1 = package, $2 = path in it
file() {
	at=$cache/packages/$1
	if [ ! -e "$at/done" ]; then
		say "fetching Debian's $1 (not installing it)"
		rm -rf "$at"
		mkdir -p "$at"
		(cd "$at" && apt-get -q -o APT::Sandbox::User=root download "$1" >&2) ||
			die "cannot fetch $1"
		dpkg-deb -x "$at"/*.deb "$at"
		rm -f "$at"/*.deb
		touch "$at/done"
	fi
	[ -e "$at/$2" ] || die "no $2 in $1"
	echo "$at/$2"
}

# The packages' Makefiles name /usr/src; nothing is installed there, so they are told where they are.
headers() {
	need_kernel "$1"
	version=$(cat "$cache/$1/version")
	dir=$cache/$1/headers
	if [ ! -d "$dir" ]; then
		name=linux-headers-$version
		say "fetching Debian's $name (not installing it)"
		rm -rf "$dir.new"
		mkdir -p "$dir.new"
		others=$(apt-cache depends "$name" | awk '/Depends: linux-(headers|kbuild)-/ { print $2 }')
		# shellcheck disable=SC2086
		(cd "$dir.new" && apt-get -q -o APT::Sandbox::User=root download "$name" $others >&2) ||
			die "cannot fetch $name"
		for deb in "$dir.new"/*.deb; do
			dpkg-deb -x "$deb" "$dir.new"
			rm "$deb"
		done
		sed -i "s,/usr/src/,$dir/usr/src/," "$dir.new/usr/src/$name/Makefile"
		mv "$dir.new" "$dir"
	fi
	echo "$dir/usr/src/linux-headers-$version"
}

# Debian's tools make the disk in a throw-away Debian, so that nothing is installed here.
debian_initrd() {
	need_kernel amd64
	img=$cache/amd64/debian-initrd.img
	if [ ! -s "$img" ]; then
		name=linux-image-$(cat "$cache/amd64/version")
		say "making Debian's initial RAM disk for $name in a throw-away root"
		tools/minimal-root.sh "$name,initramfs-tools,busybox,zstd" /dev/null \
			"--customize-hook=cp \"\$1\"/boot/initrd.img-* '$img.new'" >&2 ||
			die "cannot make a Debian root (mmdebstrap)"
		mv "$img.new" "$img"
	fi
	echo "$img"
}

# A whole Debian, made without root. What is customized: a password and a key, DHCP on every card, and a
# machine id, without which each start would be the first one.
debian_packages=systemd-sysv,udev,dbus,openssh-server,iproute2,iputils-ping,wget,kmod,procps,e2fsprogs
debian_packages=$debian_packages,linux-image-cloud-amd64,initramfs-tools,busybox,zstd,fio,grub-pc-bin

# Without root, who works inside the new Debian is another user here, and may write in out alone.
debian() {
	dir=$cache/debian
	if [ ! -s "$dir/root.img" ]; then
		say "making a Debian root file system"
		rm -rf "$dir.new"
		mkdir -p "$dir.new"
		ssh-keygen -q -t ed25519 -N '' -C pandok -f "$dir.new/key"
		out=$(mktemp -d) && chmod 1777 "$out"
		cp "$dir.new/key.pub" "$out/"
		cat >"$out/customize" <<-EOF
			set -eu
			echo root:pandok | chroot "\$1" chpasswd
			mkdir -p -m 700 "\$1/root/.ssh"
			cp '$out/key.pub' "\$1/root/.ssh/authorized_keys"
			printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >"\$1/etc/systemd/network/dhcp.network"
			chroot "\$1" systemctl -q enable systemd-networkd
			echo debian >"\$1/etc/hostname"
			printf '127.0.0.1 localhost debian\n' >"\$1/etc/hosts"
			chroot "\$1" systemd-machine-id-setup
			cp "\$1"/boot/vmlinuz-* '$out/vmlinuz'
			cp "\$1"/boot/initrd.img-* '$out/initrd.img'
			mkdir '$out/top' # the same without what is mounted in it
			mount --bind "\$1" '$out/top'
			mke2fs -q -t ext4 -L debian -d '$out/top' '$out/root.img' 2G
			umount '$out/top'
			rmdir '$out/top'
			chmod 644 '$out/vmlinuz' '$out/initrd.img' '$out/root.img'
		EOF
		if tools/minimal-root.sh "$debian_packages" /dev/null \
			"--customize-hook=sh '$out/customize' \"\$1\"" >&2; then
			cp --sparse=always "$out/vmlinuz" "$out/initrd.img" "$out/root.img" "$dir.new/"
		fi
		rm -rf "$out"
		[ -s "$dir.new/root.img" ] || die "cannot make a Debian root (mmdebstrap)"
		rm -rf "$dir"
		mv "$dir.new" "$dir"
	fi
	echo "$dir"
}

# An uncompressed cpio: unpacking costs the guest nothing. The kernel brings /dev/console itself.
shell() {
	img=build/guest/shell.cpio
	if [ ! -s $img ] || [ tools/guest/init -nt $img ] || [ /bin/busybox -nt $img ]; then
		busybox=$(command -v busybox) || die "busybox is not installed (make deps)"
		dir=build/guest/shell.$$
		rm -rf "$dir"
		mkdir -p "$dir/bin" "$dir/dev" "$dir/proc" "$dir/sys" "$dir/tmp" "$dir/root" "$dir/etc"
		cp "$busybox" "$dir/bin/busybox"
		cp tools/guest/init "$dir/init"
		chmod 755 "$dir/init" "$dir/bin/busybox"
		for applet in $("$busybox" --list); do
			[ "$applet" = busybox ] || ln -s busybox "$dir/bin/$applet"
		done
		echo 'root:x:0:0:root:/root:/bin/sh' >"$dir/etc/passwd"
		echo 'root:x:0:' >"$dir/etc/group"
		(cd "$dir" && find . | LC_ALL=C sort |
			cpio --quiet --reproducible -o -H newc -R 0:0) >$img.$$
		mv $img.$$ $img
		rm -rf "$dir"
	fi
	echo "$PWD/$img"
}

refresh=
if [ "${1:-}" = --refresh ]; then
	refresh=yes
	shift
fi
what=${1:-}
flavour=${2:-amd64}
mkdir -p "$cache" build/guest
exec 9>"$cache/lock"
flock 9
[ -z "$refresh" ] || fetch "$flavour"
case $what in
kernel | vmlinux | root | headers | modules) $what "$flavour" ;;
shell | initrd) shell ;;
file) file "${2:?which package?}" "${3:?which file?}" ;;
debian-initrd) debian_initrd ;;
debian) debian ;;
*)
	sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
