#include "scan/charset.h"

/* Made by make_properties.py. */
#include "scan/property_tables.inc"

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { NAME_MAX = 24, CATEGORIES = COUNT(category_names), SCRIPTS = COUNT(script_names) };

/* Long names, and the groups that one letter stands for: a bit for each category. */
#define GROUP(from, until) ((((uint32_t)1 << (until)) - 1) & ~(((uint32_t)1 << (from)) - 1))
static const struct {
    char name[NAME_MAX];
    uint32_t categories;
} groups[] = {
    {"l", GROUP(0, 5)},
    {"letter", GROUP(0, 5)},
    {"lc", GROUP(0, 3)},
    {"casedletter", GROUP(0, 3)},
    {"uppercaseletter", GROUP(0, 1)},
    {"lowercaseletter", GROUP(1, 2)},
    {"titlecaseletter", GROUP(2, 3)},
    {"modifierletter", GROUP(3, 4)},
    {"otherletter", GROUP(4, 5)},
    {"m", GROUP(5, 8)},
    {"mark", GROUP(5, 8)},
    {"combiningmark", GROUP(5, 8)},
    {"nonspacingmark", GROUP(5, 6)},
    {"spacingmark", GROUP(6, 7)},
    {"enclosingmark", GROUP(7, 8)},
    {"n", GROUP(8, 11)},
    {"number", GROUP(8, 11)},
    {"decimalnumber", GROUP(8, 9)},
    {"digit", GROUP(8, 9)},
    {"letternumber", GROUP(9, 10)},
    {"othernumber", GROUP(10, 11)},
    {"p", GROUP(11, 18)},
    {"punctuation", GROUP(11, 18)},
    {"punct", GROUP(11, 18)},
    {"connectorpunctuation", GROUP(11, 12)},
    {"dashpunctuation", GROUP(12, 13)},
    {"openpunctuation", GROUP(13, 14)},
    {"closepunctuation", GROUP(14, 15)},
    {"initialpunctuation", GROUP(15, 16)},
    {"finalpunctuation", GROUP(16, 17)},
    {"otherpunctuation", GROUP(17, 18)},
    {"s", GROUP(18, 22)},
    {"symbol", GROUP(18, 22)},
    {"mathsymbol", GROUP(18, 19)},
    {"currencysymbol", GROUP(19, 20)},
    {"modifiersymbol", GROUP(20, 21)},
    {"othersymbol", GROUP(21, 22)},
    {"z", GROUP(22, 25)},
    {"separator", GROUP(22, 25)},
    {"spaceseparator", GROUP(22, 23)},
    {"lineseparator", GROUP(23, 24)},
    {"paragraphseparator", GROUP(24, 25)},
    {"c", GROUP(25, 29)},
    {"other", GROUP(25, 29)},
    {"control", GROUP(25, 26)},
    {"cntrl", GROUP(25, 26)},
    {"format", GROUP(26, 27)},
    {"privateuse", GROUP(27, 28)},
    {"unassigned", GROUP(28, 29)},
    {"assigned", GROUP(0, 28)},
    {"any", GROUP(0, 29)},
};

/* The runs of a partition whose value is wanted; bit `value` of words[value / 32]. */
static bool take_runs(mola_arena *arena, const uint32_t *partition, uint32_t count,
                      const uint32_t words[8], mola_charset *out)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = partition[i] & 0xff, first = partition[i] >> 8;
        uint32_t last = i + 1 < count ? (partition[i + 1] >> 8) - 1 : MOLA_CHAR_LAST;
        if (words[value >> 5] >> (value & 31) & 1 && !mola_charset_add(arena, out, first, last))
            return false;
    }
    mola_charset_seal(out);
    return true;
}

static bool take_ranges(mola_arena *arena, const mola_char_range *ranges, size_t count,
                        mola_charset *out)
{
    for (size_t i = 0; i < count; i++) {
        if (!mola_charset_add(arena, out, ranges[i].first, ranges[i].last))
            return false;
    }
    mola_charset_seal(out);
    return true;
}

static uint32_t find_categories(mola_str name)
{
    for (uint32_t i = 0; i < COUNT(groups); i++) {
        if (mola_str_eq(name, mola_str_of(groups[i].name)))
            return groups[i].categories;
    }
    for (uint32_t i = 0; i < CATEGORIES; i++) {
        const char *two = category_names[i];
        if (name.len == 2 && name.data[0] == (two[0] | 0x20) && name.data[1] == two[1])
            return (uint32_t)1 << i;
    }
    return 0;
}

/* Unicode's loose matching of names. false: it cannot be one. */
static bool loosen(mola_str name, char *out, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c == ' ' || c == '-' || c == '_')
            continue;
        if (*len == NAME_MAX)
            return false;
        bool capital = c >= 'A' && c <= 'Z';
        out[(*len)++] = (char)(capital ? c + 0x20 : c);
    }
    return true;
}

bool mola_property_set(mola_arena *arena, mola_str name, mola_charset *out, bool *known)
{
    static const mola_str keys[] = {MOLA_STR_C("gc="), MOLA_STR_C("generalcategory="),
                                    MOLA_STR_C("sc="), MOLA_STR_C("script=")};
    char text[NAME_MAX];
    mola_str loose = {text, 0};
    bool categories_fit = true, scripts_fit = true;
    size_t key_end = 0;
    *out = (mola_charset){0};
    *known = false;
    for (size_t i = 0; i < COUNT(keys) && !key_end; i++) {
        /* the key is written in full before the sign: compared loosely as well */
        const char *sign = name.len ? memchr(name.data, '=', name.len) : NULL;
        size_t size = sign ? (size_t)(sign - name.data) + 1 : 0;
        if (!size || !loosen((mola_str){name.data, size}, text, &loose.len) ||
            !mola_str_eq(loose, keys[i]))
            continue;
        key_end = size;
        categories_fit = i < 2;
        scripts_fit = !categories_fit;
    }
    if (!loosen(mola_str_from(name, key_end), text, &loose.len))
        return true;
    uint32_t words[8] = {categories_fit ? find_categories(loose) : 0};
    if (words[0]) {
        *known = true;
        return take_runs(arena, categories, COUNT(categories), words, out);
    }
    if (!key_end && mola_str_eq(loose, MOLA_STR("alphabetic"))) {
        *known = true;
        return take_ranges(arena, alphabetic, COUNT(alphabetic), out);
    }
    for (uint32_t i = 0; scripts_fit && i < SCRIPTS; i++) {
        if (!mola_str_eq(loose, mola_str_of(script_names[i])))
            continue;
        *known = true;
        words[i >> 5] |= (uint32_t)1 << (i & 31);
        return take_runs(arena, scripts, COUNT(scripts), words, out);
    }
    return true;
}

bool mola_perl_set(mola_arena *arena, char class, mola_charset *out)
{
    static const mola_char_range spaces[] = {
        {0x09, 0x0d},     {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
    const uint32_t digits[8] = {GROUP(8, 9)};
    *out = (mola_charset){0};
    switch (class) {
    case 'd':
        return take_runs(arena, categories, COUNT(categories), digits, out);
    case 's':
        return take_ranges(arena, spaces, COUNT(spaces), out);
    default:
        MOLA_ASSERT(class == 'w');
        return take_ranges(arena, word, COUNT(word), out);
    }
}

bool mola_is_word(uint32_t c)
{
    uint32_t from = 0, until = COUNT(word);
    if (c < 0x80) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    }
    while (from < until) {
        uint32_t middle = from + (until - from) / 2;
        if (word[middle].last < c) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    return from < COUNT(word) && word[from].first <= c;
}
