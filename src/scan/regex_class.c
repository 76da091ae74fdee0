/* regex_class.c - classes and escapes of a Regex, and the sides of its assertions. */
#include "scan/regex_syntax.h"

static bool full(mola_regex_parser *p)
{
    p->result = MOLA_REGEX_NO_MEMORY;
    return false;
}

static bool wrong(mola_regex_parser *p, const char *why)
{
    (void)mola_re_wrong(p, why);
    return false;
}

void mola_re_skip_blanks(mola_regex_parser *p)
{
    if (!(p->flags & MOLA_RE_VERBOSE))
        return;
    while (!mola_re_at_end(p)) {
        size_t at = p->at;
        uint32_t c = mola_utf8_take(p->text, &at);
        bool blank = (c >= 0x09 && c <= 0x0d) || c == ' ' || c == 0x85 || c == 0x200e ||
                     c == 0x200f || c == 0x2028 || c == 0x2029;
        if (c == '#') {
            while (!mola_re_at_end(p) && mola_re_take(p) != '\n')
                ;
        } else if (blank) {
            p->at = at;
        } else {
            return;
        }
    }
}

/* ---- assertions ---- */

static bool holds(mola_re_place place, bool unicode, mola_regex_side before, mola_regex_side after)
{
    bool word_before = before == MOLA_SIDE_ASCII_WORD || (unicode && before == MOLA_SIDE_WORD);
    bool word_after = after == MOLA_SIDE_ASCII_WORD || (unicode && after == MOLA_SIDE_WORD);
    switch (place) {
    case MOLA_RE_TEXT_START:
        return before == MOLA_SIDE_EDGE;
    case MOLA_RE_TEXT_END:
        return after == MOLA_SIDE_EDGE;
    case MOLA_RE_LINE_START:
        return before == MOLA_SIDE_EDGE || before == MOLA_SIDE_LINE;
    case MOLA_RE_LINE_END:
        return after == MOLA_SIDE_EDGE || after == MOLA_SIDE_LINE;
    case MOLA_RE_WORD_BOUNDARY:
        return word_before != word_after;
    case MOLA_RE_NO_WORD_BOUNDARY:
        return word_before == word_after;
    case MOLA_RE_WORD_START:
        return !word_before && word_after;
    case MOLA_RE_WORD_END:
        return word_before && !word_after;
    case MOLA_RE_WORD_START_HALF:
        return !word_before;
    case MOLA_RE_WORD_END_HALF:
        break;
    }
    return !word_after;
}

uint32_t mola_re_sides(mola_regex_parser *p, mola_re_place place)
{
    uint32_t pairs = 0;
    for (uint32_t before = 0; before < MOLA_SIDES; before++) {
        for (uint32_t after = 0; after < MOLA_SIDES; after++) {
            if (holds(place, p->flags & MOLA_RE_UNICODE, (mola_regex_side)before,
                      (mola_regex_side)after))
                pairs |= (uint32_t)1 << (before * MOLA_SIDES + after);
        }
    }
    p->tree->asks_lines |= place == MOLA_RE_LINE_START || place == MOLA_RE_LINE_END;
    p->tree->asks_words |= place >= MOLA_RE_WORD_BOUNDARY;
    return pairs;
}

/* ---- escapes ---- */

static bool ascii_perl_set(mola_regex_parser *p, char class, mola_charset *out)
{
    mola_arena *arena = p->arena;
    switch (class) {
    case 'd':
        return mola_charset_add(arena, out, '0', '9');
    case 's':
        return mola_charset_add(arena, out, 0x09, 0x0d) && mola_charset_add(arena, out, ' ', ' ');
    default:
        return mola_charset_add(arena, out, '0', '9') && mola_charset_add(arena, out, 'A', 'Z') &&
               mola_charset_add(arena, out, '_', '_') && mola_charset_add(arena, out, 'a', 'z');
    }
}

static bool perl_class(mola_regex_parser *p, char letter, mola_charset *out)
{
    char class = (char)(letter | 0x20);
    bool negated = letter != class, unicode = p->flags & MOLA_RE_UNICODE;
    if (negated && !unicode)
        return wrong(p, "the pattern could match invalid UTF-8");
    bool ok = unicode ? mola_perl_set(p->arena, class, out) : ascii_perl_set(p, class, out);
    if (ok && negated)
        ok = mola_charset_negate(p->arena, out);
    return ok || full(p);
}

