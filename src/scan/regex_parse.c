/* regex_parse.c - the text of a Regex becomes a tree. Every construct of the syntax is known here:
 * what is not taken is refused with words, never read as something else. */
#include "scan/fold.h"
#include "scan/regex_syntax.h"

/* ---- nodes and sets ---- */

static mola_regex_node *full(mola_regex_parser *p)
{
    p->result = MOLA_REGEX_NO_MEMORY;
    return NULL;
}

mola_regex_node *mola_re_wrong(mola_regex_parser *p, const char *why)
{
    if (p->result == MOLA_REGEX_OK) {
        p->result = MOLA_REGEX_INVALID;
        p->why = why;
    }
    return NULL;
}

static mola_regex_node *new_node(mola_regex_parser *p, mola_regex_kind kind)
{
    mola_regex_node *node = mola_new(p->arena, mola_regex_node, 1);
    if (!node)
        return full(p);
    node->kind = kind;
    return node;
}

/* A node that matches one character of the set, which is not sealed yet. */
static mola_regex_node *set_node(mola_regex_parser *p, mola_charset *set)
{
    mola_regex_tree *tree = p->tree;
    mola_charset_seal(set);
    mola_regex_node *node = new_node(p, MOLA_RE_SET);
    if (!node)
        return NULL;
    for (node->set = 0; node->set < tree->set_count; node->set++) {
        if (mola_charset_eq(&tree->sets[node->set], set))
            return node;
    }
    if (tree->set_count == tree->set_room) {
        uint32_t room = tree->set_room ? 2 * tree->set_room : 16;
        mola_charset *wider = mola_new(p->arena, mola_charset, room);
        if (!wider)
            return full(p);
        if (tree->set_count)
            memcpy(wider, tree->sets, tree->set_count * sizeof *wider);
        tree->sets = wider;
        tree->set_room = room;
    }
    tree->sets[tree->set_count++] = *set;
    return node;
}

/* The character, and under (?i) all that differ from it in case only. */
static bool add_char(mola_regex_parser *p, mola_charset *set, uint32_t c)
{
    if (!mola_charset_add(p->arena, set, c, c))
        return false;
    if (!(p->flags & MOLA_RE_FOLDED))
        return true;
    uint32_t folded = mola_fold(c);
    if (folded != c && !mola_charset_add(p->arena, set, folded, folded))
        return false;
    for (uint32_t i = 0; i < mola_fold_count(); i++) {
        mola_fold_pair pair = mola_fold_at(i);
        bool fits = pair.from < 0x80 || p->flags & MOLA_RE_UNICODE;
        if (pair.to == folded && fits && !mola_charset_add(p->arena, set, pair.from, pair.from))
            return false;
    }
    return true;
}

static mola_regex_node *char_node(mola_regex_parser *p, uint32_t c)
{
    mola_charset set = {0};
    if (!(p->flags & MOLA_RE_UNICODE) && c >= 0x80)
        return mola_re_wrong(p, "the pattern could match invalid UTF-8");
    return add_char(p, &set, c) ? set_node(p, &set) : full(p);
}

static mola_regex_node *place_node(mola_regex_parser *p, mola_re_place place)
{
    mola_regex_node *node = new_node(p, MOLA_RE_PLACE);
    if (node)
        node->place = mola_re_sides(p, place);
    return node;
}

static mola_regex_node *dot_node(mola_regex_parser *p)
{
    mola_charset set = {0};
    if (!(p->flags & MOLA_RE_UNICODE))
        return mola_re_wrong(p, "the pattern could match invalid UTF-8");
    bool ok = p->flags & MOLA_RE_DOT_ALL
                  ? mola_charset_add(p->arena, &set, 0, MOLA_CHAR_LAST)
                  : mola_charset_add(p->arena, &set, 0, '\n' - 1) &&
                        mola_charset_add(p->arena, &set, '\n' + 1, MOLA_CHAR_LAST);
    return ok ? set_node(p, &set) : full(p);
}

/* ---- groups ---- */

static bool take_flag(mola_regex_parser *p, char c, bool on)
{
    static const struct {
        char letter;
        uint32_t flag;
    } flags[] = {{'i', MOLA_RE_FOLDED},  {'m', MOLA_RE_LINES},   {'s', MOLA_RE_DOT_ALL},
                 {'u', MOLA_RE_UNICODE}, {'x', MOLA_RE_VERBOSE}, {'U', 0}}; /* greed: no matter */
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (flags[i].letter != c)
            continue;
        p->flags = on ? p->flags | flags[i].flag : p->flags & ~flags[i].flag;
        return true;
    }
    mola_re_wrong(p, c == 'R' ? "the flag R is not supported" : "unrecognized flag");
    return false;
}

