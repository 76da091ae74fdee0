"""clang-tidy has nothing to say about any C or C++ file of src/. Argument: a build folder, whose
compile_commands.json says how they are compiled. What was clean stays so until the file, a header it
includes, the rules or the command change: stamps in <build>/tidy remember that."""
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from common import ROOT, report

BAD = 'int f(int *p);\nint f(int *p)\n{\n    int a = 3;\n    if (a = 4)\n        return 1;\n    return *p;\n}\n'
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)


def contents(path, seen):
    """The bytes of a file and of all headers of the tree that it includes."""
    if path in seen or not os.path.isfile(path):
        return b''
    seen.add(path)
    with open(path, 'rb') as file:
        own = file.read()
    folders = [os.path.dirname(path), os.path.join(ROOT, 'src'), os.path.join(ROOT, 'include')]
    return own + b''.join(contents(os.path.normpath(os.path.join(folder, name.decode())), seen)
                          for name in INCLUDE.findall(own) for folder in folders)


def tidy(path, build):
    done = subprocess.run(['clang-tidy', '--quiet', f'--config-file={ROOT}/.clang-tidy', '-p', build, path],
                          capture_output=True, text=True)
    if done.returncode == 0:
        return []
    output = re.sub(r'\S*/\.\./(?=src/|include/)', '', done.stdout)
    found = [line for line in output.split('\n') if re.search(r': (error|warning): ', line)]
    return found or [f'{path}: {done.stderr.strip() or done.stdout.strip()}']


def prove():
    with tempfile.TemporaryDirectory() as folder:
        sample = os.path.join(folder, 'sample.c')
        with open(sample, 'w') as file:
            file.write(BAD)
        with open(os.path.join(folder, 'compile_commands.json'), 'w') as file:
            json.dump([{'directory': folder, 'command': f'cc -c {sample}', 'file': sample}], file)
        if not tidy(sample, folder):
            sys.exit('the lint is blind: it finds nothing in its bad sample')


def check(entry, build, stamps, salt):
    path = os.path.normpath(os.path.join(entry['directory'], entry['file']))
    state = hashlib.sha256(salt + entry['command'].encode() + contents(path, set())).hexdigest()
    stamp = os.path.join(stamps, state)
    if os.path.exists(stamp):
        return []
    problems = tidy(path, build)
    if not problems:
        with open(stamp, 'w') as file:
            file.write(path + '\n')
    return problems


if __name__ == '__main__':
    build_folder = sys.argv[1]
    prove()
    stamp_folder = os.path.join(build_folder, 'tidy')
    os.makedirs(stamp_folder, exist_ok=True)
    with open(os.path.join(ROOT, '.clang-tidy'), 'rb') as rules:
        version = subprocess.run(['clang-tidy', '--version'], check=True, capture_output=True).stdout
        common_part = rules.read() + version
    with open(os.path.join(build_folder, 'compile_commands.json')) as database:
        entries = {e['file']: e for e in json.load(database) if re.match(r'^(\.\./)+src/', e['file'])}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda e: check(e, build_folder, stamp_folder, common_part), entries.values())
        found = [problem for problems in results for problem in problems]
    report(found, len(entries), 'files')
