/* Any bytes as a shard of a dictionary: what is opened is searched and read to its end within them.
 */
#include "fuzz.h"
#include "mola/format/dictionary.h"

static void look_for(const mola_dictionary *d, mola_str term)
{
    mola_dictionary_walk walk;
    uint32_t next_window = 0;
    mola_dictionary_walk_begin(mola_dictionary_find(d, term), d->windows, &walk);
    while (mola_dictionary_next(&walk)) {
        FUZZ_CHECK(walk.window >= next_window && walk.window < d->windows);
        next_window = walk.window + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mola_analysis analysis = {.tokenizer = MOLA_TOKENIZER_WORD_V4,
                                           .language = MOLA_LANGUAGE_ENGLISH,
                                           .max_token_length = 39,
                                           .stemming = true};
    char *copy = fuzz_copy(data, size, 0, 0);
    mola_dictionary d;
    if (mola_dictionary_open((mola_str){copy, size}, 0, 2, 5, &analysis, &d) == MOLA_OK) {
        /* terms that are in it, and others that meet the same slots */
        for (size_t at = 0; at + 4 < size && at < 512; at++)
            look_for(&d, (mola_str){copy + at, 1 + at % 4});
    }
    free(copy);
    return 0;
}
