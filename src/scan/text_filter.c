#include "scan/text_filter.h"
#include "mola/format/dictionary.h"
#include "scan/text_windows.h"

/* Where a document has a term of a sequence. */
typedef struct {
    uint32_t position, term;
} place;

/* Where a term of a sequence would have it begin, as row and position: rising. */
typedef struct {
    mola_posting_walk list;
    uint32_t offset;
    uint64_t key;
} start_walk;

struct mola_token_test {
    mola_filter_op op;
    mola_postings_of postings;
    mola_analyzer *analyzer;
    mola_text_terms terms;
    bool has_prefix;
    mola_str prefix;
    uint64_t **may_pass; /* each part: a bit a window; NULL, also for a part: any may */
    /* ALL: which terms were seen in the value at hand, by the number of the look */
    uint32_t *seen, look;
    /* SEQUENCE: its tokens, as terms; the last places in the value, a ring */
    uint32_t *sequence, *offsets, length;
    place *ring;
    uint32_t ring_mask;
    start_walk *starts;
};

static bool make_sequence(mola_arena *arena, mola_token_test *t, const mola_text_tokens *tokens)
{
    uint32_t span = tokens->count ? tokens->positions[tokens->count - 1] - tokens->positions[0] : 0;
    uint32_t room = 1;
    while (room <= span)
        room *= 2;
    t->length = tokens->count;
    t->sequence = mola_new(arena, uint32_t, t->length);
    t->offsets = mola_new(arena, uint32_t, t->length);
    t->ring = mola_new(arena, place, room);
    t->ring_mask = room - 1;
    t->starts = mola_new(arena, start_walk, t->length);
    if (!t->sequence || !t->offsets || !t->ring || !t->starts)
        return false;
    for (uint32_t i = 0; i < t->length; i++) {
        t->sequence[i] = mola_text_terms_find(&t->terms, tokens->terms[i]);
        t->offsets[i] = tokens->positions[i] - tokens->positions[0];
    }
    return true;
}

mola_token_test *mola_token_test_new(mola_arena *arena, const mola_attr *attr, mola_filter_op op,
                                     const mola_str *texts, uint32_t count, bool last_as_prefix)
{
    mola_analysis settings = mola_fts_analysis(&attr->fts);
    mola_text_tokens tokens;
    mola_token_test *t = mola_new(arena, mola_token_test, 1);
    if (!t)
        return NULL;
    t->op = op;
    t->postings = mola_postings_of_attr(attr);
    t->analyzer = mola_analyzer_new(arena, &settings);
    if (!t->analyzer || !mola_text_tokens_of(arena, t->analyzer, texts, count, &tokens))
        return NULL;
    if (last_as_prefix && tokens.count) {
        t->has_prefix = true;
        t->prefix = tokens.terms[--tokens.count];
    }
    if (!mola_text_terms_of(arena, tokens.terms, tokens.count, &t->terms))
        return NULL;
    t->seen = mola_new(arena, uint32_t, t->terms.count);
    if (!t->seen || (op == MOLA_FILTER_TOKEN_SEQUENCE && !make_sequence(arena, t, &tokens)))
        return NULL;
    return t;
}

static bool has_any(const mola_token_test *t, mola_value_tokens *tokens)
{
    mola_token token;
    while (mola_value_tokens_next(tokens, &token)) {
        if (mola_text_terms_find(&t->terms, token.term) != MOLA_NO_TERM ||
            (t->has_prefix && mola_str_starts(token.term, t->prefix)))
            return true;
    }
    return false;
}

static bool has_all(mola_token_test *t, mola_value_tokens *tokens)
{
    uint32_t missing = t->terms.count;
    bool prefix_missing = t->has_prefix;
    mola_token token;
    if (++t->look == 0) { /* once in 2^32 values */
        memset(t->seen, 0, t->terms.count * sizeof *t->seen);
        t->look = 1;
    }
    while ((missing || prefix_missing) && mola_value_tokens_next(tokens, &token)) {
        uint32_t term = mola_text_terms_find(&t->terms, token.term);
        if (term != MOLA_NO_TERM && t->seen[term] != t->look) {
            t->seen[term] = t->look;
            missing--;
        }
        if (prefix_missing && mola_str_starts(token.term, t->prefix))
            prefix_missing = false;
    }
    return !missing && !prefix_missing;
}

