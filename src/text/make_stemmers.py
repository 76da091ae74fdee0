#!/usr/bin/env python3
"""Writes stem/*.inc from the sources of the crate rust-stemmers (1.2.0), unpacked:

    make_stemmers.py CRATE stem

The crate's code was itself generated from the Snowball algorithms of about 2018, and later versions of those give
other stems: so the code is translated line by line, and the stems are the same by construction.
"""
import pathlib
import re
import sys

KIND_LOOP, KIND_ONCE, KIND_OTHER = 'loop', 'once', 'other'


def expression(code):
    """An expression or a simple statement of the crate, in C."""
    code = re.sub(r'env\.eq_s(_b)?\(&context\.S_\w+\)', r'mola_stem_eq\1(env, env->kept, env->kept_len)', code)
    code = re.sub(r'env\.eq_s(_b)?\(&("[^"]*")\)', r'mola_stem_eq\1(env, S(\2))', code)
    code = re.sub(r'env\.slice_from\(("[^"]*")\)', r'mola_stem_slice(env, S(\1))', code)
    code = code.replace('env.slice_del()', 'mola_stem_slice(env, S(""))')
    code = re.sub(r'env\.insert\(bra, ket, &context\.S_\w+\)', 'mola_stem_insert(env, bra, ket, env->kept, env->kept_len)', code)
    code = re.sub(r'env\.insert\(bra, ket, ("[^"]*")\)', r'mola_stem_insert(env, bra, ket, S(\1))', code)
    code = re.sub(r'env\.find_among(_b)?\((A_\d+), context\)', r'mola_stem_among\1(env, AMONG(LANG(\2)))', code)
    code = re.sub(r'env\.(in|out)_grouping(_b)?\((G_\w+), (\d+), (\d+)\)',
                  r'mola_stem_\1\2(env, LANG(\3), \4, \5)', code)
    code = re.sub(r'env\.byte_index_for_hop\((-?\d+)\)', r'mola_stem_hop(env, \1)', code)
    code = re.sub(r'env\.(next|previous)_char\(\)', r'mola_stem_\1(env)', code)
    code = re.sub(r'context\.S_\w+ = env\.slice_to\(\)', 'mola_stem_keep(env)', code)
    code = re.sub(r'context\.S_\w+\.is_empty\(\)', 'env->kept_len == 0', code)
    code = code.replace('env.current.chars().count()', 'mola_stem_chars(env)')
    code = re.sub(r'\b(r_\w+)\(env, context\)', r'LANG(\1)(env)', code)
    code = re.sub(r' as (i32|usize)', '', code)
    return code.replace('env.', 'env->').replace('context.', 'env->')


def without_brackets(condition):
    inner = condition[1:-1]
    if condition[0] == '(' and condition[-1] == ')' and '(' not in inner.split(')')[0]:
        return inner
    return condition


