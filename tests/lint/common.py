"""What the lint tests share: the list of files, C text without comments, and a run that proves itself.

Every lint is a function check(path, text) -> problems, with samples of what it must find and must let
pass. run() tries the samples first, so that a lint which has gone blind fails."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
C_FILES = ('.c', '.h', '.cc', '.cpp')
SKIPPED = re.compile(r'(^|/)(build[^/]*|\.git|\.venv[^/]*|node_modules|java_modules|__pycache__|mola-data)(/|$)')


def tracked_files():
    """Paths from the root: what git tracks or would track; without git, what lies there."""
    git = ['git', '-c', 'safe.directory=*', '-C', ROOT, 'ls-files', '-z', '--cached', '--others',
           '--exclude-standard']
    if os.path.exists(os.path.join(ROOT, '.git')):
        names = subprocess.run(git, check=True, capture_output=True).stdout.decode().split('\0')
    else:
        names = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, files in os.walk(ROOT) for name in files]
    return sorted(n for n in set(names) if n and not SKIPPED.search(n)
                  and os.path.isfile(os.path.join(ROOT, n)) and not os.path.islink(os.path.join(ROOT, n)))


def read(path):
    with open(os.path.join(ROOT, path), 'rb') as file:
        return file.read().decode('utf-8', 'replace')


TOKEN = re.compile(r'''//(?:[^\n\\]|\\.)*|/\*.*?\*/|R"([^()\\ ]*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*\'''',
                   re.DOTALL)


def blank(match):
    kept = re.sub(r'[^\n]', ' ', match.group())
    return kept if match.group()[0] == '/' or len(kept) < 2 else '"' + kept[1:-1] + '"'


def code_of(text):
    """C or C++ text with comments and the insides of literals blanked; lines and columns stay."""
    return TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


def prove(check, bad, good):
    for path, text in bad:
        if not check(path, text):
            sys.exit(f'the lint is blind: it finds nothing in its bad sample {path}: {text!r}')
    for path, text in good:
        problems = check(path, text)
        if problems:
            sys.exit(f'the lint sees ghosts in its good sample {path}: {problems}')


def report(problems, looked_at, what):
    for problem in problems:
        print(problem)
    print(f'{looked_at} {what} looked at, {len(problems)} problems')
    if looked_at == 0:
        sys.exit(f'no {what} found: the lint looked at nothing')
    sys.exit(1 if problems else 0)


def run(check, select, bad, good, after=lambda: []):
    """Proves `check` on its samples, then applies it to each tracked file that `select` accepts. `after`
    may add problems once all files were seen."""
    prove(check, bad, good)
    paths = [p for p in tracked_files() if select(p)]
    problems = [problem for path in paths for problem in check(path, read(path))]
    report(problems + after(), len(paths), 'files')
