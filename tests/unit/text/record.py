#!/usr/bin/env python3
"""Writes what check_text.c holds the analyzer against. All text is in hexadecimal UTF-8.

    record.py breaks CRATE > breaks.txt     Unicode 17's WordBreakTest and SentenceBreakTest, from the sources of the
                                            crate unicode-segmentation (1.13.3): w or s, then the segments
    record.py tokens > tokens.txt           what tests/model/text.py makes of random text: tokenizer language flags
                                            (stemming, stop words, folding, case) length, the text, position:token ...
    record.py stems > stems.txt             language, word, stem by rust-stemmers, of words made up from the endings
                                            that the algorithms know
"""
import pathlib
import random
import re
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parents[1] / 'model'))


def coded(text):
    return text.encode().hex() or '-'


def breaks(crate):
    source = (pathlib.Path(crate) / 'tests' / 'testdata' / 'mod.rs').read_text()
    for kind, name in (('w', 'TEST_WORD'), ('s', 'TEST_SENTENCE')):
        body = source[source.index(f'pub const {name}:'):].split('= &[', 1)[1].split('];')[0]
        for segments in re.findall(r'\("[^"]*",\s*&\[((?:\s*"[^"]*",?)*)\s*\]\)', body):
            parts = [re.sub(r'\\u\{(\w+)\}', lambda m: chr(int(m[1], 16)), s) for s in re.findall(r'"([^"]*)"', segments)]
            print(kind, *map(coded, parts))


PIECES = ["the", "The", "quick", "FOX", "foxes", "running", "don't", "U.S.A.", "3.14", "1,000", "e-mail", "fish@sea.com", "a_1",
          "_", "can'", "naïve", "café", "Ærø", "straße", "STRASSE", "İstanbul", "ΣΊΣΥΦΟΣ", "ёлка", "Москва", "東京", "タワー", "ー", "한국어", "שלום",
          'צה"ל', "ไทย", "हिन्दी", "العربية", "🐡", "👩‍👩‍👧", "🇩🇪", "🇩🇪🇫", "👍🏽", "©", "①", "½", "Ⅷ", "ﬁn", "e\u0301te", "\u200d", "\u00ad",
          "\u0301", " ", "  ", "\n", "\r\n", "\t", "-", ".", ",", ":", ";", "'", "’", '"', "(", ")", "…", "a", "B", "x" * 45, "é" * 45,
          "Δ", "Å", "ĳ", "Ⓐ", "ﬆ", "１２", "Ａ", "ǅ", "Ꭰ", "ß", "ẞ", "0", "9.", "un", "und", "och", "não", "été", "и", "és", "ja"]
LANGUAGES = ("arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian",
             "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish")


def tokens():
    import text
    rng = random.Random(20261127)
    for _ in range(1500):
        tokenizer = rng.choice(text.TOKENIZERS[:5])
        language = rng.choice([l for l in LANGUAGES if l != 'greek'])  # the model dies of some Greek words
        case = rng.random() < 0.2
        fts = {'tokenizer': tokenizer, 'language': language, 'case_sensitive': case,
               'stemming': not case and rng.random() < 0.5,
               'remove_stopwords': not case and language not in text.NO_STOPWORDS and rng.random() < 0.5,
               'ascii_folding': rng.random() < 0.5, 'max_token_length': rng.choice([1, 3, 4, 5, 8, 39, 39, 254])}
        value = ''.join(rng.choice(PIECES) + rng.choice(['', ' ', ' ', ' ']) for _ in range(rng.randrange(9)))
        flags = ''.join(str(int(fts[k])) for k in ('stemming', 'remove_stopwords', 'ascii_folding', 'case_sensitive'))
        print(text.TOKENIZERS.index(tokenizer), LANGUAGES.index(language), flags, fts['max_token_length'], coded(value),
              *(f'{position}:{coded(term)}' for term, position in text.analyze(value, fts)))


def stems():
    from py_rust_stemmers import SnowballStemmer
    rng = random.Random(20261127)
    for number, language in enumerate(LANGUAGES):
        source = (here.parents[2] / 'src' / 'text' / 'stem' / f'{language}.inc').read_text()
        endings = [e for e in re.findall(r'\{S\("([^"\\]+)"\), -?\d+, -?\d+', source) if e.isalpha()]
        letters = sorted({c for e in endings for c in e})
        stemmer = SnowballStemmer(language)
        for _ in range(250):
            word = ''.join(rng.choice(letters) for _ in range(rng.randrange(9))) + ''.join(rng.sample(endings, rng.randrange(3)))
            if word:
                print(number, coded(word), coded(stemmer.stem_word(word)))


{'breaks': lambda: breaks(sys.argv[2]), 'tokens': tokens, 'stems': stems}[sys.argv[1]]()
