# debian.sh - nothing fatal is found in any kernel that Debian ships.
# tiers: full soak
set -u

list="linux amd64
linux cloud-amd64"
[ "$TIER" != soak ] || list="$list
linux rt-amd64"
list="$list
grub-xen-host usr/lib/grub-xen/grub-x86_64-xen.bin
grub-xen-host usr/lib/grub-xen/grub-i386-xen_pvh.bin
grub-xen-host usr/lib/grub-xen/grub-i386-xen.bin
memtest86+ boot/memtest86+x64.bin
memtest86+ boot/memtest86+ia32.bin
gnumach-image-1.8-486 boot/gnumach-1.8-486.gz
ipxe boot/ipxe.lkrn
xen-hypervisor-4.17-amd64 boot/xen-4.17-amd64.gz"

mkdir -p "$OUT/debian"
echo "$list" | while read -r package path; do
	name=$package-$(basename "$path")
	if [ "$package" = linux ]; then
		file=$(tools/guest-assets.sh kernel "$path" 2>"$OUT/debian/why")
	else
		file=$(tools/guest-assets.sh file "$package" "$path" 2>"$OUT/debian/why")
	fi
	if [ -z "$file" ]; then
		echo "SKIP $name: $(tail -n 1 "$OUT/debian/why")"
		continue
	fi
	case $file in
	*.gz) gzip -dc "$file" >"$OUT/debian/$name"; file=$OUT/debian/$name ;;
	esac
	"$PROG" doctor "$file" >"$OUT/debian/$name.said" 2>&1
	status=$?
	if [ $status -gt 3 ] || grep -q '^fatal' "$OUT/debian/$name.said" || grep -q 'starts as: nothing' "$OUT/debian/$name.said"; then
		echo "FAIL $name: status $status: $(grep -m 1 -E '^(fatal|pandok)|starts as: nothing' "$OUT/debian/$name.said")"
	else
		echo "ok $name"
	fi
done