/* Behind `(?`, letters up to ':' or ')', which is taken too. '\0': refused. */
static char take_flags(mola_regex_parser *p)
{
    bool on = true, any = false;
    for (;;) {
        char c = mola_re_ahead(p);
        if (mola_re_at_end(p) || c == 0) {
            mola_re_wrong(p, "unclosed group");
            return 0;
        }
        p->at++;
        if (c == ':' || c == ')') {
            if ((c == ')' || !on) && !any) {
                mola_re_wrong(p, "missing flag");
                return 0;
            }
            return c;
        }
        if (c == '-' && on) {
            on = any = false;
            continue;
        }
        any = true;
        if (!take_flag(p, c, on))
            return 0;
    }
}

/* Behind `(?<` or `(?P<`. */
static bool take_group_name(mola_regex_parser *p)
{
    size_t from = p->at;
    while (!mola_re_at_end(p) && mola_re_ahead(p) != '>') {
        uint32_t c = mola_re_take(p);
        bool digit = c >= '0' && c <= '9';
        bool other = p->at - from > 1 && (c == '.' || c == '[' || c == ']');
        if (!(mola_is_word(c) || other) || (digit && p->at - from == 1)) {
            mola_re_wrong(p, "invalid group name");
            return false;
        }
    }
    if (mola_re_at_end(p) || p->at == from) {
        mola_re_wrong(p, "invalid group name");
        return false;
    }
    p->at++;
    return true;
}

static mola_regex_node *parse_choice(mola_regex_parser *p);

/* Behind '('. */
static mola_regex_node *parse_group(mola_regex_parser *p)
{
    uint32_t outer = p->flags;
    if (++p->depth > MOLA_REGEX_DEPTH_MAX)
        return mola_re_wrong(p, "groups are nested too deep");
    if (mola_re_ahead(p) == '?') {
        p->at++;
        bool is_named = mola_re_skip(p, "P<");
        if (!is_named && (mola_re_skip(p, "=") || mola_re_skip(p, "!") || mola_re_skip(p, "<=") ||
                          mola_re_skip(p, "<!")))
            return mola_re_wrong(p, "look-around is not supported");
        is_named = is_named || mola_re_skip(p, "<");
        if (is_named) {
            if (!take_group_name(p))
                return NULL;
        } else {
            char end = take_flags(p);
            if (end == ')') { /* for the rest of the group that it stands in */
                p->depth--;
                return new_node(p, MOLA_RE_EMPTY);
            }
            if (!end)
                return NULL;
        }
    }
    mola_regex_node *node = parse_choice(p);
    if (!node)
        return NULL;
    if (!mola_re_skip(p, ")"))
        return mola_re_wrong(p, "unclosed group");
    p->flags = outer;
    p->depth--;
    return node;
}

/* ---- repetition ---- */

/* Decimal digits; blanks around them count only under (?x). */
static bool take_count(mola_regex_parser *p, uint32_t *out)
{
    size_t from = p->at;
    *out = 0;
    for (char c; (c = mola_re_ahead(p)) >= '0' && c <= '9'; p->at++) {
        *out = *out * 10 + (uint32_t)(c - '0');
        if (*out > MOLA_REGEX_STEPS_MAX)
            *out = MOLA_REGEX_STEPS_MAX + 1;
    }
    return p->at > from;
}

/* Behind '{'. */
static bool take_bounds(mola_regex_parser *p, uint32_t *least, uint32_t *most)
{
    bool ok = take_count(p, least);
    *most = *least;
    if (ok && mola_re_skip(p, ",")) {
        *most = MOLA_RE_NO_END;
        if (mola_re_ahead(p) != '}')
            ok = take_count(p, most);
    }
    if (!ok || !mola_re_skip(p, "}") || *least > *most) {
        mola_re_wrong(p, "invalid repetition");
        return false;
    }
    return true;
}

/* How often one atom may be followed by a repetition: a** is legal, and of no use. */
enum { REPEATS_MAX = 8 };

static mola_regex_node *parse_repeats(mola_regex_parser *p, mola_regex_node *child)
{
    for (uint32_t times = 0; child; times++) {
        uint32_t least = 0, most = MOLA_RE_NO_END;
        mola_re_skip_blanks(p);
        if (mola_re_skip(p, "?")) {
            most = 1;
        } else if (mola_re_skip(p, "+")) {
            least = 1;
        } else if (mola_re_skip(p, "{")) {
            if (!take_bounds(p, &least, &most))
                return NULL;
        } else if (!mola_re_skip(p, "*")) {
            break;
        }
        if (times == REPEATS_MAX)
            return mola_re_wrong(p, "repetitions are nested too deep");
        (void)mola_re_skip(p, "?"); /* lazy: finds the same rows */
        mola_regex_node *node = new_node(p, MOLA_RE_TIMES);
        if (!node)
            return NULL;
        node->least = least;
        node->most = most;
        node->first = child;
        child = node;
    }
    return child;
}