/* Behind \p or \P: one letter, or a name in braces. */
static bool property_class(mola_regex_parser *p, bool negated, mola_charset *out)
{
    bool known;
    mola_str name;
    if (!(p->flags & MOLA_RE_UNICODE))
        return wrong(p, "Unicode classes need the flag u");
    size_t from = p->at;
    if (mola_re_skip(p, "{")) {
        from = p->at;
        while (!mola_re_at_end(p) && mola_re_ahead(p) != '}')
            p->at++;
        if (mola_re_at_end(p))
            return wrong(p, "unclosed Unicode class");
        name = (mola_str){p->text.data + from, p->at - from};
        p->at++;
    } else {
        if (mola_re_at_end(p))
            return wrong(p, "incomplete escape");
        (void)mola_re_take(p);
        name = (mola_str){p->text.data + from, p->at - from};
    }
    const char *unequal = name.len > 1 ? memchr(name.data, '!', name.len - 1) : NULL;
    char text[64];
    if (unequal && unequal[1] == '=' && name.len <= sizeof text) { /* gc!=Lu is not gc=Lu */
        size_t head = (size_t)(unequal - name.data);
        memcpy(text, name.data, head);
        memcpy(text + head, unequal + 1, name.len - head - 1);
        name = (mola_str){text, name.len - 1};
        negated = !negated;
    }
    if (!mola_property_set(p->arena, name, out, &known))
        return full(p);
    if (!known)
        return wrong(p, "Unicode property not found");
    bool ok = !(p->flags & MOLA_RE_FOLDED) || mola_charset_fold(p->arena, out);
    if (ok && negated)
        ok = mola_charset_negate(p->arena, out);
    return ok || full(p);
}

mola_re_taken mola_re_class_escape(mola_regex_parser *p, mola_charset *out)
{
    char c = mola_re_ahead(p);
    bool ok;
    switch (c) {
    case 'd':
    case 'D':
    case 's':
    case 'S':
    case 'w':
    case 'W':
        p->at++;
        ok = perl_class(p, c, out);
        break;
    case 'p':
    case 'P':
        p->at++;
        ok = property_class(p, c == 'P', out);
        break;
    default:
        return MOLA_RE_NOT_ONE;
    }
    return ok ? MOLA_RE_TAKEN : MOLA_RE_REFUSED;
}

