# The same rows for the shell and for the manual page.
$ pandok help --as bash >c; bash -n c && grep -c -e --memory c
1
$ bash -c ". ./c; COMP_WORDS=(pandok run --eng) COMP_CWORD=2; _pandok; echo \${COMPREPLY[@]}"
--engine
$ bash -c ". ./c; COMP_WORDS=(pandok run --engine s) COMP_CWORD=3; _pandok; echo \${COMPREPLY[@]}"
soft
$ bash -c ". ./c; COMP_WORDS=(pandok ch) COMP_CWORD=1; _pandok; echo \${COMPREPLY[@]}"
chat check
$ pandok help --as roff | grep -A 2 initrd
.B \-\-initrd FILE
initial RAM disk; several are joined, or are a Multiboot kernel's modules.
.TP
