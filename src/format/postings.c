#include "mola/format/postings.h"
#include "format/image.h"
#include <stdlib.h>
#include <xxhash.h>

enum { HEAD_BYTES = 40, MAGIC = 0x31545350 }; /* "PST1" */

static uint8_t flags_of(const mola_analysis *a)
{
    return (uint8_t)(a->stemming | a->remove_stopwords << 1 | a->ascii_folding << 2 |
                     a->case_sensitive << 3);
}

/* Bytes 4 to 16 of an image. */
enum { IDENTITY_BYTES = 12 };
static void add_identity(mola_buf *out, uint32_t attr, const mola_analysis *a)
{
    mola_add_u32(out, attr);
    mola_add_u8(out, a->tokenizer);
    mola_add_u8(out, a->language);
    mola_add_u16(out, a->max_token_length);
    mola_add_u8(out, flags_of(a));
    mola_add_u8(out, MOLA_TEXT_VERSION);
    mola_add_u16(out, 0);
}

uint32_t mola_postings_attr(uint32_t attr, const mola_analysis *a)
{
    const uint64_t words[2] = {(uint64_t)attr | (uint64_t)a->tokenizer << 32 |
                                   (uint64_t)a->language << 40 |
                                   (uint64_t)a->max_token_length << 48,
                               (uint64_t)flags_of(a) | (uint64_t)MOLA_TEXT_VERSION << 8};
    uint64_t mixed = (words[0] * 0x9e3779b97f4a7c15U ^ words[1]) * 0xc2b2ae3d27d4eb4fU;
    return MOLA_ATTR_DERIVED | (uint32_t)(mixed >> 33);
}

/* ---- reading ---- */

static uint32_t u32_at(const char *table, uint32_t index)
{
    return mola_load_u32(table + (size_t)index * 4);
}

static bool offsets_fit(const char *table, uint32_t count, size_t bytes)
{
    uint32_t before = u32_at(table, 0);
    if (before != 0)
        return false;
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t next = u32_at(table, i);
        if (next < before)
            return false;
        before = next;
    }
    return before == bytes;
}

static bool is_identity(mola_cursor *c, uint32_t attr, const mola_analysis *a)
{
    return mola_take_u32(c) == attr && mola_take_u8(c) == a->tokenizer &&
           mola_take_u8(c) == a->language && mola_take_u16(c) == a->max_token_length &&
           mola_take_u8(c) == flags_of(a) && mola_take_u8(c) == MOLA_TEXT_VERSION &&
           mola_take_u16(c) == 0;
}

mola_err mola_postings_open(mola_str image, uint32_t attr, const mola_analysis *analysis,
                            mola_postings *out)
{
    mola_cursor c = {.rest = image};
    if (mola_take_u32(&c) != MAGIC || !is_identity(&c, attr, analysis))
        return MOLA_CORRUPT;
    *out = (mola_postings){.rows = mola_take_u32(&c), .term_count = mola_take_u32(&c)};
    uint32_t term_bytes = mola_take_u32(&c), list_bytes = mola_take_u32(&c);
    uint32_t place_bytes = mola_take_u32(&c), zero = mola_take_u32(&c);
    if (c.bad || zero || out->rows > MOLA_POSTINGS_ROWS_MAX || out->term_count >= UINT32_MAX / 4)
        return MOLA_CORRUPT;
    size_t table = ((size_t)out->term_count + 1) * 4;
    out->lengths = mola_take(&c, (size_t)out->rows * 4).data;
    out->term_from = mola_take(&c, table).data;
    out->list_from = mola_take(&c, table).data;
    out->place_from = mola_take(&c, table).data;
    out->terms = mola_take(&c, term_bytes);
    out->lists = mola_take(&c, list_bytes);
    out->places = mola_take(&c, place_bytes);
    bool fits = !c.bad && c.rest.len == 0 &&
                offsets_fit(out->term_from, out->term_count, term_bytes) &&
                offsets_fit(out->list_from, out->term_count, list_bytes) &&
                offsets_fit(out->place_from, out->term_count, place_bytes);
    return fits ? MOLA_OK : MOLA_CORRUPT;
}

uint32_t mola_postings_length(const mola_postings *p, uint32_t row)
{
    return u32_at(p->lengths, row);
}

