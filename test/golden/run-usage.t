# Command lines of `run` that make no sense: a sentence, and status 2.
$ pandok run
pandok: run: no kernel given, and no disk to boot from
Try 'pandok help run'.
[2]
$ pandok run --no-reboot
pandok: run: no kernel given, and no disk to boot from
Try 'pandok help run'.
[2]
$ pandok run --memry 64m kernel
pandok: run: unknown option '--memry'; did you mean '--memory'?
Try 'pandok help run'.
[2]
$ pandok run --memory
pandok: run: option '--memory' needs a value: SIZE
Try 'pandok help run'.
[2]
$ pandok run --memory 64q kernel
pandok: run: memory: '64q' is not a size such as 64m or 1g
Try 'pandok help run'.
[2]
$ pandok run --memory 0 kernel
pandok: run: memory: must be at least 1 MiB
Try 'pandok help run'.
[2]
$ pandok run --memory 2t kernel
pandok: run: memory: must be at most 1048576 MiB
Try 'pandok help run'.
[2]
$ pandok run --cpus 2 --deterministic kernel
pandok: run: --deterministic runs one processor: leave --cpus out
Try 'pandok help run'.
[2]
$ pandok run --cpus 0 kernel
pandok: run: cpus: must be at least 1
Try 'pandok help run'.
[2]
$ pandok run --engine qemu kernel
pandok: run: engine: 'qemu' is not one of auto|soft|kvm
Try 'pandok help run'.
[2]
$ pandok run --serial fax kernel
pandok: run: serial: 'fax' is none of stdio, null, file:PATH, unix:PATH, pty, tty:PATH, modem
Try 'pandok help run'.
[2]
$ pandok run --serial unix kernel
pandok: run: serial: 'unix' needs a path: unix:PATH
Try 'pandok help run'.
[2]
$ pandok run --serial stdio:x kernel
pandok: run: serial: 'stdio' takes no path
Try 'pandok help run'.
[2]
$ pandok run --block disk kernel
pandok: block: cannot open 'disk': No such file or directory
[1]
$ pandok run --timeout soon kernel
pandok: run: timeout: 'soon' is not a number of seconds
Try 'pandok help run'.
[2]
$ pandok run --log loud kernel
pandok: run: log: 'loud' names an unknown channel or level
Try 'pandok help run'.
[2]
$ pandok run --log bt=loud kernel
pandok: run: log: 'bt=loud' names an unknown channel or level
Try 'pandok help run'.
[2]
$ pandok run --digest x kernel
pandok: run: --digest needs --deterministic
Try 'pandok help run'.
[2]
$ pandok run --deterministic --engine kvm kernel
pandok: run: --deterministic and --single-step need --engine soft
Try 'pandok help run'.
[2]
$ pandok run kernel --initrd x
pandok: run: option '--initrd' stands after the kernel: put it before, or '--' before it if it is for the guest
Try 'pandok help run'.
[2]
$ printf 'memory = 64m\n\nmemroy = 1\n' >conf; pandok run --config conf kernel
pandok: run: config: conf:3: unknown option 'memroy'; did you mean 'memory'?
Try 'pandok help run'.
[2]
$ echo 'version' >conf; pandok run --config conf kernel
pandok: run: config: conf:1: 'version' belongs on the command line
Try 'pandok help run'.
[2]
$ echo 'engine' >conf; pandok run --config conf kernel
pandok: run: config: conf:1: 'engine' needs a value: engine = auto|soft|kvm
Try 'pandok help run'.
[2]
$ pandok run --net usr kernel
pandok: run: net: 'usr' is none of user, tap=NAME, socket=PATH, none
Try 'pandok help run'.
[2]
$ pandok run --net none --net user --deterministic kernel
pandok: run: --net: what comes over a network is never the same twice, as --deterministic needs it
Try 'pandok help run'.
[2]
$ pandok run --cdrom x --boot disk,tape
pandok: run: --boot: 'tape' does not begin with disk, cdrom or floppy
Try 'pandok help run'.
[2]
$ pandok run --cdrom x --boot disk,cdrom,floppy,disk
pandok: run: --boot: there are three kinds of what to boot from
Try 'pandok help run'.
[2]
$ pandok run --cdrom x --screen picture.jpg
pandok: run: --screen: 'picture.jpg' must end in .png (a picture) or .txt (its text)
Try 'pandok help run'.
[2]
$ pandok run --cdrom x --display screen --debugcon
pandok: run: --display screen and --debugcon both want the console
Try 'pandok help run'.
[2]
$ pandok run --net user,hostfw=tcp::1-:2 kernel
pandok: run: net: unknown option 'hostfw'; did you mean 'hostfwd'?
Try 'pandok help run'.
[2]
$ pandok run --vsock /tmp/v,cid=2 kernel
pandok: run: vsock: cid: must be at least 3
Try 'pandok help run'.
[2]
$ pandok run --port org.qemu.guest_agent.0 kernel
pandok: run: port: 'org.qemu.guest_agent.0' is not like NAME=unix:PATH
Try 'pandok help run'.
[2]
$ pandok run --port a=stdio kernel
pandok: run: port: the terminal belongs to the console
Try 'pandok help run'.
[2]
$ pandok run --console virtio --deterministic kernel
pandok: run: --deterministic goes with the serial console only
Try 'pandok help run'.
[2]
