#!/usr/bin/env python3
"""Writes property_tables.inc: what the classes of a Regex need of Unicode, as the Python package `regex` has it.

    pip install regex==2026.11.15 && make_properties.py > property_tables.inc

General categories and scripts are partitions: each entry is the first character of a run and the number of its
value, in one word. Word characters and alphabetic ones are ranges. Surrogates are in no text and left out."""
import regex

CHARACTERS = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
TEXT = "".join(map(chr, CHARACTERS))
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split()
SCRIPTS = """Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian
Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan
Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi
Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited
Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi
Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian
Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari
New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian
Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene
Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting
Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet
Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Vai Vithkuqi
Wancho Warang_Citi Yezidi Yi Zanabazar_Square""".split()


def members(pattern):
    return set(map(ord, regex.findall(pattern, TEXT)))


def runs(value_of):
    """(first, value) wherever the value changes."""
    last = None
    for c in CHARACTERS:
        value = value_of(c)
        if value != last:
            yield c, value
            last = value


def show(name, cells, per_line):
    print(f"static const {name} = {{")
    for at in range(0, len(cells), per_line):
        print("    " + " ".join(cells[at:at + per_line]))
    print("};")


def show_partition(name, values, pattern, rest):
    number = {}
    for i, value in enumerate(values):
        for c in members(pattern % value):
            number[c] = i
    cells = [f"0x{c << 8 | value:x}," for c, value in runs(lambda c: number.get(c, rest))]
    show(f"uint32_t {name}[]", cells, 9)


def show_ranges(name, inside):
    edges = [c for c, _ in runs(lambda c: c in inside)]
    if 0 not in inside:
        edges = edges[1:]
    pairs = [(first, until - 1) for first, until in zip(edges[::2], edges[1::2])]
    show(f"mola_char_range {name}[]", [f"{{0x{a:x}, 0x{b:x}}}," for a, b in pairs], 5)


show("char category_names[][3]", [f'"{c}",' for c in CATEGORIES], 15)
show_partition("categories", CATEGORIES, r"\p{gc=%s}", len(CATEGORIES) - 1)
show("char script_names[][24]", [f'"{s.lower().replace("_", "")}",' for s in SCRIPTS], 5)
show_partition("scripts", SCRIPTS, r"\p{sc=%s}", 255)
show_ranges("alphabetic", members(r"\p{Alphabetic}"))
show_ranges("word", members(r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]"))
