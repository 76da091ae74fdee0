"""No notes to oneself, no paths of the machine this was written on, and no package hosts."""
import re
from common import read, run, tracked_files

NOTE = re.compile(r'\b(TO' + r'DO|FIX' + r'ME|XX' + r'X)\b')
MACHINE_PATH = re.compile(r'(?<![\w./-])/(wor' + r'k|ro' + r'ot|ho' + r'me)/\w')
URL = re.compile(r'https?://(?:[^/\s"\'@]*@)?([\w.-]+)')
PUBLIC_HOSTS = {'github.com', 'opencollective.com', 'tidelift.com'}  # what lock files say of funding
PACKAGE_FILES = re.compile(r'(^|/)(requirements[\w.-]*\.txt|package(-lock)?\.json|\.npmrc|pip\.conf|[\w.-]+\.wrap|'
                           r'setup|Dockerfile[\w.-]*|sources\.list)$')


def check(path, text):
    problems = []
    for number, line in enumerate(text.split('\n'), start=1):
        where = f'{path}:{number}'
        note = NOTE.search(line)
        if note:
            problems.append(f'{where}: {note.group()}: do it, or open an issue and drop the note')
        if MACHINE_PATH.search(line):
            problems.append(f'{where}: a path of one machine')
        if PACKAGE_FILES.search(path):
            for host in URL.findall(line):
                if host not in PUBLIC_HOSTS and not host.startswith(('localhost', '127.')):
                    problems.append(f'{where}: packages come from {host}')
    return problems


BAD = [
    ('a.c', '/* TO' + 'DO: later */\n'),
    ('a.md', 'see /wor' + 'k/main/x\n'),
    ('a/package-lock.json', '"resolved": "https://mirror.example/x.tgz"\n'),
    ('requirements.txt', '--index-url http://user:secret@10.0.0.1/simple\n'),
]
GOOD = [
    ('a.c', '/* a todo list; see https://mirror.example/ */ "frame' + 'work/x"\n'),
    ('a/package-lock.json', '"url": "https://github.com/sponsors/x"\n'),
]

if __name__ == '__main__':
    run(check, lambda p: '\0' not in read(p), BAD, GOOD)
