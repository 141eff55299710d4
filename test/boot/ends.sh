# ends.sh - how a run can end, and the exit status that says so.
. test/boot/lib.sh

asset shell && shell=$asset && asset vmlinux amd64 || {
	echo "SKIP ends: nothing to boot: $(tail -n 1 "$OUT/assets.log")"
	exit 0
}
kernel=$asset

# guest NAME COMMAND,ARG,... [OPTION...] - boot, and run one command instead of the shell.
guest() {
	name=$1 run=$2
	shift 2
	pandok "$name" run --engine soft --timeout 60 --initrd "$shell" "$@" "$kernel" \
		console=ttyS0 quiet "pandok.run=$run" $more </dev/null
}
more=

# banners NAME COUNT - /init was reached so often.
banners() { [ "$(grep -ac '^pandok: first line of /init' "$OUT/$1.txt")" -"$2" "$3" ]; }

guest poweroff poweroff,-f
verdict poweroff ended poweroff 0 -- banners poweroff eq 1

guest reboot reboot,-f --timeout 10
verdict reboot ended reboot 124 -- banners reboot ge 2

guest no-reboot reboot,-f --no-reboot
verdict no-reboot ended no-reboot 0 -- banners no-reboot eq 1

more='rdinit=/nothing panic=0'
guest panic none --timeout 30
verdict panic ended panic 3 -- grep -aq 'Kernel panic' "$OUT/panic.txt"

more='rdinit=/nothing panic=-1'
guest panic-reboot none --timeout 30 --no-reboot
verdict panic-reboot ended panic-reboot 3 -- grep -aq 'Kernel panic' "$OUT/panic-reboot.txt"
more=

guest time-limit sleep,1000 --timeout 4
verdict time-limit ended time-limit 124

guest little-memory poweroff,-f --memory 1m
verdict little-memory ended little-memory 1 -- grep -q '^pandok: ' "$OUT/little-memory.err"