mola_str mola_postings_term(const mola_postings *p, uint32_t term)
{
    uint32_t from = u32_at(p->term_from, term);
    return (mola_str){p->terms.data + from, u32_at(p->term_from, term + 1) - from};
}

uint32_t mola_postings_seek(const mola_postings *p, mola_str text)
{
    uint32_t low = 0, high = p->term_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mola_str_cmp(mola_postings_term(p, middle), text) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool mola_postings_find(const mola_postings *p, mola_str text, uint32_t *term)
{
    *term = mola_postings_seek(p, text);
    return *term < p->term_count && mola_str_eq(mola_postings_term(p, *term), text);
}

/* false: there is none, or it is longer than any number of ours. */
static bool take_varint(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 35 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (uint32_t)value;
            return value <= UINT32_MAX;
        }
    }
    return false;
}

void mola_posting_walk_begin(const mola_postings *p, uint32_t term, mola_posting_walk *walk)
{
    const uint8_t *lists = (const uint8_t *)p->lists.data;
    const uint8_t *places = (const uint8_t *)p->places.data;
    *walk = (mola_posting_walk){.at = lists + u32_at(p->list_from, term),
                                .end = lists + u32_at(p->list_from, term + 1),
                                .place_at = places + u32_at(p->place_from, term),
                                .place_end = places + u32_at(p->place_from, term + 1),
                                .rows = p->rows};
}

bool mola_posting_next(mola_posting_walk *w)
{
    uint32_t skipped, times;
    if (!take_varint(&w->at, w->end, &skipped) || !take_varint(&w->at, w->end, &times) ||
        skipped >= w->rows - w->next_row) {
        w->at = w->end;
        return false;
    }
    w->row = w->next_row + skipped;
    w->next_row = w->row + 1;
    w->times = w->places_left = times;
    w->next_place = 0;
    return true;
}

bool mola_posting_place(mola_posting_walk *w, uint32_t *position)
{
    uint32_t skipped;
    if (w->places_left == 0 || !take_varint(&w->place_at, w->place_end, &skipped) ||
        skipped > UINT32_MAX - 1 - w->next_place)
        return false;
    w->places_left--;
    *position = w->next_place + skipped;
    w->next_place = *position + 1;
    return true;
}

/* ---- writing ---- */

typedef struct {
    uint32_t from, len; /* in the bytes of terms */
    uint32_t last;      /* 1 + its newest occurrence */
    uint32_t count;
} known_term;
typedef struct {
    uint32_t before; /* 1 + the occurrence of the same term before it; 0: none */
    uint32_t row, position;
} occurrence;

struct mola_postings_builder {
    mola_heap *heap;
    uint32_t attr;
    mola_analysis analysis;
    mola_buf lengths, terms, bytes, occurrences; /* u32; known_term; their texts; occurrence */
    uint32_t *slots;                             /* term + 1 */
    uint32_t slot_count;
};

mola_postings_builder *mola_postings_builder_new(mola_heap *heap, uint32_t attr,
                                                 const mola_analysis *analysis)
{
    enum { SLOTS = 1024 };
    mola_postings_builder *b = mola_alloc(heap, sizeof *b);
    if (!b)
        return NULL;
    *b = (mola_postings_builder){.heap = heap, .attr = attr, .analysis = *analysis};
    mola_buf_init(&b->lengths, heap);
    mola_buf_init(&b->terms, heap);
    mola_buf_init(&b->bytes, heap);
    mola_buf_init(&b->occurrences, heap);
    b->slot_count = SLOTS;
    b->slots = mola_alloc_array(heap, uint32_t, SLOTS);
    if (!b->slots) {
        mola_postings_builder_free(b);
        return NULL;
    }
    return b;
}

void mola_postings_builder_free(mola_postings_builder *b)
{
    if (!b)
        return;
    mola_buf_free(&b->lengths);
    mola_buf_free(&b->terms);
    mola_buf_free(&b->bytes);
    mola_buf_free(&b->occurrences);
    mola_free(b->heap, b->slots, b->slots ? b->slot_count * sizeof *b->slots : 0);
    mola_free(b->heap, b, sizeof *b);
}

uint32_t mola_postings_rows(const mola_postings_builder *b)
{
    return (uint32_t)(b->lengths.len / sizeof(uint32_t));
}

