#!/usr/bin/env python3
"""Writes the tables of stop words and of ASCII folding from the sources of the crate tantivy (0.22.1), unpacked.

    make_words.py CRATE stop > stop_words.inc        the lists of the Snowball project, English that of Lucene
    make_words.py CRATE fold > folding_table.inc     the table of Lucene's ASCIIFoldingFilter
"""
import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1]) / 'src' / 'tokenizer'


def quoted(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def stop_words():
    lists = {'english': (folder / 'stop_word_filter' / 'mod.rs').read_text().split('Language::English => {')[1].split(']')[0]}
    source = (folder / 'stop_word_filter' / 'stopwords.rs').read_text()
    for name, body in re.findall(r'pub const (\w+): &\[&str\] = &\[(.*?)\];', source, re.DOTALL):
        lists[name.lower()] = body
    licence = source[:source.index('*/') + 2]
    print('/* Made by make_words.py. */\n' + licence)
    for name, body in sorted(lists.items()):
        words = sorted(set(re.findall(r'"((?:[^"\\]|\\.)*)"', body)), key=str.encode)
        lines, line = [], '   '
        for word in words:
            cell = f' {quoted(word)},'
            if len(line) + len(cell) > 100:
                lines.append(line)
                line = '   '
            line += cell
        print(f'static const char *const {name}_stop_words[] = {{\n' + '\n'.join([*lines, line]) + '\n};')


def folding():
    """Rising code points, each with what it becomes."""
    source = (folder / 'ascii_folding_filter.rs').read_text()
    body = source[source.index('fn fold_non_ascii_char'):]
    body = body[:body.index('\n}')]
    pairs = {}
    for arm in re.findall(r"((?:\s*\|?\s*'(?:\\u\{[0-9A-Fa-f]+\}|[^'])'[^\n]*\n?)+?)\s*=>\s*Some\((\"(?:[^\"\\]|\\.)*\")\)",
                          body):
        for code in re.findall(r"'\\u\{([0-9A-Fa-f]+)\}'", arm[0]):
            pairs[int(code, 16)] = arm[1]
    print('/* Made by make_words.py. */')
    cells = [f'{{0x{code:x}, {text}}},' for code, text in sorted(pairs.items())]
    for at in range(0, len(cells), 6):
        print('    ' + ' '.join(cells[at:at + 6]))


{'stop': stop_words, 'fold': folding}[sys.argv[2]]()
