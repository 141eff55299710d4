# lib.sh - takes backtraces out of a console and out of a textdump; busybox runs it, too.

# Function names of the first backtrace on the console, from the one that was interrupted on (or,
# when the kernel called panic() itself, from who called it).
console_trace() {
	sed 's/^\[ *[0-9.]*\] //' "$1" | awk '
	function name(s) { sub(/^ */, "", s); sub(/\+0x.*/, "", s); return s }
	/RIP: 0010:/ && !done { s = $0; sub(/.*RIP: 0010:/, "", s); f[++n] = name(s) }
	/^Call Trace:/ && !done { on = 1 }
	on && /^ [^?< ]/ { f[++n] = name($0); if (f[n] == "panic") n = 0 }
	on && (/^ <\/TASK>/ || /RIP: 0033/) { on = 0; done = 1 }
	END { for (i = 1; i <= n; i++) print f[i] }'
}

# The output of one command in a captured script.
said_by() { awk -v cmd="$2" '/^db:/ { on = ($0 ~ "> +" cmd "$") ; next } on' "$1"; }

our_trace() { awk '/^#[0-9]/ { sub(/\+0x.*/, "", $3); print $3 }'; }

# Lines from the first that is $1.
from() { awk -v first="$1" '$0 == first { on = 1 } on'; }
