/* regex_tree.h - a parsed Regex: what regex_parse.c makes and regex.c turns into an automaton. */
#pragma once
#include "scan/charset.h"
#include "scan/regex.h"

/* What stands on one side of a place between two characters. */
typedef enum {
    MOLA_SIDE_EDGE, /* nothing */
    MOLA_SIDE_LINE, /* a line feed */
    MOLA_SIDE_ASCII_WORD,
    MOLA_SIDE_WORD, /* a word character beyond ASCII */
    MOLA_SIDE_OTHER,
    MOLA_SIDES
} mola_regex_side;

/* An assertion is a set of pairs of sides: bit before * MOLA_SIDES + after. */
typedef enum {
    MOLA_RE_EMPTY,
    MOLA_RE_SET,
    MOLA_RE_PLACE,
    MOLA_RE_ALL,
    MOLA_RE_ANY,
    MOLA_RE_TIMES
} mola_regex_kind;
typedef struct mola_regex_node mola_regex_node;
struct mola_regex_node {
    mola_regex_kind kind;
    uint32_t set;                  /* SET: of the tree */
    uint32_t place;                /* PLACE: the pairs of sides */
    uint32_t least, most;          /* TIMES: the child; most == MOLA_RE_NO_END: without end */
    mola_regex_node *first, *next; /* children; siblings */
};
#define MOLA_RE_NO_END UINT32_MAX

typedef struct {
    mola_regex_node *root;
    mola_charset *sets; /* distinct */
    uint32_t set_count, set_room;
    bool asks_lines, asks_words; /* assertions tell these sides apart */
} mola_regex_tree;

/* The tree is in the arena. NO_MEMORY: the arena is full. */
mola_regex_result mola_regex_parse(mola_arena *arena, mola_str pattern, mola_regex_tree *out,
                                   const char **why);