/* The sequence ends with the place that was put into the ring last. */
static bool ends_here(const mola_token_test *t, uint32_t position)
{
    uint32_t last = t->length - 1;
    if (position < t->offsets[last])
        return false;
    uint32_t start = position - t->offsets[last];
    for (uint32_t i = 0; i < t->length; i++) {
        const place *p = &t->ring[(start + t->offsets[i]) & t->ring_mask];
        if (p->position != start + t->offsets[i] || p->term != t->sequence[i])
            return false;
    }
    return true;
}

static bool has_sequence(mola_token_test *t, mola_value_tokens *tokens)
{
    mola_token token;
    for (uint32_t i = 0; i <= t->ring_mask; i++)
        t->ring[i] = (place){.position = UINT32_MAX, .term = MOLA_NO_TERM};
    while (mola_value_tokens_next(tokens, &token)) {
        uint32_t term = mola_text_terms_find(&t->terms, token.term);
        if (term == MOLA_NO_TERM)
            continue;
        t->ring[token.position & t->ring_mask] = (place){token.position, term};
        if (term == t->sequence[t->length - 1] && ends_here(t, token.position))
            return true;
    }
    return false;
}

bool mola_token_test_passes(mola_token_test *t, const mola_column *column, uint32_t row)
{
    mola_value_tokens tokens;
    if (!t->terms.count && !t->has_prefix)
        return false;
    mola_value_tokens_begin(&tokens, t->analyzer, column, row);
    if (t->op == MOLA_FILTER_ANY_TOKEN)
        return has_any(t, &tokens);
    if (t->op == MOLA_FILTER_ALL_TOKENS)
        return has_all(t, &tokens);
    return has_sequence(t, &tokens);
}

/* ---- by dictionaries ---- */

/* Below so many windows their postings are fetched as fast as it is found out which of them. */
enum { WINDOWS_WORTH_ASKING = 8 };

/* Bits of the windows that have one of the terms, or all of them. */
static bool mark_windows(mola_arena *arena, const mola_token_test *t, const mola_text_part *part,
                         uint64_t **out)
{
    size_t words = mola_words(part->windows);
    uint64_t *marked = mola_new(arena, uint64_t, words), *one = mola_new(arena, uint64_t, words);
    bool any = t->op == MOLA_FILTER_ANY_TOKEN;
    *out = marked;
    if (!marked || !one)
        return false;
    for (uint32_t i = 0; i < t->terms.count; i++) {
        mola_dictionary_walk walk;
        memset(one, 0, words * sizeof *one);
        mola_dictionary_walk_begin(part->lists[i], part->windows, &walk);
        while (mola_dictionary_next(&walk))
            one[walk.window >> 6] |= (uint64_t)1 << (walk.window & 63);
        for (size_t w = 0; w < words; w++)
            marked[w] = any || i == 0 ? marked[w] | one[w] : marked[w] & one[w];
    }
    return true;
}

static mola_err mark_parts(mola_ctx *ctx, mola_token_test *t, const mola_text_windows *found)
{
    const mola_view *view = found->view;
    t->may_pass = mola_new(ctx->arena, uint64_t *, view->part_count);
    if (!t->may_pass)
        return mola_scan_no_memory(ctx);
    for (uint32_t p = 0; p < view->segment_count; p++) {
        const mola_text_part *part = &found->parts[p];
        if (part->known && !mark_windows(ctx->arena, t, part, &t->may_pass[p]))
            return mola_scan_no_memory(ctx);
    }
    return MOLA_OK;
}

/* A prefix is no term: of ALL tokens the others can be looked up, of ANY none excludes a window. */
static bool can_look_up(const mola_token_test *t)
{
    return t->terms.count && !(t->has_prefix && t->op == MOLA_FILTER_ANY_TOKEN);
}

mola_err mola_token_tests_look_up(mola_ctx *ctx, const mola_view *view,
                                  mola_token_test *const *tests, uint32_t count)
{
    mola_text_windows *found = mola_new(ctx->arena, mola_text_windows, count);
    mola_text_windows **all = mola_new(ctx->arena, mola_text_windows *, count);
    if (!found || !all)
        return mola_scan_no_memory(ctx);
    uint32_t asked = 0;
    for (uint32_t i = 0; i < count; i++) {
        found[i] = (mola_text_windows){.of = &tests[i]->postings,
                                       .terms = &tests[i]->terms,
                                       .windows_min = WINDOWS_WORTH_ASKING};
        if (can_look_up(tests[i]))
            all[asked++] = &found[i];
    }
    mola_err err = asked ? mola_text_windows_read(ctx, view, all, asked) : MOLA_OK;
    for (uint32_t i = 0; i < count && !err; i++)
        err = found[i].parts ? mark_parts(ctx, tests[i], &found[i]) : MOLA_OK;
    return err;
}

