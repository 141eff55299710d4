# What check finds depends on the machine; the form of its answer does not.
$ pandok check extra
pandok: check: check takes no arguments, only options
Try 'pandok help check'.
[2]
$ pandok check --json=perhaps 2>&1 | head -n 1
pandok: check: json: 'perhaps' is not yes or no
$ pandok check | grep '^[a-z]*:$'
engine:
kvm:
soft:
processor:
limits:
$ pandok check --json | grep -oE '^  "[a-z]+": [[{]'
  "engine": {
  "kvm": {
  "soft": {
  "processor": {
  "limits": {
  "problems": [
$ pandok check --json | grep -c '"name": "\(soft\|kvm\)"'
1
$ pandok check --json | grep -E '"(usable|probe_ms|tsc_hz)"' | sed 's/: .*//' | sort
    "probe_ms"
    "tsc_hz"
    "usable"
    "usable"
$ pandok check --json >/dev/full
pandok: standard output: No space left on device
[1]
