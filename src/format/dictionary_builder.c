#include "format/dictionary.h"
#include "mola/base/check.h"
#include "mola/format/segment.h"
#include <math.h>
#include <stdlib.h>

/* A window of a term. */
typedef struct {
    uint32_t before; /* 1 + the pair of the same term before it; 0: none */
    uint32_t window : 12, rows_less_1 : 12, impact : 8;
    uint32_t term; /* its number in the postings */
} pair;
_Static_assert(MOLA_SEGMENT_ROWS_MAX / MOLA_SEGMENT_WINDOW <= 1 << 12, "windows fit a pair");
_Static_assert(MOLA_SEGMENT_WINDOW <= 1 << 12 && MOLA_POSTINGS_ROWS_MAX <= 1 << 12,
               "rows of a window fit a pair");

struct mola_dictionary_builder {
    mola_heap *heap;
    uint32_t attr;
    mola_analysis analysis;
    float k1, b;
    size_t bytes_max;
    bool full;
    mola_term_set terms; /* with chains of pairs */
    mola_buf pairs;
    uint64_t tokens;
    uint32_t documents;
    double average; /* of the first postings with a token: impacts are counted by it */
    /* arranged */
    uint32_t windows;
    uint32_t *by_shard;   /* indexes of terms */
    uint32_t *shard_from; /* windows + 1, in by_shard */
    mola_buf own;         /* the pairs of one term in their order */
};

mola_dictionary_builder *mola_dictionary_builder_new(mola_heap *heap, uint32_t attr,
                                                     const mola_analysis *analysis, float k1,
                                                     float b, size_t bytes_max)
{
    mola_dictionary_builder *d = mola_alloc(heap, sizeof *d);
    if (!d)
        return NULL;
    *d = (mola_dictionary_builder){.heap = heap,
                                   .attr = attr,
                                   .analysis = *analysis,
                                   .k1 = k1,
                                   .b = b,
                                   .bytes_max = bytes_max < UINT32_MAX ? bytes_max : UINT32_MAX};
    mola_buf_init(&d->pairs, heap);
    mola_buf_init(&d->own, heap);
    if (mola_term_set_init(&d->terms, heap) == MOLA_OK)
        return d;
    mola_dictionary_builder_free(d);
    return NULL;
}

static void free_arranged(mola_dictionary_builder *d)
{
    if (d->by_shard)
        mola_free(d->heap, d->by_shard, mola_term_set_count(&d->terms) * sizeof *d->by_shard);
    if (d->shard_from)
        mola_free(d->heap, d->shard_from, ((size_t)d->windows + 1) * sizeof *d->shard_from);
}

void mola_dictionary_builder_free(mola_dictionary_builder *d)
{
    if (!d)
        return;
    free_arranged(d);
    mola_term_set_free(&d->terms);
    mola_buf_free(&d->pairs);
    mola_buf_free(&d->own);
    mola_free(d->heap, d, sizeof *d);
}

bool mola_dictionary_is_full(const mola_dictionary_builder *d)
{
    return d->full;
}

/* ---- adding ---- */

static mola_err add_pair(mola_dictionary_builder *d, mola_str text, pair fresh)
{
    mola_known_term *t = mola_term_set_enter(&d->terms, text);
    if (!t)
        return MOLA_NO_MEMORY;
    pair *last = t->last ? (pair *)(void *)d->pairs.data + t->last - 1 : NULL;
    if (last && last->window == fresh.window) { /* another piece of it */
        last->rows_less_1 = (last->rows_less_1 + fresh.rows_less_1 + 1U) & 0xfff;
        last->impact = fresh.impact > last->impact ? fresh.impact : last->impact;
        return MOLA_OK;
    }
    fresh.before = t->last;
    mola_buf_add(&d->pairs, &fresh, sizeof fresh);
    t->last = (uint32_t)(d->pairs.len / sizeof fresh);
    t->count++;
    return d->pairs.failed ? MOLA_NO_MEMORY : MOLA_OK;
}

/* Rounded up, so that it is a bound. */
static uint8_t impact_of(double best)
{
    enum { MOST = 255 };
    double impact = ceil(best * MOST * (1 + 1e-9));
    return impact < MOST ? (uint8_t)impact : MOST;
}

static mola_err add_term(mola_dictionary_builder *d, uint32_t window, const mola_postings *p,
                         uint32_t term)
{
    mola_posting_walk walk;
    double k1 = (double)d->k1, b = (double)d->b, best = 0;
    uint32_t rows = 0;
    mola_posting_walk_begin(p, term, &walk);
    while (mola_posting_next(&walk)) {
        double length = mola_postings_length(p, walk.row), times = walk.times;
        double part = times / (times + k1 * (1 - b + b * length / d->average));
        best = part > best ? part : best;
        rows++;
    }
    if (rows == 0)
        return MOLA_OK;
    return add_pair(d, mola_postings_term(p, term),
                    (pair){.window = window & 0xfff,
                           .rows_less_1 = (rows - 1) & 0xfff,
                           .impact = impact_of(best),
                           .term = term});
}

static void give_up(mola_dictionary_builder *d)
{
    d->full = true;
    mola_buf_free(&d->pairs);
    mola_term_set_free(&d->terms);
}

static bool is_over(const mola_dictionary_builder *d)
{
    return d->pairs.room + mola_term_set_bytes(&d->terms) > d->bytes_max;
}

