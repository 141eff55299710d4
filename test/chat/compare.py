"""compare.py - each script of the corpus with Debian's chat and with ours: same status, same bytes.

usage: compare.py PROGRAM SCRATCH [NAME]
"""
import concurrent.futures
import os
import pty
import re
import select
import subprocess
import sys
import time
import tty

from corpus import corpus

PATIENCE = 20


def arguments(args, more, here):
    for name, text in more.get('files', {}).items():
        with open(os.path.join(here, name), 'w') as f:
            f.write(text)
    words = ['-S']
    if 't' in more:
        words += ['-t', str(more['t'])]
    if 'r' in more:
        words += ['-r', 'report']
    if isinstance(args, str):
        with open(os.path.join(here, 'script'), 'w') as f:
            f.write(args)
        return words + ['-f', 'script']
    return words + args


def play(program, args, device, more, here):
    """Run it against the device; what was sent, the exit status, the report, standard error."""
    os.makedirs(here)
    master, slave = pty.openpty()
    tty.setraw(slave)
    env = {'PATH': '/usr/sbin:/usr/bin:/bin', 'LC_ALL': 'C.UTF-8', **more.get('env', {})}
    with open(os.path.join(here, 'err'), 'wb') as err:
        child = subprocess.Popen(program + arguments(args, more, here), stdin=slave, stdout=slave,
                                 stderr=err, cwd=here, env=env)
    if more.get('hup'):
        os.close(slave)
    sent, since, steps = b'', 0, list(device)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        while steps and (steps[0][0] is None or steps[0][0] in sent[since:]):
            trigger, answer = steps.pop(0)
            if trigger is not None:
                since = sent.index(trigger, since) + len(trigger)
            for i in range(0, len(answer), 512):
                os.write(master, answer[i:i + 512])
                time.sleep(0.02)
        if more.get('hup') and not steps:
            time.sleep(0.5)
            break
        ended = child.poll() is not None
        if select.select([master], [], [], 0 if ended else 0.02)[0]:
            sent += os.read(master, 4096)
        elif ended:
            break
    os.close(master)
    if not more.get('hup'):
        os.close(slave)
    try:
        status = child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
        status = 'hangs'
    report = os.path.join(here, 'report')
    text = open(report).read() if os.path.exists(report) else ''
    text = re.sub(r'[A-Z][a-z][a-z] [ 0-9]\d \d\d:\d\d:\d\d', 'TIME', text)
    said = open(os.path.join(here, 'err'), 'rb').read()
    said = b'' if b'sage: ' in said or b"Try 'pandok" in said else said
    return {'status': status, 'sent': sent, 'report': text,
            'stderr': re.sub(rb'pandok: chat: .*\n', b'', said)}


def one(entry):
    name, args, device, more = entry
    theirs = play(['/usr/sbin/chat'], args, device, more, os.path.join(scratch, name + '.theirs'))
    ours = play([program, 'chat'], args, device, more, os.path.join(scratch, name + '.ours'))
    differ = ['%s: chat %r, pandok %r' % (k, theirs[k], ours[k]) for k in theirs if theirs[k] != ours[k]]
    return name, theirs, '; '.join(differ)


program, scratch = sys.argv[1], sys.argv[2]
chosen = [c for c in corpus if len(sys.argv) < 4 or c[0] == sys.argv[3]]
failed = 0
with concurrent.futures.ThreadPoolExecutor(12) as pool:
    for name, theirs, why in pool.map(one, chosen):
        if why:
            failed += 1
            print('FAIL chat-%s: %s' % (name, why))
        elif len(sys.argv) > 3:
            print(theirs)
if len({c[0] for c in corpus}) < 100 or len({c[0] for c in corpus}) != len(corpus):
    print('FAIL corpus: fewer than a hundred scripts, or two of one name')
if not failed:
    print('ok corpus: %d scripts' % len(chosen))
