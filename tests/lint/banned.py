"""Calls that would let time, chance, threads or memory into the engine past mola_env and mola_heap, or
that nobody should make. They are free in base/, which is where the engine meets the system."""
import re
from common import C_FILES, code_of, line_of, run

BANNED = re.compile(r'(?<![\w.])(?<!->)(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|strdup|'
                    r'strndup|asprintf|vasprintf|free|time|gettimeofday|clock_gettime|clock|localtime|gmtime|rand|'
                    r'random|rand_r|drand48|srand|getrandom|pthread_\w+|thrd_\w+|mtx_\w+|cnd_\w+|nanosleep|'
                    r'clock_nanosleep|usleep|sleep|sched_yield|poll|ppoll|select|pselect|strcpy|strcat|strncpy|'
                    r'strncat|stpcpy|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|alloca|exit|_exit|'
                    r'quick_exit|abort|signal|sigaction|setenv|putenv|unsetenv|getenv|system|popen)\s*\(')

# (path, calls, why). An exception that nothing uses any more is a failure.
EXCEPTIONS = [
    ('src/start.c', ('pthread_sigmask', 'signal'), 'signals of the process are settled before threads start'),
    ('src/serve.c', ('strdup', 'free'), 'a text read once at the start, before there is a heap'),
    ('src/config.c', ('getenv',), 'settings have MOLA_ twins in the environment'),
    ('src/store/s3_settings.c', ('getenv',), 'credentials come by the variables that all S3 clients read'),
]

used = set()


def check(path, text):
    problems = []
    code = code_of(text)
    for match in BANNED.finditer(code):
        name = match.group(1)
        declares = re.search(r'\b(struct|enum)\s*$|#\s*define\s+$', code[:match.start()])
        exception = next((e for e in EXCEPTIONS
                          if path.startswith(e[0]) and any(re.fullmatch(c, name) for c in e[1])), None)
        if exception:
            used.add(exception)
        elif not declares:
            problems.append(f'{path}:{line_of(code, match.start())}: {name}() is banned outside base/')
    return problems


def select(path):
    return path.startswith(('src/', 'include/mola/')) and path.endswith(C_FILES) and \
        not path.startswith(('src/base/', 'include/mola/base/'))


BAD = [('src/query/a.c', f'void f(void)\n{{\n    x = {call};\n}}\n') for call in (
    'malloc(3)', 'time(NULL)', 'pthread_mutex_lock(&m)', 'atoi(s)', 'alloca (n)', 'exit(1)', '!poll(p, 1, 0)',
    'strcpy(a, "b")', 'rand()', 'getenv("HOME")')]
GOOD = [('src/query/a.c', text) for text in (
    '/* malloc(3) */ mola_free(heap, block, 3); // free(block)\n', 'x = "malloc(1)";\n', 'store->free(store);\n',
    'ops.select(1);\n', 'int runtime(void);\n', 'size_t free_count;\n')]

def stale():
    return [f'exception no longer needed: {e}' for e in EXCEPTIONS if e not in used]


if __name__ == '__main__':
    run(check, select, BAD, GOOD, stale)