uint64_t mola_postings_tokens(const mola_postings_builder *b)
{
    return b->occurrences.len / sizeof(occurrence);
}

static uint32_t term_count(const mola_postings_builder *b)
{
    return (uint32_t)(b->terms.len / sizeof(known_term));
}

static known_term *terms_of(const mola_postings_builder *b)
{
    return (known_term *)(void *)b->terms.data;
}

static mola_str text_of(const mola_postings_builder *b, const known_term *t)
{
    return (mola_str){b->bytes.data + t->from, t->len};
}

void mola_postings_begin_row(mola_postings_builder *b)
{
    static const uint32_t none = 0;
    MOLA_ASSERT(mola_postings_rows(b) < MOLA_POSTINGS_ROWS_MAX);
    mola_buf_add(&b->lengths, &none, sizeof none);
}

static uint32_t *slot_of(const mola_postings_builder *b, mola_str text)
{
    uint32_t mask = b->slot_count - 1;
    uint32_t at = (uint32_t)XXH3_64bits(text.data, text.len) & mask;
    while (b->slots[at] && !mola_str_eq(text_of(b, &terms_of(b)[b->slots[at] - 1]), text))
        at = (at + 1) & mask;
    return &b->slots[at];
}

/* At most half of the slots are taken. */
static bool make_room(mola_postings_builder *b)
{
    uint32_t count = term_count(b), old = b->slot_count;
    if (2 * (count + 1) <= old)
        return true;
    uint32_t *slots = mola_alloc_array(b->heap, uint32_t, (size_t)2 * old);
    if (!slots)
        return false;
    mola_free(b->heap, b->slots, old * sizeof *slots);
    b->slots = slots;
    b->slot_count = 2 * old;
    for (uint32_t i = 0; i < count; i++)
        *slot_of(b, text_of(b, &terms_of(b)[i])) = i + 1;
    return true;
}

static known_term *enter(mola_postings_builder *b, mola_str text)
{
    uint32_t *slot = slot_of(b, text);
    if (*slot)
        return &terms_of(b)[*slot - 1];
    if (!make_room(b) || b->bytes.len + text.len > UINT32_MAX)
        return NULL;
    known_term fresh = {.from = (uint32_t)b->bytes.len, .len = (uint32_t)text.len};
    mola_buf_add_str(&b->bytes, text);
    mola_buf_add(&b->terms, &fresh, sizeof fresh);
    if (b->bytes.failed || b->terms.failed)
        return NULL;
    *slot_of(b, text) = term_count(b);
    return &terms_of(b)[term_count(b) - 1];
}

mola_err mola_postings_add(mola_postings_builder *b, mola_str term, uint32_t position)
{
    uint32_t row = mola_postings_rows(b) - 1;
    known_term *t = b->lengths.failed ? NULL : enter(b, term);
    if (!t)
        return MOLA_NO_MEMORY;
    occurrence o = {.before = t->last, .row = row, .position = position};
    mola_buf_add(&b->occurrences, &o, sizeof o);
    if (b->occurrences.failed)
        return MOLA_NO_MEMORY;
    MOLA_ASSERT(mola_postings_tokens(b) < UINT32_MAX);
    t->last = (uint32_t)mola_postings_tokens(b);
    t->count++;
    ((uint32_t *)(void *)b->lengths.data)[row]++;
    return MOLA_OK;
}

mola_err mola_postings_add_value(mola_postings_builder *b, mola_analyzer *analyzer,
                                 const mola_column *column, uint32_t row)
{
    mola_value_tokens tokens;
    mola_token token;
    mola_err err = MOLA_OK;
    mola_value_tokens_begin(&tokens, analyzer, column, row);
    while (!err && mola_value_tokens_next(&tokens, &token))
        err = mola_postings_add(b, token.term, token.position);
    return err;
}

static void add_varint(mola_buf *out, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        mola_buf_add_char(out, (char)(value | 0x80));
    mola_buf_add_char(out, (char)value);
}

/* What is put together. */
typedef struct {
    mola_buf term_from, list_from, place_from, terms, lists, places;
    mola_buf order; /* known_term, sorted by their texts */
    mola_buf own;   /* the occurrences of one term, in their order */
} assembly;

static int by_text(const void *a, const void *b, void *of)
{
    return mola_str_cmp(text_of(of, a), text_of(of, b));
}