def function_body(lines):
    """The lines of a body without its braces."""
    out, blocks = [], []
    jumps = set(re.findall(r'(?:break|continue) \'(\w+)', '\n'.join(lines)))
    starts = set(re.findall(r'continue \'(\w+)', '\n'.join(lines)))
    for line in lines:
        line = line.strip()
        indent = '    ' * (len(blocks) + 1)
        if not line or line.startswith('//'):
            continue
        if match := re.fullmatch(r"'(\w+): loop ?\{", line):
            out.append(f'{indent}for (;;) {{')
            blocks.append((KIND_LOOP, match[1]))
        elif match := re.fullmatch(r"'(\w+): for _ in 0\.\.1 \{", line):
            out.append(f'{indent}do {{')
            blocks.append((KIND_ONCE, match[1]))
        elif match := re.fullmatch(r'for _ in 0\.\.(.+) \{', line):
            out.append(f'{indent}for (int32_t turn = 0, turns = {expression(match[1])}; turn < turns; turn++) {{')
            blocks.append((KIND_OTHER, None))
        elif match := re.fullmatch(r'(\} else )?if (.+?) ?\{', line):
            if match[1]:
                indent = indent[4:]
                out.append(f'{indent}}} else if ({expression(without_brackets(match[2]))}) {{')
            else:
                out.append(f'{indent}if ({expression(without_brackets(match[2]))}) {{')
                blocks.append((KIND_OTHER, None))
        elif line == '}':
            kind, label = blocks.pop()
            indent = indent[4:]
            if label in starts:
                out.append(f'{indent}    next_{label}:;')
            out.append(f'{indent}}}' + (' while (0);' if kind == KIND_ONCE else ''))
            if label in jumps and f'goto {label};' in '\n'.join(out):
                out.append(f'{indent}{label}:;')
        elif match := re.fullmatch(r"break '(\w+);", line):
            out.append(f'{indent}goto {match[1]};')
        elif match := re.fullmatch(r"continue '(\w+);", line):
            out.append(f'{indent}goto next_{match[1]};')
        elif line == 'let mut among_var;':
            out.append(f'{indent}int32_t among_var;')
        elif line == 'let (bra, ket) = (env.cursor, env.cursor);':
            out.append(f'{indent}int32_t bra = env->cursor, ket = env->cursor;')
        elif match := re.fullmatch(r'let (?:mut )?(\w+) = (.+);', line):
            out.append(f'{indent}int32_t {match[1]} = {expression(match[2])};')
        elif match := re.fullmatch(r'(r_\w+)\(env, context\);', line):
            out.append(f'{indent}(void)LANG({match[1]})(env);')
        else:
            assert re.fullmatch(r'[^{}]+;', line), line
            out.append(indent + expression(line))
    assert not blocks
    return out


def translate(source):
    out = ['/* Made by make_stemmers.py from rust-stemmers 1.2.0. */']
    functions = re.findall(r'^(?:pub )?fn (\w+)\(env[^\n]*\n(.*?)^\}', source, re.MULTILINE | re.DOTALL)
    for name, _ in functions:
        out.append(f'static bool LANG({name})(mola_stem_env *env);')
    for name, body in re.findall(r'^static (A_\d+): [^=]*= &\[(.*?)^\];', source, re.MULTILINE | re.DOTALL):
        out.append(f'static const mola_stem_among_entry LANG({name})[] = {{')
        entries = re.findall(r'Among\("((?:[^"\\]|\\.)*)", (-?\d+), (-?\d+), ([^\n]*)\),', body)
        assert body.count('Among(') == len(entries)
        for text, link, result, method in entries:
            method = re.sub(r'Some\(&(\w+)\)', r'LANG(\1)', method).replace('None', 'NULL')
            out.append(f'    {{S("{text}"), {link}, {result}, {method}}},')
        out.append('};')
    for name, numbers in re.findall(r'^static (G_\w+): [^=]*= &\[([^\]]*)\];', source, re.MULTILINE):
        out.append(f'static const uint8_t LANG({name})[] = {{{numbers}}};')
    for name, body in functions:
        if name == 'stem':
            body = re.sub(r'let mut context = &mut Context \{.*?\};', '', body, flags=re.DOTALL)
        out.append(f'static bool LANG({name})(mola_stem_env *env)\n{{')
        out += function_body(body.split('\n'))
        out.append('}')
    return '\n'.join(out)


source_folder = pathlib.Path(sys.argv[1]) / 'src' / 'snowball' / 'algorithms'
for path in sorted(source_folder.glob('*.rs')):
    if path.stem == 'mod':
        continue
    text = translate(re.sub(r'\\u\{(\w+)\}', lambda m: chr(int(m[1], 16)), path.read_text()))
    text = re.sub(r'LANG\((\w+)\)', rf'{path.stem}_\1', text)
    (pathlib.Path(sys.argv[2]) / f'{path.stem}.inc').write_text(text + '\n')