/* ---- escapes outside of classes ---- */

static mola_regex_node *class_node(mola_regex_parser *p, mola_charset *set)
{
    return set ? set_node(p, set) : NULL;
}

static mola_regex_node *word_place(mola_regex_parser *p)
{
    static const struct {
        const char *text;
        mola_re_place place;
    } names[] = {{"{start}", MOLA_RE_WORD_START},
                 {"{end}", MOLA_RE_WORD_END},
                 {"{start-half}", MOLA_RE_WORD_START_HALF},
                 {"{end-half}", MOLA_RE_WORD_END_HALF}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (mola_re_skip(p, names[i].text))
            return place_node(p, names[i].place);
    }
    return place_node(p, MOLA_RE_WORD_BOUNDARY);
}

/* Behind '\'. */
static mola_regex_node *parse_escape(mola_regex_parser *p)
{
    mola_charset set = {0};
    uint32_t c;
    switch (mola_re_ahead(p)) {
    case 'A':
        p->at++;
        return place_node(p, MOLA_RE_TEXT_START);
    case 'z':
        p->at++;
        return place_node(p, MOLA_RE_TEXT_END);
    case 'b':
        p->at++;
        return word_place(p);
    case 'B':
        p->at++;
        if (!(p->flags & MOLA_RE_UNICODE))
            return mola_re_wrong(p, "the pattern could match invalid UTF-8");
        return place_node(p, MOLA_RE_NO_WORD_BOUNDARY);
    case '<':
        p->at++;
        return place_node(p, MOLA_RE_WORD_START);
    case '>':
        p->at++;
        return place_node(p, MOLA_RE_WORD_END);
    default:
        break;
    }
    switch (mola_re_class_escape(p, &set)) {
    case MOLA_RE_TAKEN:
        return class_node(p, &set);
    case MOLA_RE_REFUSED:
        return NULL;
    case MOLA_RE_NOT_ONE:
        break;
    }
    return mola_re_char_escape(p, &c) ? char_node(p, c) : NULL;
}

/* ---- the grammar ---- */

/* One atom; the text is not at its end, at '|' or at ')'. */
static mola_regex_node *parse_atom(mola_regex_parser *p)
{
    uint32_t c = mola_re_take(p);
    mola_charset set = {0};
    switch (c) {
    case '(':
        return parse_group(p);
    case '[':
        return mola_re_class(p, &set) ? set_node(p, &set) : NULL;
    case '\\':
        return parse_escape(p);
    case '.':
        return dot_node(p);
    case '^':
        return place_node(p, p->flags & MOLA_RE_LINES ? MOLA_RE_LINE_START : MOLA_RE_TEXT_START);
    case '$':
        return place_node(p, p->flags & MOLA_RE_LINES ? MOLA_RE_LINE_END : MOLA_RE_TEXT_END);
    case '*':
    case '+':
    case '?':
    case '{':
        return mola_re_wrong(p, "a repetition has nothing to repeat");
    default:
        return char_node(p, c);
    }
}

static mola_regex_node *parse_sequence(mola_regex_parser *p)
{
    mola_regex_node *all = new_node(p, MOLA_RE_ALL), **last = all ? &all->first : NULL;
    while (last) {
        mola_re_skip_blanks(p);
        if (mola_re_at_end(p) || mola_re_ahead(p) == '|' || mola_re_ahead(p) == ')')
            return all;
        bool is_group = mola_re_ahead(p) == '(';
        mola_regex_node *node = parse_atom(p);
        bool only_flags = node && is_group && node->kind == MOLA_RE_EMPTY;
        node = only_flags ? node : parse_repeats(p, node);
        if (!node)
            return NULL;
        *last = node;
        last = &node->next;
    }
    return NULL;
}

static mola_regex_node *parse_choice(mola_regex_parser *p)
{
    mola_regex_node *any = new_node(p, MOLA_RE_ANY), **last = any ? &any->first : NULL;
    while (last) {
        mola_regex_node *node = parse_sequence(p);
        if (!node)
            return NULL;
        *last = node;
        last = &node->next;
        if (!mola_re_skip(p, "|"))
            return any;
    }
    return NULL;
}

mola_regex_result mola_regex_parse(mola_arena *arena, mola_str pattern, mola_regex_tree *out,
                                   const char **why)
{
    *out = (mola_regex_tree){0};
    mola_regex_parser p = {.arena = arena, .text = pattern, .flags = MOLA_RE_UNICODE, .tree = out};
    out->root = parse_choice(&p);
    if (out->root && !mola_re_at_end(&p))
        out->root = mola_re_wrong(&p, "unopened group");
    if (!out->root && p.result == MOLA_REGEX_OK)
        p.result = MOLA_REGEX_NO_MEMORY;
    *why = p.why;
    return p.result;
}
