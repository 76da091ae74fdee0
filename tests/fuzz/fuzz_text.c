/* Any text by any settings: tokens stand one behind the other in the text, positions rise, every
 * step ends, and nothing outside of the text is read. The first three bytes are the settings. */
#include "fuzz.h"
#include "mola/text/text.h"

static mola_analysis settings_of(const uint8_t *data)
{
    mola_analysis s = {.tokenizer = data[0] % 6,
                       .language = data[1] % MOLA_TEXT_LANGUAGES,
                       .max_token_length = (uint16_t)(data[2] | 1)};
    const char *const *words;
    s.ascii_folding = data[0] & 8;
    s.case_sensitive = data[0] & 16;
    s.stemming = (data[0] & 32) && !s.case_sensitive;
    s.remove_stopwords = (data[0] & 64) && !s.case_sensitive &&
                         mola_stop_words((mola_text_language)s.language, &words);
    return s;
}

static void try_tokens(const mola_analysis *settings, mola_str text, mola_arena *arena)
{
    mola_token token;
    uint32_t until = 0, next = 7;
    mola_analyzer *a = mola_analyzer_new(arena, settings);
    FUZZ_CHECK(a != NULL);
    mola_analyzer_begin(a, text, next);
    while (mola_analyzer_next(a, &token)) {
        FUZZ_CHECK(token.from >= until && token.from <= token.until && token.until <= text.len);
        FUZZ_CHECK(token.position >= next && token.position < mola_analyzer_position(a));
        until = token.until;
        next = token.position + 1;
    }
    FUZZ_CHECK(mola_analyzer_position(a) >= next);
}

static void try_sentences(mola_str text)
{
    for (uint32_t at = 0; at < text.len;) {
        mola_text_range sentence = mola_sentence_next(text, at);
        FUZZ_CHECK(sentence.from == at && sentence.until > at && sentence.until <= text.len);
        mola_text_range core = mola_text_trim(text, sentence);
        FUZZ_CHECK(core.from >= at && core.until >= core.from && core.until <= sentence.until);
        at = sentence.until;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    mola_heap heap;
    mola_heap_init(&heap, 1 << 26);
    mola_arena arena;
    mola_arena_init(&arena, &heap, 1 << 26);
    mola_analysis settings = settings_of(data);
    char *copy = fuzz_copy(data + 3, size - 3, 0, 0);
    mola_str text = {copy, size - 3};
    try_tokens(&settings, text, &arena);
    try_sentences(text);
    mola_arena_reset(&arena);
    free(copy);
    return 0;
}
