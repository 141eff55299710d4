# What the program says about itself, and to a command line that makes no sense.
$ pandok
pandok: no command given
Try 'pandok help'.
[2]
$ pandok --help
Usage: pandok COMMAND [OPTION...] [ARGUMENT...]
       pandok SIZE KERNEL [OPTION or ARGUMENT...]

A small hypervisor: boots kernels in a virtual machine, with or without /dev/kvm.

Commands:
  run        boot a kernel in a new machine
  list       show the machines that run
  attach     show a machine's console here, and type into it
  chat       speak a chat(8) script to a console or a modem
  modem      offer an emulated 3G modem at a pseudo terminal
  stop       press machines' power buttons, then end them
  kill       end machines at once
  pause      stop machines' processors and time
  resume     let paused machines go on
  balloon    ask a machine to give up so much of its memory; 0: none of it
  stats      show a machine's counters
  check      say which engine would run here, and why
  debug      look into a running machine or a vmcore file
  doctor     say what is wrong with a kernel file, and the fix
  crash      look at what guests that died have left
  help       say what a command does

'pandok help COMMAND' tells more; 'pandok --version' the version.
$ pandok help
Usage: pandok COMMAND [OPTION...] [ARGUMENT...]
       pandok SIZE KERNEL [OPTION or ARGUMENT...]

A small hypervisor: boots kernels in a virtual machine, with or without /dev/kvm.

Commands:
  run        boot a kernel in a new machine
  list       show the machines that run
  attach     show a machine's console here, and type into it
  chat       speak a chat(8) script to a console or a modem
  modem      offer an emulated 3G modem at a pseudo terminal
  stop       press machines' power buttons, then end them
  kill       end machines at once
  pause      stop machines' processors and time
  resume     let paused machines go on
  balloon    ask a machine to give up so much of its memory; 0: none of it
  stats      show a machine's counters
  check      say which engine would run here, and why
  debug      look into a running machine or a vmcore file
  doctor     say what is wrong with a kernel file, and the fix
  crash      look at what guests that died have left
  help       say what a command does

'pandok help COMMAND' tells more; 'pandok --version' the version.
$ pandok help help
Usage: pandok help [OPTION...] [COMMAND]

What it does: say what a command does.

Options:
  --as text|roff|bash       form: text, or all commands for a manual page, or
                            for bash's completion
$ pandok help check
Usage: pandok check [OPTION...]

What it does: say which engine would run here, and why.

Options:
  --json                    print one JSON object
$ pandok check --help
Usage: pandok check [OPTION...]

What it does: say which engine would run here, and why.

Options:
  --json                    print one JSON object
$ pandok --version
pandok 0.1.0
$ pandok run --version
pandok 0.1.0
$ pandok runn
pandok: unknown command 'runn'; did you mean 'run'?
Try 'pandok help'.
[2]
$ pandok helpp check
pandok: unknown command 'helpp'; did you mean 'help'?
Try 'pandok help'.
[2]
$ pandok frobnicate
pandok: unknown command 'frobnicate'
Try 'pandok help'.
[2]
$ pandok help frobnicate
pandok: help: unknown command 'frobnicate'
Try 'pandok help help'.
[2]
$ pandok help run check
pandok: help: one command at a time
Try 'pandok help help'.
[2]
$ pandok help --as html
pandok: help: as: 'html' is not one of text|roff|bash
Try 'pandok help help'.
[2]
$ touch kernel; pandok kernel
pandok: 'kernel' is not a command; to boot it: pandok run kernel
Try 'pandok help'.
[2]
$ pandok ./nothing
pandok: './nothing' is not a command; to boot it: pandok run ./nothing
Try 'pandok help'.
[2]
$ pandok 64m
pandok: run: no kernel given, and no disk to boot from
Try 'pandok help run'.
[2]
$ pandok 64m --initrd=x
pandok: run: no kernel given, and no disk to boot from
Try 'pandok help run'.
[2]
$ pandok --memory=64m kernel
pandok: run: 'kernel' is neither a command nor a size such as 64m
Try 'pandok help run'.
[2]
