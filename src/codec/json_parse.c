#include "codec/json_tape.h"
#include "codec/structurals.h"
#include "mola/base/check.h"
#include "mola/codec/bytes.h"

/* One buffer serves a whole parse: the structural pass writes its index to it, and the walk lays
 * the tape over the part of the index it has read. A node is as large as two positions, and N nodes
 * take at least 2N - 1 - (open containers) structural characters: a bracket and a separator before
 * each further element. So the tape trails behind as long as the index starts this far into the
 * buffer. */
enum { INDEX_SHIFT = 1024 };
_Static_assert(INDEX_SHIFT >= 4 * (MOLA_JSON_DEPTH_MAX + 4), "the tape never overtakes the index");

typedef struct {
    mola_str text;
    const uint32_t *index; /* of structural characters; two of text.len follow the last */
    uint32_t count, at;    /* of the index */
    mola_json_node *tape;
    uint32_t nodes;
    uint32_t depth;
    uint32_t open[MOLA_JSON_DEPTH_MAX]; /* places of the containers around, outermost first */
    size_t backslash;                   /* the first one not walked over yet; text.len: none */
    mola_heap *heap;
    mola_json_fault fault;
} walk;

static bool fail_at(walk *w, const char *words, size_t at)
{
    w->fault = (mola_json_fault){words, at};
    return false;
}

/* The structural character at hand; 0 behind the last one (no text has a structural NUL that would
 * be taken for anything). */
