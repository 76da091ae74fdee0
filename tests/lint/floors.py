"""A folder includes only lower floors; two folders on one floor never include each other; nobody reads
the private headers of another folder; some libraries are known to one folder only. http/ is not part of
libmola and has no public header: main.c reads its own."""
import re
from common import C_FILES, code_of, line_of, run

FLOOR = {name: floor for floor, names in enumerate([
    ['base'], ['codec', 'kernel', 'text'], ['model'], ['format', 'store'], ['namespace', 'provider'], ['scan'],
    ['query', 'index'], ['write', 'cluster'], ['api'], ['http'], ['main']], start=1) for name in names}

# Header (a prefix) -> the folders that may include it.
LIBRARIES = {
    'h2o': ['http', 'main'],
    'openssl/': ['http', 'store'],
    'expat.h': ['store'],
    'curl/': ['store', 'cluster'],
    'liburing': ['store'],
    'pthread.h': ['base', 'main'],
    'sys/random.h': ['base'],
    'sys/socket.h': ['http', 'main'],
    'simdjson': ['codec'],
    'fast_float/': ['codec'],
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def folder_of(path):
    """The folder that a file of the tree, or an include in quotes, belongs to."""
    path = re.sub(r'^(include/mola|mola|src)/', '', path)
    return path.split('/')[0] if '/' in path else 'main'


def check(path, text):
    own = folder_of(path)
    if own not in FLOOR:
        return [f'{path}: the folder {own} has no floor']
    problems = []
    code = code_of(text)
    for match in INCLUDE.finditer(text):
        if code[match.start():match.end()].lstrip()[:1] != '#':
            continue  # inside a comment
        quote, target = match.groups()
        where = f'{path}:{line_of(text, match.start(2))}'
        for prefix, allowed in LIBRARIES.items():
            if target.startswith(prefix) and own not in allowed:
                problems.append(f'{where}: <{target}> is for {", ".join(allowed)} only')
        if quote == '<':
            continue
        other = folder_of(target) if '/' in target else own
        if other not in FLOOR:
            problems.append(f'{where}: the folder {other} has no floor')
        elif other != own and FLOOR[other] >= FLOOR[own]:
            problems.append(f'{where}: {own} is on floor {FLOOR[own]}, {other} on {FLOOR[other]}')
        elif other != own and not target.startswith('mola/') and (own, other) != ('main', 'http'):
            problems.append(f'{where}: "{target}" is private to {other}')
        elif path.startswith('include/') and not target.startswith('mola/'):
            problems.append(f'{where}: a public header includes the private "{target}"')
    return problems


BAD = [
    ('src/codec/a.c', '#include "mola/store/store.h"\n'),
    ('src/codec/a.c', '#include "mola/kernel/kernel.h"\n'),
    ('src/write/a.c', '#include "store/page.h"\n'),
    ('src/api/a.c', '#include <h2o.h>\n'),
    ('src/api/a.c', '  #  include <pthread.h>\n'),
    ('include/mola/base/a.h', '#include "mola/api/api.h"\n'),
    ('include/mola/base/a.h', '#include "base/own.h"\n'),
    ('src/nowhere/a.c', ''),
    ('src/api/a.c', '#include "http/http.h"\n'),
]
GOOD = [
    ('src/codec/a.c', '#include "mola/base/str.h"\n#include "codec/own.h"\n#include <stdio.h>\n'),
    ('src/main.c', '#include "config.h"\n#include "mola/api/api.h"\n#include "http/http.h"\n'),
    ('src/base/a.c', '/*\n#include "mola/api/api.h"\n*/\n#include <pthread.h>\n'),
    ('src/http/a.c', '#include <h2o.h>\n#include <openssl/ssl.h>\n#include "mola/api/api.h"\n'),
]

if __name__ == '__main__':
    run(check, lambda p: p.startswith(('src/', 'include/mola/')) and p.endswith(C_FILES), BAD, GOOD)
