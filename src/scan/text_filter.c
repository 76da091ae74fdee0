#include "scan/text_filter.h"

/* Where a document has a term of a sequence. */
typedef struct {
    uint32_t position, term;
} place;

struct mola_token_test {
    mola_filter_op op;
    mola_analyzer *analyzer;
    mola_text_terms terms;
    bool has_prefix;
    mola_str prefix;
    /* ALL: which terms were seen in the value at hand, by the number of the look */
    uint32_t *seen, look;
    /* SEQUENCE: its tokens, as terms; the last places in the value, a ring */
    uint32_t *sequence, *offsets, length;
    place *ring;
    uint32_t ring_mask;
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
    if (!t->sequence || !t->offsets || !t->ring)
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
