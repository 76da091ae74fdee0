/* normalise.h - the steps from a raw token to its indexed form. */
#pragma once
#include "mola/text/text.h"

/* Lucene's ASCII folding into `out`, at least MOLA_FOLD_ROOM(text.len) bytes; returns how many. */
#define MOLA_FOLD_ROOM(len) (2 * (len))
size_t mola_text_fold(mola_str text, uint8_t *out);

bool mola_is_stop_word(mola_text_language language, mola_str word);

static inline bool mola_text_is_ascii(mola_str text)
{
    unsigned char all = 0;
    for (size_t i = 0; i < text.len; i++)
        all |= (unsigned char)text.data[i];
    return all < 0x80;
}
