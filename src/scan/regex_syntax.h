/* regex_syntax.h - what regex_parse.c (the grammar) and regex_class.c (classes, escapes) share. */
#pragma once
#include "mola/base/utf8.h"
#include "scan/regex_tree.h"

enum {
    MOLA_RE_FOLDED = 1,  /* i */
    MOLA_RE_LINES = 2,   /* m */
    MOLA_RE_DOT_ALL = 4, /* s */
    MOLA_RE_UNICODE = 8, /* u */
    MOLA_RE_VERBOSE = 16 /* x */
};

typedef struct {
    mola_arena *arena;
    mola_str text;
    size_t at;
    uint32_t flags, depth;
    mola_regex_tree *tree;
    mola_regex_result result;
    const char *why;
} mola_regex_parser;

/* Sets the result; returns NULL. The first words stay. */
mola_regex_node *mola_re_wrong(mola_regex_parser *p, const char *why);

static inline bool mola_re_at_end(const mola_regex_parser *p)
{
    return p->at == p->text.len;
}
/* The byte ahead, or 0 at the end. */
static inline char mola_re_ahead(const mola_regex_parser *p)
{
    return mola_re_at_end(p) ? '\0' : p->text.data[p->at];
}
static inline uint32_t mola_re_take(mola_regex_parser *p)
{
    return mola_utf8_take(p->text, &p->at);
}
/* Goes over `token` if it is ahead. */
static inline bool mola_re_skip(mola_regex_parser *p, const char *token)
{
    mola_str t = mola_str_of(token);
    if (!mola_str_starts(mola_str_from(p->text, p->at), t))
        return false;
    p->at += t.len;
    return true;
}
/* White space and comments, under (?x). */
void mola_re_skip_blanks(mola_regex_parser *p);

typedef enum {
    MOLA_RE_TEXT_START,
    MOLA_RE_TEXT_END,
    MOLA_RE_LINE_START,
    MOLA_RE_LINE_END,
    MOLA_RE_WORD_BOUNDARY,
    MOLA_RE_NO_WORD_BOUNDARY,
    MOLA_RE_WORD_START,
    MOLA_RE_WORD_END,
    MOLA_RE_WORD_START_HALF,
    MOLA_RE_WORD_END_HALF
} mola_re_place;
/* The pairs of sides between which such a place is. */
uint32_t mola_re_sides(mola_regex_parser *p, mola_re_place place);

typedef enum { MOLA_RE_TAKEN, MOLA_RE_NOT_ONE, MOLA_RE_REFUSED } mola_re_taken;
/* Behind '\': \d \s \w \p and their negations, into an empty set. NOT_ONE: nothing was read. */
mola_re_taken mola_re_class_escape(mola_regex_parser *p, mola_charset *out);
/* Behind '\': an escape that stands for one character. */
bool mola_re_char_escape(mola_regex_parser *p, uint32_t *c);
/* Behind '[': the class, folded and negated, into an empty set. */
bool mola_re_class(mola_regex_parser *p, mola_charset *out);