static void add_term(mola_postings_builder *b, assembly *s, const known_term *t)
{
    const occurrence *all = (const occurrence *)(const void *)b->occurrences.data;
    occurrence *own = (occurrence *)(void *)s->own.data;
    uint32_t left = t->count, next_row = 0;
    for (uint32_t at = t->last; at; at = all[at - 1].before)
        own[--left] = all[at - 1];
    MOLA_ASSERT(left == 0);
    for (uint32_t i = 0; i < t->count;) {
        uint32_t row = own[i].row, until = i, next_place = 0;
        for (; until < t->count && own[until].row == row; until++) {
            add_varint(&s->places, own[until].position - next_place);
            next_place = own[until].position + 1;
        }
        add_varint(&s->lists, row - next_row);
        add_varint(&s->lists, until - i);
        next_row = row + 1;
        i = until;
    }
    mola_buf_add_str(&s->terms, text_of(b, t));
    mola_add_u32(&s->term_from, (uint32_t)s->terms.len);
    mola_add_u32(&s->list_from, (uint32_t)s->lists.len);
    mola_add_u32(&s->place_from, (uint32_t)s->places.len);
}

static bool assemble(mola_postings_builder *b, assembly *s)
{
    uint32_t count = term_count(b), most = 0;
    mola_buf_add(&s->order, b->terms.data, b->terms.len);
    for (uint32_t i = 0; i < count; i++)
        most = terms_of(b)[i].count > most ? terms_of(b)[i].count : most;
    if (s->order.failed || !mola_buf_reserve(&s->own, (size_t)most * sizeof(occurrence) + 1))
        return false;
    known_term *order = (known_term *)(void *)s->order.data;
    if (count)
        qsort_r(order, count, sizeof *order, by_text, b);
    mola_add_u32(&s->term_from, 0);
    mola_add_u32(&s->list_from, 0);
    mola_add_u32(&s->place_from, 0);
    for (uint32_t i = 0; i < count; i++)
        add_term(b, s, &order[i]);
    return !s->term_from.failed && !s->list_from.failed && !s->place_from.failed &&
           !s->terms.failed && !s->lists.failed && !s->places.failed && s->lists.len < UINT32_MAX &&
           s->places.len < UINT32_MAX;
}

static void print_image(const mola_postings_builder *b, const assembly *s, mola_buf *out)
{
    mola_add_u32(out, MAGIC);
    add_identity(out, b->attr, &b->analysis);
    mola_add_u32(out, mola_postings_rows(b));
    mola_add_u32(out, term_count(b));
    mola_add_u32(out, (uint32_t)s->terms.len);
    mola_add_u32(out, (uint32_t)s->lists.len);
    mola_add_u32(out, (uint32_t)s->places.len);
    mola_add_u32(out, 0);
    mola_buf_add_str(out, mola_buf_str(&b->lengths));
    mola_buf_add_str(out, mola_buf_str(&s->term_from));
    mola_buf_add_str(out, mola_buf_str(&s->list_from));
    mola_buf_add_str(out, mola_buf_str(&s->place_from));
    mola_buf_add_str(out, mola_buf_str(&s->terms));
    mola_buf_add_str(out, mola_buf_str(&s->lists));
    mola_buf_add_str(out, mola_buf_str(&s->places));
}

static void empty(mola_postings_builder *b)
{
    b->lengths.len = b->terms.len = b->bytes.len = b->occurrences.len = 0;
    memset(b->slots, 0, b->slot_count * sizeof *b->slots);
}

mola_err mola_postings_finish(mola_postings_builder *b, mola_buf *out)
{
    assembly s;
    enum { PARTS = 8 };
    mola_buf *parts[PARTS] = {&s.term_from, &s.list_from, &s.place_from, &s.terms,
                              &s.lists,     &s.places,    &s.order,      &s.own};
    for (size_t i = 0; i < PARTS; i++)
        mola_buf_init(parts[i], b->heap);
    bool ok = !b->lengths.failed && assemble(b, &s);
    if (ok)
        print_image(b, &s, out);
    for (size_t i = 0; i < PARTS; i++)
        mola_buf_free(parts[i]);
    empty(b);
    return ok && !out->failed ? MOLA_OK : MOLA_NO_MEMORY;
}
