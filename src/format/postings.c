#include "mola/format/postings.h"
#include "format/postings.h"
#include "format/terms.h"
#include <stdlib.h>

enum { FMT = 2, MAGIC = 0x32545350 }; /* "PST2" */

static uint8_t flags_of(const mola_analysis *a)
{
    return (uint8_t)(a->stemming | a->remove_stopwords << 1 | a->ascii_folding << 2 |
                     a->case_sensitive << 3);
}

void mola_add_text_identity(mola_buf *out, uint32_t attr, const mola_analysis *a)
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
    const uint64_t words[2] = {
        (uint64_t)attr | (uint64_t)a->tokenizer << 32 | (uint64_t)a->language << 40 |
            (uint64_t)a->max_token_length << 48,
        (uint64_t)flags_of(a) | (uint64_t)MOLA_TEXT_VERSION << 8 | (uint64_t)FMT << 16};
    uint64_t mixed = (words[0] * 0x9e3779b97f4a7c15U ^ words[1]) * 0xc2b2ae3d27d4eb4fU;
    return MOLA_ATTR_DERIVED | (uint32_t)(mixed >> 34);
}

/* ---- reading ---- */

static uint32_t u32_at(const char *table, uint32_t index)
{
    return mola_load_u32(table + (size_t)index * 4);
}

bool mola_take_text_identity(mola_cursor *c, uint32_t attr, const mola_analysis *a)
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
    if (mola_take_u32(&c) != MAGIC || !mola_take_text_identity(&c, attr, analysis))
        return MOLA_CORRUPT;
    *out = (mola_postings){.rows = mola_take_u32(&c), .term_count = mola_take_u32(&c)};
    uint32_t term_bytes = mola_take_u32(&c), list_bytes = mola_take_u32(&c);
    uint32_t place_bytes = mola_take_u32(&c);
    out->documents = mola_take_u32(&c);
    out->tokens = mola_take_u64(&c);
    if (c.bad || out->rows > MOLA_POSTINGS_ROWS_MAX || out->documents > out->rows ||
        out->term_count >= UINT32_MAX / 4)
        return MOLA_CORRUPT;
    size_t table = ((size_t)out->term_count + 1) * 4;
    out->lengths = mola_take(&c, (size_t)out->rows * 4).data;
    out->term_from = mola_take(&c, table).data;
    out->list_from = mola_take(&c, table).data;
    out->place_from = mola_take(&c, table).data;
    out->terms = mola_take(&c, term_bytes);
    out->lists = mola_take(&c, list_bytes);
    out->places = mola_take(&c, place_bytes);
    return !c.bad && c.rest.len == 0 ? MOLA_OK : MOLA_CORRUPT;
}

/* What stands at place `index` of a table of offsets; nothing, if they are damaged. */
static mola_str piece(mola_str bytes, const char *table, uint32_t index)
{
    uint32_t from = u32_at(table, index), until = u32_at(table, index + 1);
    if (from > until || until > bytes.len)
        return (mola_str){0};
    return (mola_str){bytes.data + from, until - from};
}

