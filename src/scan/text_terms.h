/* text_terms.h - the terms of a query, to be looked up token by token. */
#pragma once
#include "mola/scan/text.h"

enum { MOLA_NO_TERM = UINT32_MAX };

/* Tokens of a query in their order. */
typedef struct {
    mola_str *terms; /* in the arena */
    uint32_t *positions;
    uint32_t count;
} mola_text_tokens;
/* The tokens of a list of texts, analysed like a value that is such a list. false: no memory. */
bool mola_text_tokens_of(mola_arena *arena, mola_analyzer *analyzer, const mola_str *texts,
                         uint32_t count, mola_text_tokens *out);

/* Distinct terms, in the order of their first occurrence. */
typedef struct {
    mola_str *terms;
    uint32_t *times; /* how often each occurs */
    uint32_t count;
    uint64_t filter; /* a bit for what a term may begin with: most tokens fail here */
    uint32_t *slots; /* index + 1; a power of two */
    uint32_t slot_mask;
} mola_text_terms;
bool mola_text_terms_of(mola_arena *arena, const mola_str *terms, uint32_t count,
                        mola_text_terms *out);
/* The index of a term, or MOLA_NO_TERM. */
uint32_t mola_text_terms_find(const mola_text_terms *terms, mola_str term);