static char peek(const walk *w)
{
    if (w->at == w->count)
        return '\0';
    return w->text.data[w->index[w->at]];
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The scalar that begins at the structural character at hand: all up to the next one, without the
 * white space between them. */
static mola_str take_run(walk *w)
{
    size_t from = w->index[w->at], until = w->index[w->at + 1];
    w->at++;
    MOLA_DCHECK(until > from);
    while (is_space(w->text.data[until - 1]))
        until--;
    return (mola_str){w->text.data + from, until - from};
}

static void add_node(walk *w, mola_json_kind kind, const char *first, uint32_t tail)
{
    MOLA_DCHECK((const char *)&w->tape[w->nodes + 1] <= (const char *)&w->index[w->at]);
    w->tape[w->nodes++] = (mola_json_node){
        (uint32_t)kind << MOLA_TAPE_KIND_SHIFT | (uint32_t)(first - w->text.data), tail};
}

/* Not zero unless all eight bytes are digits. */
static uint64_t not_digits(uint64_t eight)
{
    return ((eight + 0x4646464646464646) | (eight - 0x3030303030303030)) & 0x8080808080808080;
}

/* Most numbers are one digit, a point and up to 24 digits: told without a branch on their length.
 * The loads may run into what follows the text. */
static inline bool is_fraction(const char *first, size_t size)
{
    enum { DIGITS_MAX = 24 };
    static const uint8_t keep[DIGITS_MAX * 2] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint64_t zeros = UINT64_C(0x3030303030303030);
    bool negative = first[0] == '-';
    const char *p = first + negative;
    size_t digits = size - negative - 2;
    if (p[0] < '0' || p[0] > '9' || p[1] != '.' || digits - 1 >= DIGITS_MAX)
        return false;
    const uint8_t *mask =
        keep + DIGITS_MAX - digits; /* what is behind the number counts as zeros */
    uint64_t kept = mola_load_u64(mask);
    uint64_t bad = not_digits((mola_load_u64(p + 2) & kept) | (zeros & ~kept));
    kept = mola_load_u64(mask + 8);
    bad |= not_digits((mola_load_u64(p + 10) & kept) | (zeros & ~kept));
    if (digits > 16) {
        kept = mola_load_u64(mask + 16);
        bad |= not_digits((mola_load_u64(p + 18) & kept) | (zeros & ~kept));
    }
    return bad == 0;
}

/* The numbers of an array, as long as they are fractions with a comma right behind: nearly all
 * there is in a large body, so this loop keeps what it needs out of the walk. false: not even one.
 */
static bool add_fractions(walk *w)
{
    const char *text = w->text.data;
    const uint32_t *index = w->index + w->at;
    const uint32_t *end = w->index + w->count;
    mola_json_node *node = w->tape + w->nodes;
    while (index + 1 < end && text[index[1]] == ',' &&
           is_fraction(text + index[0], index[1] - index[0])) {
        MOLA_DCHECK((const char *)(node + 1) <= (const char *)(index + 2));
        *node++ = (mola_json_node){(uint32_t)MOLA_JSON_NUMBER << MOLA_TAPE_KIND_SHIFT | index[0],
                                   (index[1] - index[0]) | MOLA_TAPE_FRACTION};
        index += 2;
    }
    bool any = index > w->index + w->at;
    w->at = (uint32_t)(index - w->index);
    w->nodes = (uint32_t)(node - w->tape);
    return any;
}

static bool add_number(walk *w)
{
    mola_str run = take_run(w);
    uint32_t flags = MOLA_TAPE_FRACTION;
    if (!is_fraction(run.data, run.len)) {
        bool integer;
        if (!mola_json_check_number(run, &integer))
            return fail_at(w, "invalid number", (size_t)(run.data - w->text.data));
        flags = integer ? MOLA_TAPE_INTEGER : 0;
    }
    add_node(w, MOLA_JSON_NUMBER, run.data, (uint32_t)run.len | flags);
    return true;
}

static bool add_literal(walk *w, mola_json_kind kind, mola_str word)
{
    mola_str run = take_run(w);
    if (!mola_str_eq(run, word))
        return fail_at(w, "expected a value", (size_t)(run.data - w->text.data));
    add_node(w, kind, run.data, (uint32_t)run.len);
    return true;
}

/* The structural pass has checked that strings end, that their bytes are UTF-8 and that none is a
 * control character; what is left are the escapes. */
static bool add_string(walk *w)
{
    size_t from = w->index[w->at];
    mola_str run = take_run(w);
    if (run.len < 2 || run.data[run.len - 1] != '"')
        return fail_at(w, "string without an end", from);
    mola_str inside = {run.data + 1, run.len - 2};
    if (w->backslash < from) {
        const char *hit = memchr(run.data, '\\', w->text.len - from);
        w->backslash = hit ? (size_t)(hit - w->text.data) : w->text.len;
    }
    bool escaped = w->backslash < from + run.len;
    size_t bad;
    const char *words;
    if (escaped && !mola_json_check_escapes(inside, &bad, &words))
        return fail_at(w, words, from + 1 + bad);
    add_node(w, MOLA_JSON_STRING, run.data,
             (uint32_t)inside.len | (escaped ? MOLA_TAPE_ESCAPED : 0));
    return true;
}

static bool open_container(walk *w, mola_json_kind kind)
{
    size_t from = w->index[w->at];
    if (w->depth == MOLA_JSON_DEPTH_MAX)
        return fail_at(w, "nested deeper than 128 levels", from);
    w->at++;
    w->open[w->depth++] = w->nodes;
    add_node(w, kind, w->text.data + from, 0);
    return true;
}

static bool add_value(walk *w)
{
    switch (peek(w)) {
    case '{':
        return open_container(w, MOLA_JSON_OBJECT);
    case '[':
        return open_container(w, MOLA_JSON_ARRAY);
    case '"':
        return add_string(w);
    case 't':
        return add_literal(w, MOLA_JSON_BOOL, MOLA_STR("true"));
    case 'f':
        return add_literal(w, MOLA_JSON_BOOL, MOLA_STR("false"));
    case 'n':
        return add_literal(w, MOLA_JSON_NULL, MOLA_STR("null"));
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return add_number(w);
    default:
        return fail_at(w, "expected a value", w->index[w->at]);
    }
}

static bool add_key(walk *w)
{
    if (peek(w) != '"')
        return fail_at(w, "expected a string as key", w->index[w->at]);
    if (!add_string(w))
        return false;
    if (peek(w) != ':')
        return fail_at(w, "expected `:`", w->index[w->at]);
    w->at++;
    return true;
}

static mola_err close_container(walk *w)
{
    uint32_t place = w->open[--w->depth];
    w->at++;
    w->tape[place].tail = w->nodes;
    if (mola_tape_kind(w->tape[place]) == MOLA_JSON_ARRAY)
        return MOLA_OK;
    return mola_json_mark_overridden(w->heap, w->text.data, w->tape, place);
}

/* Checks the grammar and lays the tape. MOLA_INVALID with w->fault set; MOLA_NO_MEMORY. */
static mola_err walk_text(walk *w)
{
    bool opened = false; /* the container at hand has nothing in it yet */
    for (;;) {
        bool in_object =
            w->depth && mola_tape_kind(w->tape[w->open[w->depth - 1]]) == MOLA_JSON_OBJECT;
        if (!in_object && w->depth && add_fractions(w))
            opened = false;
        if (!(opened && peek(w) == (in_object ? '}' : ']'))) {
            uint32_t depth_before = w->depth;
            if ((in_object && !add_key(w)) || !add_value(w))
                return MOLA_INVALID;
            opened = w->depth > depth_before;
            if (opened)
                continue;
        }
        opened = false;
        /* After a value, or before the end of an empty container. */
        for (;;) {
            if (w->depth == 0)
                return MOLA_OK;
            in_object = mola_tape_kind(w->tape[w->open[w->depth - 1]]) == MOLA_JSON_OBJECT;
            char c = peek(w);
            if (c == ',') {
                w->at++;
                break;
            }
            if (c != (in_object ? '}' : ']')) {
                fail_at(w, in_object ? "expected `,` or `}`" : "expected `,` or `]`",
                        w->index[w->at]);
                return MOLA_INVALID;
            }
            mola_err err = close_container(w);
            if (err)
                return err;
        }
    }
}

static mola_err parse(mola_heap *heap, mola_str text, void *buffer, mola_json_doc *out,
                      mola_json_fault *fault)
{
    uint32_t *index = (uint32_t *)((char *)buffer + INDEX_SHIFT);
    walk w = {.text = text, .index = index, .tape = buffer, .heap = heap};
    switch (mola_structurals_find(text.data, text.len, index, &w.count)) {
    case MOLA_STRUCTURALS_NO_MEMORY:
        return MOLA_NO_MEMORY;
    case MOLA_STRUCTURALS_BAD_TEXT:
        *fault = mola_json_find_fault(text);
        return MOLA_INVALID;
    case MOLA_STRUCTURALS_FOUND:
        break;
    }
    const char *backslash = memchr(text.data, '\\', text.len);
    w.backslash = backslash ? (size_t)(backslash - text.data) : text.len;
    mola_err err = walk_text(&w);
    if (!err && w.at < w.count) {
        fail_at(&w, "trailing characters", w.index[w.at]);
        err = MOLA_INVALID;
    }
    *fault = w.fault;
    *out = (mola_json_doc){.heap = heap, .text = text, .tape = buffer, .count = w.nodes};
    return err;
}

mola_err mola_json_parse(mola_heap *heap, mola_str text, mola_json_doc *out, mola_why *why)
{
    *out = (mola_json_doc){0};
    mola_json_fault fault = {"longer than 512 MiB", MOLA_TAPE_TEXT_MAX};
    if (text.len == 0)
        fault = (mola_json_fault){"expected a value", 0};
    mola_err err = text.len == 0 || text.len > MOLA_TAPE_TEXT_MAX ? MOLA_INVALID : MOLA_OK;
    if (!err) {
        size_t room = mola_structurals_max(text.data, text.len);
        size_t bytes = INDEX_SHIFT + (room + MOLA_STRUCTURALS_SLACK) * sizeof(uint32_t);
        void *buffer = mola_realloc(heap, NULL, 0, bytes); /* not zeroed */
        if (!buffer)
            return mola_fail(why, MOLA_NO_MEMORY, "Not enough memory to parse the request body");
        err = parse(heap, text, buffer, out, &fault);
        if (err) {
            mola_free(heap, buffer, bytes);
            *out = (mola_json_doc){0};
        } else {
            out->tape_bytes = out->count * sizeof(mola_json_node);
            MOLA_ASSERT(out->tape_bytes <= bytes);
            void *smaller = mola_realloc(heap, buffer, bytes, out->tape_bytes);
            if (smaller) {
                out->tape = smaller;
            } else {
                out->tape_bytes = bytes;
            }
        }
    }
    if (err == MOLA_NO_MEMORY)
        return mola_fail(why, err, "Not enough memory to parse the request body");
    if (err) {
        return mola_fail(why, err, "Failed to parse the request body as JSON: %s at byte %zu",
                         fault.words, fault.at);
    }
    return MOLA_OK;
}

void mola_json_free(mola_json_doc *doc)
{
    if (doc->tape)
        mola_free(doc->heap, doc->tape, doc->tape_bytes);
    *doc = (mola_json_doc){0};
}