mola_str mola_postings_term(const mola_postings *p, uint32_t term)
{
    return piece(p->terms, p->term_from, term);
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

bool mola_postings_find_at(const mola_postings *p, mola_str text, uint32_t guess, uint32_t *term)
{
    *term = guess;
    if (guess < p->term_count && mola_str_eq(mola_postings_term(p, guess), text))
        return true;
    return mola_postings_find(p, text, term);
}

void mola_posting_walk_begin(const mola_postings *p, uint32_t term, mola_posting_walk *walk)
{
    mola_str list = piece(p->lists, p->list_from, term);
    mola_str places = piece(p->places, p->place_from, term);
    *walk = (mola_posting_walk){.at = (const uint8_t *)list.data,
                                .end = (const uint8_t *)mola_str_end(list),
                                .place_at = (const uint8_t *)places.data,
                                .place_end = (const uint8_t *)mola_str_end(places),
                                .rows = p->rows};
}

bool mola_posting_next(mola_posting_walk *w)
{
    uint32_t skipped, times;
    if (!mola_take_varint(&w->at, w->end, &skipped) || !mola_take_varint(&w->at, w->end, &times) ||
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

/* Nearly all numbers are of one byte: those are taken without a detour through the walk. */
bool mola_posting_next_run(mola_posting_walk *w, mola_posting_run *run)
{
    const uint8_t *at = w->at, *end = w->end;
    uint32_t next_row = w->next_row, rows = w->rows, count = 0;
    while (count < MOLA_POSTING_RUN) {
        if (end - at >= 2 && (at[0] | at[1]) < 0x80 && at[0] < rows - next_row) {
            run->rows[count] = (uint16_t)(next_row + at[0]);
            run->times[count++] = at[1];
            next_row += at[0] + 1U;
            at += 2;
            continue;
        }
        w->at = at;
        w->next_row = next_row;
        if (!mola_posting_next(w))
            break;
        run->rows[count] = (uint16_t)w->row;
        run->times[count++] = w->times;
        at = w->at;
        next_row = w->next_row;
    }
    if (count == MOLA_POSTING_RUN) {
        w->at = at;
        w->next_row = next_row;
    }
    run->count = count;
    return count > 0;
}

bool mola_posting_place(mola_posting_walk *w, uint32_t *position)
{
    uint32_t skipped;
    if (w->places_left == 0 || !mola_take_varint(&w->place_at, w->place_end, &skipped) ||
        skipped > UINT32_MAX - 1 - w->next_place)
        return false;
    w->places_left--;
    *position = w->next_place + skipped;
    w->next_place = *position + 1;
    return true;
}

/* ---- writing ---- */

typedef struct {
    uint32_t term, row, position;
} occurrence;

struct mola_postings_builder {
    mola_heap *heap;
    uint32_t attr;
    mola_analysis analysis;
    mola_buf lengths, occurrences; /* u32; occurrence */
    mola_term_set terms;           /* counting their occurrences */
};

mola_postings_builder *mola_postings_builder_new(mola_heap *heap, uint32_t attr,
                                                 const mola_analysis *analysis)
{
    mola_postings_builder *b = mola_alloc(heap, sizeof *b);
    if (!b)
        return NULL;
    *b = (mola_postings_builder){.heap = heap, .attr = attr, .analysis = *analysis};
    mola_buf_init(&b->lengths, heap);
    mola_buf_init(&b->occurrences, heap);
    if (mola_term_set_init(&b->terms, heap) != MOLA_OK) {
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
    mola_buf_free(&b->occurrences);
    mola_term_set_free(&b->terms);
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

void mola_postings_begin_row(mola_postings_builder *b)
{
    static const uint32_t none = 0;
    MOLA_ASSERT(mola_postings_rows(b) < MOLA_POSTINGS_ROWS_MAX);
    mola_buf_add(&b->lengths, &none, sizeof none);
}

mola_err mola_postings_add(mola_postings_builder *b, mola_str term, uint32_t position)
{
    uint32_t row = mola_postings_rows(b) - 1;
    mola_known_term *t = b->lengths.failed ? NULL : mola_term_set_enter(&b->terms, term);
    if (!t)
        return MOLA_NO_MEMORY;
    occurrence o = {
        .term = (uint32_t)(t - mola_term_set_all(&b->terms)), .row = row, .position = position};
    mola_buf_add(&b->occurrences, &o, sizeof o);
    if (b->occurrences.failed)
        return MOLA_NO_MEMORY;
    MOLA_ASSERT(mola_postings_tokens(b) < UINT32_MAX);
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

/* A term in the order of texts; most are told apart by their first bytes. */
typedef struct {
    uint64_t begins; /* with the first 8 bytes, the first one highest; zeros behind the end */
    uint32_t term;
} ranked;

typedef struct {
    uint32_t row, position;
} place;

/* What is put together. */
typedef struct {
    mola_buf term_from, list_from, place_from, terms, lists, places;
    mola_buf order;  /* ranked, rising */
    mola_buf from;   /* u32: where the next place of each term goes in `sorted` */
    mola_buf sorted; /* place: those of a term stand together, terms in their order */
} assembly;

static uint64_t first_bytes(mola_str text)
{
    uint64_t bytes = 0;
    if (text.len)
        memcpy(&bytes, text.data, text.len < sizeof bytes ? text.len : sizeof bytes);
    return __builtin_bswap64(bytes);
}

static int by_text(const void *a, const void *b, void *of)
{
    const ranked *left = a, *right = b;
    const mola_term_set *set = of;
    const mola_known_term *all = mola_term_set_all(set);
    if (left->begins != right->begins)
        return left->begins < right->begins ? -1 : 1;
    return mola_str_cmp(mola_term_set_text(set, &all[left->term]),
                        mola_term_set_text(set, &all[right->term]));
}

static bool sort_terms(mola_postings_builder *b, assembly *s)
{
    uint32_t count = mola_term_set_count(&b->terms);
    const mola_known_term *all = mola_term_set_all(&b->terms);
    ranked *order = (ranked *)(void *)mola_buf_reserve(&s->order, count * sizeof *order);
    if (!order)
        return false;
    for (uint32_t i = 0; i < count; i++)
        order[i] = (ranked){first_bytes(mola_term_set_text(&b->terms, &all[i])), i};
    if (count)
        qsort_r(order, count, sizeof *order, by_text, &b->terms);
    return true;
}

/* They came row by row, and stay so within a term. */
static bool sort_places(const mola_postings_builder *b, assembly *s)
{
    uint32_t count = mola_term_set_count(&b->terms), next = 0;
    size_t tokens = mola_postings_tokens(b);
    const ranked *order = (const ranked *)(const void *)s->order.data;
    const occurrence *all = (const occurrence *)(const void *)b->occurrences.data;
    uint32_t *from = (uint32_t *)(void *)mola_buf_reserve(&s->from, count * sizeof *from);
    place *sorted = (place *)(void *)mola_buf_reserve(&s->sorted, tokens * sizeof *sorted);
    if (!from || !sorted)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        from[order[i].term] = next;
        next += mola_term_set_all(&b->terms)[order[i].term].count;
    }
    MOLA_ASSERT(next == tokens);
    for (size_t i = 0; i < tokens; i++)
        sorted[from[all[i].term]++] = (place){all[i].row, all[i].position};
    return true;
}

static uint8_t *put_varint(uint8_t *at, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* The rows and positions of a term, which stand in `own`. */
static bool add_lists(assembly *s, const place *own, uint32_t count)
{
    enum { VARINT = 5 };
    uint8_t *list = (uint8_t *)mola_buf_reserve(&s->lists, (size_t)2 * VARINT * count);
    uint8_t *at = (uint8_t *)mola_buf_reserve(&s->places, (size_t)VARINT * count);
    uint32_t next_row = 0;
    if (!list || !at)
        return false;
    for (uint32_t i = 0; i < count;) {
        uint32_t row = own[i].row, first = i, next_place = 0;
        for (; i < count && own[i].row == row; i++) {
            at = put_varint(at, own[i].position - next_place);
            next_place = own[i].position + 1;
        }
        list = put_varint(put_varint(list, row - next_row), i - first);
        next_row = row + 1;
    }
    s->lists.len = (size_t)((char *)list - s->lists.data);
    s->places.len = (size_t)((char *)at - s->places.data);
    return true;
}

static bool assemble(mola_postings_builder *b, assembly *s)
{
    if (!sort_terms(b, s) || !sort_places(b, s))
        return false;
    const ranked *order = (const ranked *)(const void *)s->order.data;
    const place *own = (const place *)(const void *)s->sorted.data;
    mola_add_u32(&s->term_from, 0);
    mola_add_u32(&s->list_from, 0);
    mola_add_u32(&s->place_from, 0);
    for (uint32_t i = 0; i < mola_term_set_count(&b->terms); i++) {
        const mola_known_term *t = &mola_term_set_all(&b->terms)[order[i].term];
        if (!add_lists(s, own, t->count))
            return false;
        own += t->count;
        mola_buf_add_str(&s->terms, mola_term_set_text(&b->terms, t));
        mola_add_u32(&s->term_from, (uint32_t)s->terms.len);
        mola_add_u32(&s->list_from, (uint32_t)s->lists.len);
        mola_add_u32(&s->place_from, (uint32_t)s->places.len);
    }
    return !s->term_from.failed && !s->list_from.failed && !s->place_from.failed &&
           !s->terms.failed && s->lists.len < UINT32_MAX && s->places.len < UINT32_MAX;
}

static uint32_t documents_of(const mola_postings_builder *b)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < mola_postings_rows(b); row++)
        count += u32_at(b->lengths.data, row) > 0;
    return count;
}

static void print_image(const mola_postings_builder *b, const assembly *s, mola_buf *out)
{
    mola_add_u32(out, MAGIC);
    mola_add_text_identity(out, b->attr, &b->analysis);
    mola_add_u32(out, mola_postings_rows(b));
    mola_add_u32(out, mola_term_set_count(&b->terms));
    mola_add_u32(out, (uint32_t)s->terms.len);
    mola_add_u32(out, (uint32_t)s->lists.len);
    mola_add_u32(out, (uint32_t)s->places.len);
    mola_add_u32(out, documents_of(b));
    mola_add_u64(out, mola_postings_tokens(b));
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
    b->lengths.len = b->occurrences.len = 0;
    mola_term_set_clear(&b->terms);
}

mola_err mola_postings_finish(mola_postings_builder *b, mola_buf *out)
{
    assembly s;
    enum { PARTS = 9 };
    mola_buf *parts[PARTS] = {&s.term_from, &s.list_from, &s.place_from, &s.terms, &s.lists,
                              &s.places,    &s.order,     &s.from,       &s.sorted};
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
