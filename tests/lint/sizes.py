"""No source file over 1,000 lines, no function over 80. Files over 600 are listed: time to look for the
second noun in them."""
import re
from common import C_FILES, code_of, line_of, run

FILE_MAX, FILE_LONG, FUNCTION_MAX = 1000, 600, 80
SOURCES = C_FILES + ('.py', '.js', '.ts', '.sh')

# Data written by a program, kept as code. (path prefix, why)
GENERATED = []

long_files = []


def without_preprocessor(code):
    """Blanks directives: branches of #if may open one brace twice."""
    return re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', lambda m: re.sub(r'[^\n]', ' ', m.group()), code,
                  flags=re.MULTILINE | re.DOTALL)


def functions(code):
    """(offset of the opening brace, offset of the closing one) of each function body."""
    start, depth, opened, inside = 0, 0, 0, []
    for match in re.finditer(r'[{};]', code):
        mark, offset = match.group(), match.start()
        if depth == 0 and mark == '{':
            head = code[start:offset]
            if re.search(r'\b(namespace|extern)\b[^()]*$', head):
                inside.append('scope')
                start = offset + 1
                continue
            opened = offset if ')' in head and '=' not in head else -1
        if mark == '{':
            depth += 1
        elif mark == '}' and depth > 0:
            depth -= 1
            if depth == 0 and opened >= 0:
                yield opened, offset
        if depth == 0:
            start = offset + 1


def check(path, text):
    problems = []
    lines = text.count('\n')
    if not any(path.startswith(prefix) for prefix, _ in GENERATED):
        if lines > FILE_MAX:
            problems.append(f'{path}: {lines} lines, over {FILE_MAX}')
        elif lines > FILE_LONG:
            long_files.append(f'long: {path} has {lines} lines')
    if path.endswith(C_FILES):
        code = without_preprocessor(code_of(text))
        for opening, closing in functions(code):
            first, last = line_of(code, opening), line_of(code, closing)
            if last - first - 1 > FUNCTION_MAX:
                problems.append(f'{path}:{first}: a function of {last - first - 1} lines, over {FUNCTION_MAX}')
    return problems


LONG = '    x++;\n' * 81
BAD = [
    ('a.c', 'int x;\n' * 1001),
    ('a.py', 'x = 1\n' * 1001),
    ('a.c', f'int f(void)\n{{\n{LONG}}}\n'),
    ('a.c', f'START_TEST(f)\n{{\n    if (x) {{\n{LONG}    }}\n}}\nEND_TEST\n'),
    ('a.cc', f'namespace {{\nextern "C" {{\nint f()\n{{\n{LONG}}}\n}}\n}}\n'),
]
GOOD = [
    ('a.c', f'int f(void)\n{{\n{LONG[9:]}}}\n'),
    ('a.c', 'static const int t[] = {\n' + '    1,\n' * 200 + '};\nstruct s {\n' + '    int a;\n' * 200 + '};\n'),
    ('a.c', '#define X \\\n    if (a) {\n' + f'int f(void)\n{{\n{LONG[9:]}}}\n'),
]

if __name__ == '__main__':
    try:
        run(check, lambda p: p.endswith(SOURCES), BAD, GOOD)
    finally:
        print('\n'.join(long_files))
