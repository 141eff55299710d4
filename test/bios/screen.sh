# screen.sh - the text screen as text and as a picture, and keys typed on its keyboard.
. test/bios/lib.sh

touch "$OUT/keys.screen.txt" "$OUT/text.screen.txt" "$OUT/text.png"
chmod 666 "$OUT/keys.screen.txt" "$OUT/text.screen.txt" "$OUT/text.png"

gcc -m32 -nostdlib -static -Wl,--build-id=none,-Ttext=0x7c00,--oformat=binary -o "$OUT/keys.img" \
	test/bios/screen.S 2>"$OUT/build.log" &&
	gcc -m32 -nostdlib -static -Wl,-N,--build-id=none,-Ttext=0x100000 -o "$OUT/text.elf" test/bios/text.S \
		2>>"$OUT/build.log" || echo "FAIL screen: does not build: $(head -n 1 "$OUT/build.log")"
truncate -s 1440K "$OUT/keys.img"
chmod 666 "$OUT/keys.img"

typed='Hi, "W" ~[a|]' # a BIOS keeps fifteen keys until they are read
{ printf '%s.' "$typed"; until [ -e "$OUT/keys.status" ]; do sleep 0.2; done; } | pandok keys run --engine soft --debug-exit --timeout 30 \
	--display screen --screen "$OUT/keys.screen.txt" --floppy "$OUT/keys.img"
verdict keys ended keys 33 -- [ "$(head -n 1 "$OUT/keys.screen.txt")" = "$typed" ]

# bytes FILE OFFSET COUNT - as hexadecimal digits.
bytes() { od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'; }

pandok text run --engine soft --debug-exit --timeout 30 --screen "$OUT/text.screen.txt" "$OUT/text.elf" </dev/null
verdict text ended text 33 -- [ "$(head -n 2 "$OUT/text.screen.txt")" = "$(printf 'Tt\n█!')" ]
pandok picture run --engine soft --debug-exit --timeout 30 --screen "$OUT/text.png" "$OUT/text.elf" </dev/null
# Signature, then width 640, height 400, eight bits of palette.
verdict picture ended picture 33 -- [ "$(bytes "$OUT/text.png" 0 8)" = 89504e470d0a1a0a ] -- \
	[ "$(bytes "$OUT/text.png" 16 10)" = 00000280000001900803 ]
