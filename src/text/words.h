/* words.h - the raw tokens of a text: where words are, by each of the tokenizers. */
#pragma once
#include "mola/text/text.h"

typedef struct {
    const uint8_t *from, *until;
    bool is_ascii, has_upper; /* has_upper: said of ASCII only */
} mola_word;

/* The next word of [*at, end); *at moves behind it. false: there is none. */
bool mola_word_next(mola_tokenizer tokenizer, const uint8_t **at, const uint8_t *end,
                    mola_word *word);
/* The segment of Unicode's word segmentation that begins at `at` < end, which is a boundary. */
const uint8_t *mola_word_segment(const uint8_t *at, const uint8_t *end, bool *wordlike);