void mola_dictionary_add(mola_dictionary_builder *d, uint32_t window, const mola_postings *postings)
{
    MOLA_ASSERT(window < MOLA_SEGMENT_ROWS_MAX / MOLA_SEGMENT_WINDOW && !d->by_shard);
    d->tokens += postings->tokens;
    d->documents += postings->documents;
    if (d->average == 0 && postings->documents)
        d->average = (double)postings->tokens / postings->documents;
    for (uint32_t term = 0; !d->full && term < postings->term_count; term++) {
        if (add_term(d, window, postings, term) != MOLA_OK || is_over(d))
            give_up(d);
    }
}

/* ---- printing ---- */

mola_err mola_dictionary_arrange(mola_dictionary_builder *d, uint32_t windows)
{
    MOLA_ASSERT(!d->full && !d->by_shard && windows > 0);
    uint32_t count = mola_term_set_count(&d->terms);
    const mola_known_term *terms = mola_term_set_all(&d->terms);
    d->windows = windows;
    d->by_shard = mola_alloc_array(d->heap, uint32_t, count);
    d->shard_from = mola_alloc_array(d->heap, uint32_t, (size_t)windows + 1);
    if ((count && !d->by_shard) || !d->shard_from)
        return MOLA_NO_MEMORY;
    /* counted, summed up, and put in from behind, which keeps their order */
    for (uint32_t i = 0; i < count; i++)
        d->shard_from[mola_dictionary_shard(mola_term_set_text(&d->terms, &terms[i]), windows)]++;
    for (uint32_t s = 1; s <= windows; s++)
        d->shard_from[s] += d->shard_from[s - 1];
    for (uint32_t i = count; i-- > 0;) {
        mola_str text = mola_term_set_text(&d->terms, &terms[i]);
        d->by_shard[--d->shard_from[mola_dictionary_shard(text, windows)]] = i;
    }
    return MOLA_OK;
}

/* The list of a term into `list`. */
static bool print_list(mola_dictionary_builder *d, const mola_known_term *t, mola_buf *list)
{
    const pair *all = (const pair *)(const void *)d->pairs.data;
    uint32_t left = t->count, next = 0;
    list->len = d->own.len = 0;
    pair *own = (pair *)(void *)mola_buf_reserve(&d->own, t->count * sizeof *own);
    if (!own)
        return false;
    for (uint32_t at = t->last; at; at = all[at - 1].before)
        own[--left] = all[at - 1];
    MOLA_ASSERT(left == 0);
    for (uint32_t i = 0; i < t->count; i++) {
        MOLA_ASSERT(own[i].window >= next);
        mola_add_varint(list, own[i].window - next);
        mola_add_varint(list, own[i].rows_less_1 + 1U);
        mola_add_u8(list, own[i].impact);
        mola_add_varint(list, own[i].term);
        next = own[i].window + 1U;
    }
    return !list->failed;
}

static void print_head(const mola_dictionary_builder *d, uint32_t shard, uint32_t slots,
                       mola_buf *out)
{
    mola_add_u32(out, MOLA_DICTIONARY_MAGIC);
    mola_add_text_identity(out, d->attr, &d->analysis);
    mola_add_u32(out, shard);
    mola_add_u32(out, d->windows);
    mola_buf_add(out, &d->k1, sizeof d->k1);
    mola_buf_add(out, &d->b, sizeof d->b);
    mola_buf_add(out, &d->average, sizeof d->average);
    mola_add_u64(out, d->tokens);
    mola_add_u32(out, d->documents);
    mola_add_u32(out, slots);
    mola_add_u64(out, 0);
}

static void take_slot(char *slots, uint32_t slot_count, mola_str text, uint32_t value)
{
    uint32_t at = (uint32_t)mola_dictionary_hash(text);
    while (mola_load_u32(slots + (size_t)(at & (slot_count - 1)) * 4))
        at++;
    memcpy(slots + (size_t)(at & (slot_count - 1)) * 4, &value, sizeof value);
}

mola_err mola_dictionary_print(mola_dictionary_builder *d, uint32_t shard, mola_buf *out)
{
    MOLA_ASSERT(d->shard_from && shard < d->windows);
    uint32_t first = d->shard_from[shard], until = d->shard_from[shard + 1], slots = 1;
    while (slots < 2 * (until - first))
        slots *= 2;
    size_t head = out->len, entries = head + MOLA_DICTIONARY_HEAD_BYTES + (size_t)slots * 4;
    print_head(d, shard, slots, out);
    mola_buf_add_zeros(out, (size_t)slots * 4);
    mola_buf list;
    mola_buf_init(&list, d->heap);
    bool ok = !out->failed;
    for (uint32_t i = first; i < until && ok; i++) {
        const mola_known_term *t = &mola_term_set_all(&d->terms)[d->by_shard[i]];
        mola_str text = mola_term_set_text(&d->terms, t);
        take_slot(out->data + head + MOLA_DICTIONARY_HEAD_BYTES, slots, text,
                  (uint32_t)(out->len - entries) + 1);
        ok = print_list(d, t, &list);
        mola_add_varint(out, (uint32_t)text.len);
        mola_buf_add_str(out, text);
        mola_add_varint(out, (uint32_t)list.len);
        mola_buf_add_str(out, mola_buf_str(&list));
        ok = ok && !out->failed && out->len - entries < UINT32_MAX / 2;
    }
    mola_buf_free(&list);
    return ok ? MOLA_OK : MOLA_NO_MEMORY;
}