void mola_token_tests_forget(mola_token_test *const *tests, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        tests[i]->may_pass = NULL;
}

bool mola_token_test_may_pass(const mola_token_test *t, const mola_span *span)
{
    const uint64_t *windows = t->may_pass && span->part ? t->may_pass[span->number] : NULL;
    return !windows || (windows[span->index >> 6] >> (span->index & 63) & 1);
}

/* ---- by postings ---- */

const mola_postings_of *mola_token_test_postings(const mola_token_test *t)
{
    return &t->postings;
}

static void mark_term(const mola_token_test *t, const mola_postings_walk *walk, uint32_t index,
                      uint64_t *bits)
{
    uint32_t term;
    if (mola_postings_find(&walk->image, t->terms.terms[index], &term))
        mola_postings_mark(walk, term, bits);
}

static void mark_any(const mola_token_test *t, const mola_postings_walk *walk, uint64_t *bits)
{
    for (uint32_t i = 0; i < t->terms.count; i++)
        mark_term(t, walk, i, bits);
    if (t->has_prefix)
        mola_postings_mark_prefix(walk, t->prefix, bits);
}

static void mark_all(const mola_token_test *t, const mola_postings_walk *walk, uint64_t *bits)
{
    uint64_t all[MOLA_WINDOW_WORDS], one[MOLA_WINDOW_WORDS];
    memset(all, 0xff, sizeof all);
    for (uint32_t i = 0; i < t->terms.count + t->has_prefix; i++) {
        memset(one, 0, sizeof one);
        if (i < t->terms.count) {
            mark_term(t, walk, i, one);
        } else {
            mola_postings_mark_prefix(walk, t->prefix, one);
        }
        for (size_t w = 0; w < MOLA_WINDOW_WORDS; w++)
            all[w] &= one[w];
    }
    for (size_t w = 0; w < MOLA_WINDOW_WORDS; w++)
        bits[w] |= all[w];
}

/* The next place from which the sequence could begin, at `least` or behind it. */
static bool next_start(start_walk *s, uint64_t least)
{
    while (s->key < least) {
        uint32_t position;
        if (!mola_posting_place(&s->list, &position)) {
            if (!mola_posting_next(&s->list))
                return false;
        } else if (position >= s->offset) {
            s->key = ((uint64_t)s->list.row + 1) << 32 | (position - s->offset);
        }
    }
    return true;
}

/* All walks go on to the largest key among them until they agree. */
static void mark_sequence(const mola_token_test *t, const mola_postings_walk *walk, uint64_t *bits)
{
    uint64_t least = 1;
    MOLA_ASSERT(t->length > 0);
    for (uint32_t i = 0; i < t->length; i++) {
        uint32_t term;
        if (!mola_postings_find(&walk->image, t->terms.terms[t->sequence[i]], &term))
            return;
        t->starts[i] = (start_walk){.offset = t->offsets[i]};
        mola_posting_walk_begin(&walk->image, term, &t->starts[i].list);
    }
    for (uint32_t agreed = 0, i = 0;; i = (i + 1) % t->length) {
        start_walk *s = &t->starts[i];
        if (!next_start(s, least))
            return;
        agreed = s->key == least ? agreed + 1 : 1;
        least = s->key;
        if (agreed < t->length)
            continue;
        uint32_t row = walk->first + (uint32_t)(least >> 32) - 1;
        bits[row >> 6] |= (uint64_t)1 << (row & 63);
        least = ((least >> 32) + 1) << 32; /* on with the next row */
        agreed = 0;
    }
}

bool mola_token_test_window(mola_token_test *t, const mola_span *span, uint64_t *mask)
{
    uint64_t bits[MOLA_WINDOW_WORDS] = {0};
    mola_postings_walk walk;
    if (!mola_span_has_postings(span, &t->postings))
        return false;
    bool more =
        (t->terms.count || t->has_prefix) && mola_postings_walk_begin(span, &t->postings, &walk);
    while (more && mola_postings_walk_next(&walk, &t->postings, &more) == MOLA_OK && more) {
        if (t->op == MOLA_FILTER_ANY_TOKEN) {
            mark_any(t, &walk, bits);
        } else if (t->op == MOLA_FILTER_ALL_TOKENS) {
            mark_all(t, &walk, bits);
        } else {
            mark_sequence(t, &walk, bits);
        }
    }
    for (size_t w = 0; w < mola_words(span->rows); w++)
        mask[w] &= bits[w];
    return true;
}