static int hex_digit(char c)
{
    char low = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Behind \x, \u or \U: so many digits, or any number of them in braces. */
static bool take_hex(mola_regex_parser *p, uint32_t digits, uint32_t *c)
{
    bool braces = mola_re_skip(p, "{");
    uint32_t count = 0;
    *c = 0;
    for (int digit; (braces || count < digits) && (digit = hex_digit(mola_re_ahead(p))) >= 0;
         count++) {
        *c = *c << 4 | (uint32_t)digit;
        p->at++;
        if (*c > MOLA_CHAR_LAST)
            return wrong(p, "an escape is beyond the last character");
    }
    bool ended = braces ? count && mola_re_skip(p, "}") : count == digits;
    if (!ended)
        return wrong(p, "invalid hexadecimal escape");
    if (*c >= 0xd800 && *c < 0xe000)
        return wrong(p, "an escape is not a character");
    return true;
}

bool mola_re_char_escape(mola_regex_parser *p, uint32_t *c)
{
    static const char names[] = "aftnrv", meant[] = "\a\f\t\n\r\v";
    if (mola_re_at_end(p))
        return wrong(p, "incomplete escape");
    *c = mola_re_take(p);
    switch (*c) {
    case 'x':
        return take_hex(p, 2, c);
    case 'u':
        return take_hex(p, 4, c);
    case 'U':
        return take_hex(p, 8, c);
    default:
        break;
    }
    if (*c >= '0' && *c <= '9')
        return wrong(p, "backreferences are not supported");
    const char *name = *c < 0x80 && *c ? strchr(names, (int)*c) : NULL;
    if (name) {
        *c = (uint32_t)(unsigned char)meant[name - names];
        return true;
    }
    /* Punctuation stands for itself; letters are kept for what may come. A blank is one under (?x)
     * only. */
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
    bool punctuation = *c > ' ' && *c < 0x7f && !letter && *c != '<' && *c != '>';
    if (punctuation || (*c == ' ' && p->flags & MOLA_RE_VERBOSE))
        return true;
    return wrong(p, "unrecognized escape");
}

/* ---- bracketed classes ---- */

/* [:alpha:], [:^alpha:]. NOT_ONE: something else begins with '['. */
static mola_re_taken posix_class(mola_regex_parser *p, mola_charset *out)
{
    static const struct {
        char name[8];
        mola_char_range ranges[4];
    } classes[] = {{"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
                   {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
                   {"ascii", {{0, 0x7f}}},
                   {"blank", {{'\t', '\t'}, {' ', ' '}}},
                   {"cntrl", {{0, 0x1f}, {0x7f, 0x7f}}},
                   {"digit", {{'0', '9'}}},
                   {"graph", {{'!', '~'}}},
                   {"lower", {{'a', 'z'}}},
                   {"print", {{' ', '~'}}},
                   {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
                   {"space", {{0x09, 0x0d}, {' ', ' '}}},
                   {"upper", {{'A', 'Z'}}},
                   {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
                   {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}}};
    mola_str rest = mola_str_from(p->text, p->at);
    if (!mola_str_starts(rest, MOLA_STR("[:")))
        return MOLA_RE_NOT_ONE;
    size_t head = rest.len > 2 && rest.data[2] == '^' ? 3 : 2;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        mola_str name = mola_str_of(classes[i].name), from = mola_str_from(rest, head);
        if (!mola_str_starts(from, name) ||
            !mola_str_starts(mola_str_from(from, name.len), MOLA_STR(":]")))
            continue;
        p->at += head + name.len + 2;
        bool ok = true;
        for (int k = 0; k < 4 && ok && (k == 0 || classes[i].ranges[k].last); k++) {
            const mola_char_range *range = &classes[i].ranges[k];
            ok = mola_charset_add(p->arena, out, range->first, range->last);
        }
        mola_charset_seal(out);
        if (ok && p->flags & MOLA_RE_FOLDED && p->flags & MOLA_RE_UNICODE)
            ok = mola_charset_fold(p->arena, out);
        if (ok && head == 3) {
            if (!(p->flags & MOLA_RE_UNICODE)) {
                wrong(p, "the pattern could match invalid UTF-8");
                return MOLA_RE_REFUSED;
            }
            ok = mola_charset_negate(p->arena, out);
        }
        return ok || full(p) ? MOLA_RE_TAKEN : MOLA_RE_REFUSED;
    }
    return MOLA_RE_NOT_ONE;
}

/* One character of a class, or an end of a range. */
static bool class_char(mola_regex_parser *p, uint32_t *c)
{
    if (mola_re_at_end(p))
        return wrong(p, "unclosed character class");
    *c = mola_re_take(p);
    return *c != '\\' || mola_re_char_escape(p, c);
}

/* What `first` begins: itself or a range. */
static bool class_range(mola_regex_parser *p, uint32_t first, mola_charset *out)
{
    uint32_t last = first;
    mola_re_skip_blanks(p);
    mola_str rest = mola_str_from(p->text, p->at);
    bool is_range =
        mola_re_ahead(p) == '-' && rest.len > 1 && rest.data[1] != ']' && rest.data[1] != '-';
    if (is_range) {
        p->at++;
        mola_re_skip_blanks(p);
        if (!class_char(p, &last))
            return false;
        if (last < first)
            return wrong(p, "invalid range in a character class");
    }
    if (last >= 0x80 && !(p->flags & MOLA_RE_UNICODE))
        return wrong(p, "the pattern could match invalid UTF-8");
    return mola_charset_add(p->arena, out, first, last) || full(p);
}

/* One item of a class. */
static bool class_item(mola_regex_parser *p, mola_charset *out)
{
    mola_charset inner = {0};
    mola_re_taken taken = MOLA_RE_NOT_ONE;
    if (mola_re_ahead(p) == '[') {
        taken = posix_class(p, &inner);
        if (taken == MOLA_RE_NOT_ONE) {
            p->at++;
            taken = mola_re_class(p, &inner) ? MOLA_RE_TAKEN : MOLA_RE_REFUSED;
        }
    } else if (mola_re_skip(p, "\\")) {
        taken = mola_re_class_escape(p, &inner);
        uint32_t c;
        if (taken == MOLA_RE_NOT_ONE)
            return mola_re_char_escape(p, &c) && class_range(p, c, out);
    } else {
        uint32_t c;
        return class_char(p, &c) && class_range(p, c, out);
    }
    if (taken == MOLA_RE_REFUSED)
        return false;
    return mola_charset_join(p->arena, out, &inner) || full(p);
}

static bool fold_class(mola_regex_parser *p, mola_charset *set)
{
    mola_charset_seal(set);
    if (!(p->flags & MOLA_RE_FOLDED))
        return true;
    mola_char_range range = {0, 0x7f};
    const mola_charset ascii = {.ranges = &range, .count = 1};
    bool ok = mola_charset_fold(p->arena, set);
    if (ok && !(p->flags & MOLA_RE_UNICODE))
        ok = mola_charset_intersect(p->arena, set, &ascii);
    return ok || full(p);
}

/* `how` two operands are combined: && -- ~~, or 0 before the first one. The result is in `left`. */
static bool combine(mola_regex_parser *p, char how, mola_charset *left, mola_charset *right)
{
    mola_arena *arena = p->arena;
    if (!fold_class(p, right))
        return false;
    mola_charset not_left = *left, not_right = *right, both = *left;
    bool ok = true;
    switch (how) {
    case '&':
        ok = mola_charset_intersect(arena, left, right);
        break;
    case '-':
        ok = mola_charset_negate(arena, &not_right) &&
             mola_charset_intersect(arena, left, &not_right);
        break;
    case '~': /* in one of the two */
        ok = mola_charset_negate(arena, &not_left) && mola_charset_negate(arena, &not_right) &&
             mola_charset_intersect(arena, &both, &not_right) &&
             mola_charset_intersect(arena, right, &not_left) &&
             mola_charset_join(arena, &both, right);
        *left = both;
        break;
    default:
        *left = *right;
    }
    *right = (mola_charset){0};
    return ok || full(p);
}

/* '&' '-' or '~' when it stands twice: gone over. */
static char take_operator(mola_regex_parser *p)
{
    if (mola_re_skip(p, "&&"))
        return '&';
    if (mola_re_skip(p, "--"))
        return '-';
    return mola_re_skip(p, "~~") ? '~' : '\0';
}

/* What may stand first and be meant as itself: dashes, and one ']'. */
static bool class_head(mola_regex_parser *p, mola_charset *item)
{
    bool any = false;
    mola_re_skip_blanks(p);
    while (mola_re_skip(p, "-")) {
        any = true;
        if (!mola_charset_add(p->arena, item, '-', '-'))
            return full(p);
        mola_re_skip_blanks(p);
    }
    if (!any && mola_re_skip(p, "]"))
        return class_range(p, ']', item);
    return true;
}

bool mola_re_class(mola_regex_parser *p, mola_charset *out)
{
    mola_charset item = {0};
    if (++p->depth > MOLA_REGEX_DEPTH_MAX)
        return wrong(p, "classes are nested too deep");
    mola_re_skip_blanks(p);
    bool negated = mola_re_skip(p, "^");
    if (negated && !(p->flags & MOLA_RE_UNICODE))
        return wrong(p, "the pattern could match invalid UTF-8");
    bool ok = class_head(p, &item);
    char how = '\0';
    while (ok) {
        mola_re_skip_blanks(p);
        if (mola_re_at_end(p))
            return wrong(p, "unclosed character class");
        if (mola_re_skip(p, "]"))
            break;
        char next = take_operator(p);
        if (next) {
            ok = combine(p, how, out, &item);
            how = next;
        } else {
            ok = class_item(p, &item);
        }
    }
    if (!ok || !combine(p, how, out, &item))
        return false;
    p->depth--;
    return !negated || mola_charset_negate(p->arena, out) || full(p);
}
