# The debugger's prompt on a machine that was not started yet; COMMANDs are shown as if typed.
$ cd $TREE/$B/guest && { pandok run --engine soft --gdb-wait --debug-socket "unix:$XDG_STATE_HOME.sock" smasher >/dev/null 2>&1 & } ; n=0; until [ -S "$XDG_STATE_HOME.sock" ] || [ $((n += 1)) -gt 100 ]; do sleep 0.1; done; pandok debug "unix:$XDG_STATE_HOME.sock" 'show pcpu' 'show registers' dis 'x/4xg $rip' 'x/3xw 0x100000' 'break 0x100010' 'watch 0x100000 4 rw' 'watch 0x100001 4' 'show breaks' 'delete 7' 'delete 1' delete 'vtop $rip' 'ptov 0x100000' 'write $rax 0x1234' 'write/w 0x9000 1 2 3' 'x/3xw 0x9000' cpu 'cpu 1' 'step' 'step 0' next 'capture status' 'capture on' 'show event' 'capture off' 'capture status' 'capture reset' 'script x=show event' 'script x' 'run x' 'unscript x' 'run x' 'textdump status' 'call nmi 5' ps 'bt' 'whatis 1' 'print jiffies' 'show modules' 'show known' 'help x' 'help nonsense' nonsense 'x/9z' 'continue now' kill | sed 's|^#| #|'
the machine was not started yet
pvh_start+0x0/0x91
db> show pcpu
cpuid        = 0
state        = kernel code, interrupts off
rip          = 0x200000 pvh_start+0x0/0x91
rsp          = 0x0
cr3          = 0x0
db> show registers
rax 0000000000000000  rcx 0000000000000000  rdx 0000000000000000  rbx 0000000000001000
rsp 0000000000000000  rbp 0000000000000000  rsi 0000000000000000  rdi 0000000000000000
r8  0000000000000000  r9  0000000000000000  r10 0000000000000000  r11 0000000000000000
r12 0000000000000000  r13 0000000000000000  r14 0000000000000000  r15 0000000000000000
rip 0000000000200000  pvh_start+0x0/0x91
rflags 00000002  cpl 0
cr0 0000000000000011  cr2 0000000000000000
cr3 0000000000000000  cr4 0000000000000000  efer 0000
es  0018 base 0000000000000000 limit ffffffff attr c093
cs  0010 base 0000000000000000 limit ffffffff attr c09b
ss  0018 base 0000000000000000 limit ffffffff attr c093
ds  0018 base 0000000000000000 limit ffffffff attr c093
fs  0018 base 0000000000000000 limit ffffffff attr c093
gs  0018 base 0000000000000000 limit ffffffff attr c093
ldt 0000 base 0000000000000000 limit 00000000 attr 0000
tr  0000 base 0000000000000000 limit 00000067 attr 008b
gdt base 0000000000001190 limit 001f
idt base 0000000000000000 limit 0000
kernel gs base 0000000000000000
db> dis
0000000000200000 pvh_start+0x0/0x91               cld
0000000000200001 pvh_start+0x1/0x91               lea 0x38(%ebx), %esp
0000000000200004 pvh_start+0x4/0x91               call 0x00200009  <pvh_start+0x9/0x91>
0000000000200009 pvh_start+0x9/0x91               pop %ebp
000000000020000a pvh_start+0xa/0x91               sub $0x09, %ebp
000000000020000d pvh_start+0xd/0x91               lea 0x2000(%ebp), %edi
0000000000200013 pvh_start+0x13/0x91              lea 0x3003(%ebp), %eax
0000000000200019 pvh_start+0x19/0x91              mov %eax, (%edi)
000000000020001b pvh_start+0x1b/0x91              mov %edi, %cr3
000000000020001e pvh_start+0x1e/0x91              lea 0x3000(%ebp), %esi
db> x/4xg $rip
0000000000200000 000000e838638dfc 00bd8d09ed835d00
0000000000200010 003003858d000020 b58ddf220f078900
db> x/3xw 0x100000
0000000000100000 00000000 00000000 00000000
db> break 0x100010
breakpoint 1
db> watch 0x100000 4 rw
watchpoint 2
db> watch 0x100001 4
a watchpoint is 1, 2, 4 or 8 bytes long, and aligned
db> show breaks
  1 break    0x100010 0x100010
  2 watch rw 0x100000 0x100000
db> delete 7
there is no breakpoint 7
db> delete 1
db> delete
db> vtop $rip
cr3   0000000000000000
0000000000200000 is at physical 000000200000, in a page of 4 KiB
db> ptov 0x100000
000000100000 is not in the kernel's direct map
db> write $rax 0x1234
db> write/w 0x9000 1 2 3
db> x/3xw 0x9000
0000000000009000 00000001 00000002 00000003
db> cpu
processor 0 of 1
db> cpu 1
there is no processor 1
db> step
processor 0 stopped at 0x200001
pvh_start+0x1/0x91
db> step 0
'0' is no number of steps
db> next
processor 0 stopped at 0x200004
pvh_start+0x4/0x91
db> capture status
0/5242880 bytes used
capture is off
db> capture on
db> show event
nothing happened yet
db> capture off
db> capture status
21/5242880 bytes used
capture is off
db> capture reset
db> script x=show event
db> script x
show event
db> run x
db:0:x> show event
nothing happened yet
db> unscript x
db> run x
there is no script 'x'
db> textdump status
textdump is not set
db> call nmi 5
there is no processor 5
db> ps
?? tasks are not found without symbols
db> bt
cpu 0: 
 #0   0000000000200004 pvh_start+0x4/0x91
     ?? the rest is not known: no code is at the return address
db> whatis 1
the kernel's types are not known: no kernel image was found
db> print jiffies
the kernel's types are not known: no kernel image was found
db> show modules
BASE             SIZE    NAME
?? no kernel image was found
db> show known
image      no processor points to a Linux kernel, and there is no VMCOREINFO
symbols    those of the file
types      no kernel image was found
unwinding  no kernel image was found
vmcoreinfo no kernel image was found
modules    no kernel image was found
db> help x
x [/COUNT SIZE FORMAT] [ADDRESS]
        examine memory: sizes b h w g, formats x d u o c s a i
db> help nonsense
no command 'nonsense'
db> nonsense
no command 'nonsense'; 'help' lists them
db> x/9z
'z' is neither a size (bhwg) nor a format (xduocsai)
db> continue now
usage: continue
db> kill
$ pandok debug
pandok: debug: no machine and no file given
Try 'pandok help debug'.
[2]
$ pandok debug nobody
pandok: debug: no machine named 'nobody' runs; 'pandok list' shows which do
[1]
$ pandok debug ./nothing bt
pandok: debug: cannot open './nothing': No such file or directory
[1]
$ pandok debug --nonsense
pandok: debug: unknown option '--nonsense'
Try 'pandok help debug'.
[2]
$ echo 'no core' >core; pandok debug core bt
pandok: debug: 'core': neither an ELF core nor a kdump-compressed file
[1]
