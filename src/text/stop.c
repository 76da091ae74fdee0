#include "text/normalise.h"
#include "text/stop_words.inc"

typedef struct {
    const char *const *words;
    uint32_t count;
} list;
#define LIST(words)                                                                                \
    {                                                                                              \
        words, sizeof(words) / sizeof *(words)                                                     \
    }

static const list lists[MOLA_TEXT_LANGUAGES] = {
    [MOLA_LANGUAGE_DANISH] = LIST(danish_stop_words),
    [MOLA_LANGUAGE_DUTCH] = LIST(dutch_stop_words),
    [MOLA_LANGUAGE_ENGLISH] = LIST(english_stop_words),
    [MOLA_LANGUAGE_FINNISH] = LIST(finnish_stop_words),
    [MOLA_LANGUAGE_FRENCH] = LIST(french_stop_words),
    [MOLA_LANGUAGE_GERMAN] = LIST(german_stop_words),
    [MOLA_LANGUAGE_HUNGARIAN] = LIST(hungarian_stop_words),
    [MOLA_LANGUAGE_ITALIAN] = LIST(italian_stop_words),
    [MOLA_LANGUAGE_NORWEGIAN] = LIST(norwegian_stop_words),
    [MOLA_LANGUAGE_PORTUGUESE] = LIST(portuguese_stop_words),
    [MOLA_LANGUAGE_RUSSIAN] = LIST(russian_stop_words),
    [MOLA_LANGUAGE_SPANISH] = LIST(spanish_stop_words),
    [MOLA_LANGUAGE_SWEDISH] = LIST(swedish_stop_words),
};

uint32_t mola_stop_words(mola_text_language language, const char *const **words)
{
    *words = lists[language].words;
    return lists[language].count;
}

bool mola_is_stop_word(mola_text_language language, mola_str word)
{
    const list *of = &lists[language];
    uint32_t low = 0, high = of->count;
    while (low < high) { /* in byte order */
        uint32_t middle = (low + high) / 2;
        int order = mola_str_cmp(mola_str_of(of->words[middle]), word);
        if (order == 0)
            return true;
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}
