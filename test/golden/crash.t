# Dumps are listed and printed; what is wrong with a request is said.
$ pandok crash
pandok: crash: say 'list', 'show N' or 'print N [MEMBER]'
Try 'pandok help crash'.
[2]
$ pandok crash list --crash-dir dumps
no dumps in dumps
$ pandok crash print 7 --crash-dir dumps
pandok: crash: no dump has the number 7 in dumps
[1]
$ pandok crash show one --crash-dir dumps
pandok: crash: 'one' is no number of a dump
Try 'pandok help crash'.
[2]
$ mkdir dumps && printf 'it \033[31mwas\n' >ddb.txt && echo 6.1 >version.txt && tar --format=ustar -cf dumps/textdump.tar.3 ddb.txt version.txt
$ printf 'Dump header from device: pandok\n  Dumptime: today\n  Magic: pandok Text Dump\n  Panic String: oh \007 no\n' >dumps/info.3
$ pandok crash list --crash-dir dumps
    N  WHEN                       KIND                WHY
    3  today                      pandok Text Dump    oh ? no
$ pandok crash print 3 --crash-dir dumps
it ?[31mwas
$ pandok crash print 3 version.txt --crash-dir dumps
6.1
$ pandok crash print 3 panic.txt --crash-dir dumps
pandok: crash: 'dumps/textdump.tar.3' has no 'panic.txt'
[1]
$ pandok crash show 3 --crash-dir dumps
Dump header from device: pandok
  Dumptime: today
  Magic: pandok Text Dump
  Panic String: oh ? no

---- ddb.txt ----
it ?[31mwas


---- version.txt ----
6.1

$ echo nothing >dumps/vmcore.4 && echo '  Magic: pandok Core' >dumps/info.4
$ pandok crash show 4 --crash-dir dumps
pandok: crash: 'dumps/vmcore.4': neither an ELF core nor a kdump-compressed file
  Magic: pandok Core
[1]
