# The commands for running machines, where there is none.
$ export XDG_RUNTIME_DIR=$PWD; pandok list; pandok list --json
[]
$ XDG_RUNTIME_DIR=$PWD pandok stop web
pandok: web: no machine named 'web' runs; 'pandok list' shows which do
[1]
$ XDG_RUNTIME_DIR=$PWD pandok pause ../web
pandok: ../web: '../web' is no name for a machine: up to 40 letters, digits, '.', '_' and '-', a letter or digit first
[1]
$ pandok kill
pandok: kill: no machine named
Try 'pandok help kill'.
[2]
$ pandok attach
pandok: attach: one machine at a time
Try 'pandok help attach'.
[2]
$ pandok stats --nonsense web
pandok: stats: unknown option '--nonsense'
Try 'pandok help stats'.
[2]
$ pandok resume --json web
pandok: resume: it takes no options
Try 'pandok help resume'.
[2]
$ pandok help stop
Usage: pandok stop [OPTION...] NAME...

What it does: press machines' power buttons, then end them.

Options:
  --timeout SECONDS         how long the guest has before it is ended (default
                            30)
