#include "scan/text_terms.h"
#include <xxhash.h>

/* ---- tokens of queries ---- */

typedef struct {
    mola_arena *arena;
    mola_text_tokens *out;
    uint32_t room;
} gatherer;

static bool add_token(gatherer *g, const mola_token *token)
{
    mola_text_tokens *out = g->out;
    if (out->count == g->room) {
        uint32_t room = g->room ? 2 * g->room : 16;
        mola_str *terms = mola_new(g->arena, mola_str, room);
        uint32_t *positions = mola_new(g->arena, uint32_t, room);
        if (!terms || !positions)
            return false;
        if (out->count) {
            memcpy(terms, out->terms, out->count * sizeof *terms);
            memcpy(positions, out->positions, out->count * sizeof *positions);
        }
        out->terms = terms;
        out->positions = positions;
        g->room = room;
    }
    out->positions[out->count] = token->position;
    return mola_arena_copy(g->arena, token->term, &out->terms[out->count++]);
}

bool mola_text_tokens_of(mola_arena *arena, mola_analyzer *analyzer, const mola_str *texts,
                         uint32_t count, mola_text_tokens *out)
{
    gatherer g = {.arena = arena, .out = out};
    uint32_t position = 0;
    *out = (mola_text_tokens){0};
    for (uint32_t i = 0; i < count; i++) {
        mola_token token;
        mola_analyzer_begin(analyzer, texts[i], position);
        while (mola_analyzer_next(analyzer, &token)) {
            if (!add_token(&g, &token))
                return false;
        }
        position = mola_analyzer_position(analyzer);
    }
    return true;
}

/* ---- distinct terms ---- */

static uint64_t filter_bit(mola_str term)
{
    uint32_t first = term.len ? (uint8_t)term.data[0] : 0;
    return (uint64_t)1 << ((first + 7 * (uint32_t)term.len) & 63);
}

static uint32_t *find_slot(const mola_text_terms *t, mola_str term)
{
    uint32_t at = (uint32_t)XXH3_64bits(term.data, term.len) & t->slot_mask;
    while (t->slots[at] && !mola_str_eq(t->terms[t->slots[at] - 1], term))
        at = (at + 1) & t->slot_mask;
    return &t->slots[at];
}

bool mola_text_terms_of(mola_arena *arena, const mola_str *terms, uint32_t count,
                        mola_text_terms *out)
{
    uint32_t slots = 8;
    while (slots < 2 * count)
        slots *= 2;
    *out = (mola_text_terms){.terms = mola_new(arena, mola_str, count),
                             .times = mola_new(arena, uint32_t, count),
                             .slots = mola_new(arena, uint32_t, slots),
                             .slot_mask = slots - 1};
    if (!out->terms || !out->times || !out->slots)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *slot = find_slot(out, terms[i]);
        if (!*slot) {
            out->terms[out->count] = terms[i];
            *slot = ++out->count;
            out->filter |= filter_bit(terms[i]);
        }
        out->times[*slot - 1]++;
    }
    return true;
}

uint32_t mola_text_terms_find(const mola_text_terms *t, mola_str term)
{
    if (!(t->filter & filter_bit(term)))
        return MOLA_NO_TERM;
    uint32_t slot = *find_slot(t, term);
    return slot ? slot - 1 : MOLA_NO_TERM;
}
