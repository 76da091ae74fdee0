/* json_tape.h - how a parsed document lies in memory, for the files of the JSON reader.
 *
 * One node a value, in the order of the text; a key is a string node right before its value; the
 * nodes of what a container holds follow it.
 *
 *      head  kind in the upper 3 bits, offset of the value's first byte in the lower 29
 *      tail  of a container: place of the first node after all it holds
 *            of others: length in bytes (of a string: between the quotes), and flags above it */
#pragma once
#include "mola/base/buf.h"
#include "mola/codec/json.h"

enum { MOLA_TAPE_KIND_SHIFT = 29, MOLA_TAPE_TEXT_MAX = 1 << 29 };
#define MOLA_TAPE_MASK     ((UINT32_C(1) << MOLA_TAPE_KIND_SHIFT) - 1)
#define MOLA_TAPE_ESCAPED  (UINT32_C(1) << 31) /* a string with escapes in it */
#define MOLA_TAPE_INTEGER  (UINT32_C(1) << 31) /* a number without fraction and exponent */
#define MOLA_TAPE_FRACTION (UINT32_C(1) << 30) /* a number of one digit, a point and digits */
#define MOLA_TAPE_OVERRIDDEN                                                                       \
    (UINT32_C(1) << 30) /* a key that a later member of the object repeats */

struct mola_json_node {
    uint32_t head, tail;
};
_Static_assert(sizeof(mola_json_node) == 8, "the size that json.h promises");
_Static_assert(MOLA_JSON_OBJECT < 1 << (32 - MOLA_TAPE_KIND_SHIFT), "a kind fits its bits");

static inline mola_json_kind mola_tape_kind(mola_json_node n)
{
    return (mola_json_kind)(n.head >> MOLA_TAPE_KIND_SHIFT);
}
static inline uint32_t mola_tape_offset(mola_json_node n)
{
    return n.head & MOLA_TAPE_MASK;
}
static inline uint32_t mola_tape_length(mola_json_node n)
{
    return n.tail & MOLA_TAPE_MASK;
}
static inline bool mola_tape_is_container(mola_json_node n)
{
    return mola_tape_kind(n) >= MOLA_JSON_ARRAY;
}
/* The place after the value at `at` and all it holds. */
static inline uint32_t mola_tape_after(const mola_json_node *tape, uint32_t at)
{
    return mola_tape_is_container(tape[at]) ? mola_tape_length(tape[at]) : at + 1;
}
/* What is between the quotes, escapes and all. */
static inline mola_str mola_tape_inside(const char *text, mola_json_node string)
{
    return (mola_str){text + mola_tape_offset(string) + 1, mola_tape_length(string)};
}

/* Where a text stops being JSON, and what is wrong there. */
typedef struct {
    const char *words;
    size_t at;
} mola_json_fault;

/* json_scalar.c - the grammar of what is no container. `text` is the whole of one. */
bool mola_json_check_number(mola_str text, bool *integer);
/* Of a string with a backslash in it, the inside. *at: offset of the bad escape in it. */
bool mola_json_check_escapes(mola_str inside, size_t *at, const char **words);
/* Resolves checked escapes. `out` has room for as many bytes as the inside has. */
size_t mola_json_unescape(mola_str inside, char *out);
bool mola_json_texts_equal(mola_str a, bool a_escaped, mola_str b, bool b_escaped);

/* json_members.c - marks every key of the object at `object` that a later member repeats. */
mola_err mola_json_mark_overridden(mola_heap *heap, const char *text, mola_json_node *tape,
                                   uint32_t object) MOLA_NODISCARD;

/* json_fault.c - what the structural pass found wrong, slowly. */
mola_json_fault mola_json_find_fault(mola_str text);
