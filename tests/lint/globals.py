"""libmola has no state of its own: what it knows is in a mola_env or in what the caller opened. Reads the
symbols of libmola.a, given as argument: a variable in a writable section is a global."""
import re
import subprocess
import sys
import tempfile
from common import prove, report

# (member of the archive, symbol, why).
EXCEPTIONS = [
    (r'base_env_real\.c\.o', 'held', 'lock ranks held by a thread; debug builds only'),
    (r'codec_floats\.cc\.o', r'_ZZN10fast_float.*rounds_to_nearest.*', 'a constant that fast_float hides'),
    (r'.*\.cc\.o', r'DW\.ref\.__gxx_personality_v0', 'unwind tables of C++'),
]

SYMBOL = re.compile(r'^[0-9a-f]{8,} (.{7}) (\S+)\s+([0-9a-f]{8,})\s+(?:\.hidden )?(\S+)$')
WRITABLE = re.compile(r'^(\.data(?!\.rel\.ro)|\.bss|\.tdata|\.tbss|\.sdata|\.sbss|\*COM\*|\.init_array|\.ctors)')


def check(_, listing):
    """`listing` is what `objdump -t` says."""
    problems, member = [], '?'
    for line in listing.split('\n'):
        name = re.match(r'^(\S+):\s+file format', line)
        if name:
            member = name.group(1).split('/')[-1]
        symbol = SYMBOL.match(line)
        if not symbol:
            continue
        flags, section, size, what = symbol.groups()
        is_section = 'd' in flags and what == section
        if is_section or not WRITABLE.match(section) or int(size, 16) == 0:
            continue
        if not any(re.fullmatch(m, member) and re.fullmatch(s, what) for m, s, _ in EXCEPTIONS):
            problems.append(f'{member}: {what} ({section}, {int(size, 16)} bytes) is a mutable global')
    return problems


def symbols(archive):
    return subprocess.run(['objdump', '-t', archive], check=True, capture_output=True).stdout.decode()


def symbols_of(source):
    """What the compiler makes of a sample: the listing's form differs between machines."""
    with tempfile.TemporaryDirectory() as folder:
        compile_it = ['cc', '-xc', '-c', '-fPIE', '-', '-o', f'{folder}/sample.o']
        subprocess.run(compile_it, input=source.encode(), check=True)
        return symbols(f'{folder}/sample.o')


BAD = ['static int counter; int next(void) { return counter++; }', 'int shared = 3;',
       'int f(void) { static int once; return once++; }', 'int t(void) { static _Thread_local int n; return n++; }',
       'const char *name = "a";']
GOOD = ['static const int table[3] = {1, 2, 3}; int at(int i) { return table[i]; }',
        'extern int other; int f(void) { return other; }',
        'const char *const names[] = {"a", "b"};', 'int f(void) { return 1; }']

if __name__ == '__main__':
    prove(check, [('sample', symbols_of(s)) for s in BAD], [('sample', symbols_of(s)) for s in GOOD])
    listing = symbols(sys.argv[1])
    report(check('', listing), listing.count('file format'), 'objects')
