# What the host or the user got wrong: a sentence that names it, and status 1.
$ pandok run --engine soft missing
pandok: kernel: cannot open 'missing': No such file or directory
[1]
$ pandok run --engine soft .
pandok: kernel: '.' is a directory
[1]
$ : >empty; pandok run --engine soft empty
pandok: kernel: 'empty' is empty
[1]
$ echo 'no kernel' >text; pandok run --engine soft text
pandok: kernel 'text': not a kernel: neither a bzImage, nor ELF, nor with a Multiboot header
[1]
$ truncate -s 1M disk; printf '\125\252' | dd of=disk bs=1 seek=510 conv=notrunc status=none; pandok run --engine soft disk
pandok: kernel 'disk': not a kernel: it is a disk image or boot sector: --block boots it
[1]
$ pandok run --engine soft --cdrom missing
pandok: cdrom: cannot open 'missing': No such file or directory
[1]
$ pandok run --engine soft --bios missing
pandok: bios: cannot open 'missing': No such file or directory
[1]
$ head -c 65536 /dev/zero >rom; pandok run --engine soft --bios rom
pandok: bios: 'rom' is no BIOS: it has no jump where a processor starts
[1]
$ touch d; truncate -s 1M d; pandok run --engine soft --block d,ide,ro --block d,ide,ro --block d,ide,ro --block d,ide,ro --cdrom d
pandok: IDE has room for 4 disks, the CD-ROM among them
[1]
$ pandok run --config missing kernel
pandok: run: config: cannot open 'missing': No such file or directory
[1]
$ touch kernel; pandok run --engine soft --serial file:no/such/folder kernel
pandok: serial: cannot write 'no/such/folder': No such file or directory
[1]
$ touch kernel; pandok run --engine soft --serial unix:no/such/folder kernel
pandok: serial: cannot listen at 'no/such/folder': No such file or directory
[1]
$ touch kernel; pandok run --engine soft --console-log no/such/folder kernel
pandok: console log: cannot write 'no/such/folder': No such file or directory
[1]
$ touch kernel; pandok run --engine soft --deterministic --digest no/such/folder kernel
pandok: digest: cannot write 'no/such/folder': No such file or directory
[1]
$ pandok 64 missing --engine=soft
pandok: kernel: cannot open 'missing': No such file or directory
[1]
$ pandok help >/dev/full
pandok: standard output: No space left on device
[1]
$ touch kernel; pandok run --engine soft --net user,hostfwd=tcp:192.0.2.1:2222-:22 kernel
pandok: net user: hostfwd: cannot listen as 'tcp:192.0.2.1:2222-:22' asks: Cannot assign requested address
[1]
$ touch kernel; pandok run --engine soft --net socket=no/such/folder kernel
pandok: net socket: cannot listen at 'no/such/folder': No such file or directory
[1]
