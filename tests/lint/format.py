"""clang-format has nothing to change in any C or C++ file."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from common import C_FILES, ROOT, prove, report, tracked_files

TOOL = ['clang-format', '--style=file', '--dry-run', '-Werror']


def problems_of(arguments, **more):
    done = subprocess.run(TOOL + arguments, cwd=ROOT, capture_output=True, text=True, **more)
    if done.returncode == 0:
        return []
    first = {}
    for line in done.stderr.split('\n'):
        if ': error:' in line:
            first.setdefault(line.split(':')[0], f'{line}: clang-format -i changes this file')
    return list(first.values()) or [done.stderr]


def check(path, text):
    return problems_of([f'--assume-filename={path}'], input=text)


BAD = [('src/a.c', 'int  f( void ){return 1;}\n')]
GOOD = [('src/a.c', 'int f(void)\n{\n    return 1;\n}\n')]

if __name__ == '__main__':
    prove(check, BAD, GOOD)
    paths = [p for p in tracked_files() if p.endswith(C_FILES)]
    parts = [paths[at:at + 16] for at in range(0, len(paths), 16)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [problem for part in pool.map(problems_of, parts) for problem in part]
    report(found, len(paths), 'files')
