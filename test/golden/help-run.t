# Every option of run, as its rows say.
$ pandok help run
Usage: pandok run [OPTION...] KERNEL [ARGUMENT...]
       pandok SIZE KERNEL [OPTION or ARGUMENT...]

What it does: boot a kernel in a new machine.

Options:
  --memory SIZE             memory of the guest: 64, 64m, 1g (default 512m)
  --cpus N                  virtual processors, 1 to 64 (default 1)
  --initrd FILE             initial RAM disk; several are joined, or are a
                            Multiboot kernel's modules
  --library FILE            a shared object that the kernel is bound to (a
                            kernel in pieces)
  --bind now|lazy           when functions of a library are bound: before the
                            start, or at their first call
  --load-at ADDRESS|random  where a position-independent kernel is put
  --explain-relocs          say what each relocation of the kernel writes
  --append TEXT             kernel command line, before the kernel's arguments
  --engine auto|soft|kvm    what runs the guest's code: auto takes KVM where it
                            works, else the translator
  --serial [N=]WHERE        serial port N (0, the console): stdio, null,
                            file:PATH, unix:PATH, pty, tty:PATH, modem[:...]
  --chat FILE               speak a chat(8) script to the guest's console; one
                            that fails ends the run
  --name NAME               what 'pandok list' and the others call this machine
                            (default: vm1, vm2, ...)
  --detach                  print the machine's name once it runs, and leave it
                            running
  --console serial|virtio   what the console is in the guest: COM1, ttyS0
                            (default), or hvc0, which knows its size
  --port NAME=WHERE         /dev/virtio-ports/NAME in the guest: null,
                            file:PATH, unix:PATH, pty
  --console-log FILE        write all that the guest prints on the console to
                            FILE too
  --debugcon                show the bytes that the guest writes to port 0xe9 on
                            the console
  --block FILE[,WORD...]    a disk: a file, a block device or nbd:URI; behind it
                            ide, ro, overlay, raw, serial=S
  --overlay                 write to a temporary layer above each disk, which is
                            gone at the end
  --seed USER-DATA[,META-DATA]
                            one more disk, where cloud-init in the guest finds
                            these files
  --packed-rings            offer packed rings to the drivers of virtio devices
  --display serial|screen   what the console shows: serial port, or text screen
                            and keyboard (default serial)
  --screen FILE             at the end write the text screen: a picture (.png)
                            or its text (.txt)
  --cdrom FILE              an ISO image as a CD-ROM
  --floppy FILE             an image of a floppy disk
  --boot ORDER              with no kernel: what to boot from, in order (default
                            disk,cdrom,floppy)
  --bios FILE               with no kernel: the BIOS that boots (default:
                            SeaBIOS)
  --net SPEC                a network card: user (the default), tap=NAME,
                            socket=PATH; or none
  --share DIR[:TAG][:ro]    a directory of the host's, for 'mount -t virtiofs
                            TAG /mnt' (TAG: its name); ':locks' too
  --vsock PATH              sockets between guest and host, at PATH and
                            PATH_port as Firecracker has them
  --rootfs DIR              boot Linux with a directory as its root; what the
                            guest writes there is not kept
  --exec COMMAND            with --rootfs: run a shell command there instead of
                            a shell; its exit status is ours
  --xen                     start the kernel as a Xen paravirtual guest, even if
                            it could start otherwise
  --no-reboot               end when the guest reboots
  --on-triple-fault stop|reset
                            what a triple fault does (default stop)
  --on-panic stop|continue  what a panic does after its script: end the run with
                            status 3 (default), or what the guest wants
  --on EVENT=COMMAND;...    the debugger's script for panic, oops, triplefault,
                            wedged, watchdog, break or default
  --watchdog SECONDS        so long without output or use of a disk is an event
  --crash-dir DIR           where textdumps go (default: pandok/crash under
                            $XDG_STATE_HOME)
  --crash-keep N            keep so many dumps, the newest (default 20; 0: all)
  --symbols FILE            an ELF file with the kernel's symbols, for the
                            debugger
  --gdb WHERE               wait for gdb at unix:PATH or tcp:127.0.0.1:PORT
  --gdb-wait                let nothing run before a debugger says so
  --qmp WHERE               answer a part of QEMU's machine protocol at
                            unix:PATH
  --debug-socket WHERE      let 'pandok debug WHERE' in at unix:PATH
  --timeout SECONDS         end after so long, with exit status 124
  --debug-exit              a write of v to port 0xf4 ends with exit status 2v+1
  --log LEVELS              what to tell while running: 'debug', or
                            'irq=trace,vm=info'
  --stats                   show the counters at the end
  --single-step             soft: translate one instruction at a time, with
                            nothing optimized
  --deterministic           soft: time is counted in instructions; equal runs
                            are equal
  --digest FILE             deterministic: write 'instructions digest rip' lines
                            to FILE
  --digest-every N          instructions from one digest to the next (default
                            1000000)
  --config FILE             read options from FILE first, lines of 'name =
                            value'
  --help                    show this
  --version                 show the version

KERNEL is a bzImage, or an ELF file with a PVH note, a Multiboot header or Linux's 64-bit
entry. What follows it is the kernel's command line. A Linux kernel whose command line names
no console is given console=ttyS0, which is this terminal.

pandok SIZE KERNEL [ARGUMENT...] is the short form: SIZE is the memory (64, 64m, 1g), and
options may stand anywhere up to a lone '--', between the kernel's arguments too:

  pandok 64m vmlinux --initrd=initrd.img root=/dev/vda

At the terminal, Ctrl-A x quits, Ctrl-A p presses the power button, Ctrl-A h shows the rest.
Input that is no terminal is typed into the guest; its end is typed as Ctrl-D, until the
guest powers off.

--net user gives the guest DHCP, DNS and the way out that this process has; behind a comma:
hostfwd=tcp:127.0.0.1:2222-:22 (repeatable) lets the host in, net=10.0.2.0/24 changes the
addresses, restrict=on keeps the guest in, ipv6=off. --net tap=NAME is a TAP interface of the
host, --net socket=PATH joins guests (and QEMU's, by -netdev stream), --net none is no card.
Any of them may end in mac=52:54:00:12:34:56.

--rootfs DIR takes the newest kernel of DIR/boot or /boot when none is named, and the modules
it needs from lib/modules of DIR, of the host or beside the kernel. --exec COMMAND has our
standard streams and works in our directory, if DIR has it; who reads and writes is you.

--share DIR[:TAG][:ro][:locks]: root in the guest and you are the same, and all is done with
your rights. With locks the host's file locks hold, for when others write there too.

Exit status: 0 powered off or quit, 1 host or user error, 2 usage, 3 the guest panicked,
4 triple fault or nothing can wake the guest, 124 time limit; with --debug-exit the value v
that the guest writes to port 0xf4 gives 2v+1; with --rootfs it is the command's or the
shell's, 125 when that could not be started.
