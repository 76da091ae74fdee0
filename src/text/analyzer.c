#include "mola/base/utf8.h"
#include "mola/text/text.h"
#include "text/normalise.h"
#include "text/stem.h"
#include "text/words.h"

/* A raw token that is kept has at most MOLA_TOKEN_LENGTH_MAX characters; each step may double it.
 */
enum {
    RAW_BYTES = 4 * MOLA_TOKEN_LENGTH_MAX,
    LOWER_BYTES = MOLA_LOWER_ROOM(RAW_BYTES),
    FOLD_BYTES = MOLA_FOLD_ROOM(MOLA_STEM_ROOM),
};
_Static_assert((int)LOWER_BYTES <= (int)MOLA_STEM_WORD_BYTES, "every word that is kept is stemmed");

/* What became of a lower-case word: stemming is dear, and most words are old acquaintances. */
enum { CACHED_WORD_BYTES = 24, CACHED_TERM_BYTES = 22, CACHE_BITS = 13, WORDS_UNCACHED = 64 };
enum { CACHE_SLOTS = 1 << CACHE_BITS, DROPPED = 255 };
typedef struct {
    uint64_t word[3];           /* its bytes as load_word has them */
    uint8_t word_len, term_len; /* term_len DROPPED: a stop word */
    char term[CACHED_TERM_BYTES];
} cached;

struct mola_analyzer {
    mola_arena *arena;
    mola_analysis settings;
    mola_str text;
    const uint8_t *at, *end;
    uint32_t position;
    uint32_t words; /* looked at without a cache */
    cached *cache;  /* CACHE_SLOTS, made once there were many words; NULL: none */
    uint8_t lower[LOWER_BYTES], folded[FOLD_BYTES], lower_again[MOLA_LOWER_ROOM(FOLD_BYTES)];
    mola_stem_env stemmer;
};

mola_analyzer *mola_analyzer_new(mola_arena *arena, const mola_analysis *settings)
{
    MOLA_ASSERT(settings->language < MOLA_TEXT_LANGUAGES);
    MOLA_ASSERT(settings->tokenizer <= MOLA_TOKENIZER_PRE_TOKENIZED);
    MOLA_ASSERT(settings->max_token_length <= MOLA_TOKEN_LENGTH_MAX);
    mola_analyzer *a = mola_new(arena, mola_analyzer, 1);
    if (a) {
        a->arena = arena;
        a->settings = *settings;
    }
    return a;
}

void mola_analyzer_begin(mola_analyzer *a, mola_str text, uint32_t position)
{
    MOLA_ASSERT(text.len < UINT32_MAX);
    a->text = text;
    a->at = (const uint8_t *)text.data;
    a->end = a->at + text.len;
    a->position = position;
}

uint32_t mola_analyzer_position(const mola_analyzer *a)
{
    return a->position;
}

/* Stop words, stems and folding. false: it is dropped. */
static bool reduce(mola_analyzer *a, mola_str *term)
{
    const mola_analysis *s = &a->settings;
    if (s->remove_stopwords && mola_is_stop_word(s->language, *term))
        return false;
    if (s->stemming)
        *term = mola_stem(&a->stemmer, s->language, *term);
    if (!s->ascii_folding || mola_text_is_ascii(*term))
        return true;
    *term = (mola_str){(const char *)a->folded, mola_text_fold(*term, a->folded)};
    if (!s->case_sensitive)
        *term = (mola_str){(const char *)a->lower_again, mola_text_lower(*term, a->lower_again)};
    return true;
}

static inline uint64_t load_8(const char *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline uint32_t load_4(const char *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* Up to 24 bytes as three numbers, which together with the length say what they are. No byte
 * outside is touched: some are taken twice. */
static inline void load_word(mola_str word, uint64_t out[3])
{
    const char *data = word.data;
    size_t len = word.len;
    out[0] = out[1] = out[2] = 0;
    if (len >= 8) {
        out[0] = load_8(data);
        out[1] = load_8(data + len - 8);
        if (len > 16)
            out[2] = load_8(data + 8);
    } else if (len >= 4) {
        out[0] = load_4(data) | (uint64_t)load_4(data + len - 4) << 32;
    } else if (len > 0) {
        out[0] = (uint8_t)data[0] | (uint64_t)(uint8_t)data[len / 2] << 8 |
                 (uint64_t)(uint8_t)data[len - 1] << 16;
    }
}

static inline size_t cache_slot(const uint64_t word[3], size_t len)
{
    uint64_t h = word[0] * 0x9e3779b97f4a7c15U + word[1] * 0xc2b2ae3d27d4eb4fU +
                 word[2] * 0x165667b19e3779f9U + len;
    return (size_t)((h ^ h >> 29) * 0x9fb21c651e98df25U >> (64 - CACHE_BITS));
}

static bool have_cache(mola_analyzer *a)
{
    if (!a->cache && ++a->words > WORDS_UNCACHED) {
        a->cache = mola_new(a->arena, cached, CACHE_SLOTS);
        a->words = 0; /* without memory: tried again later */
    }
    return a->cache;
}

static bool reduce_cached(mola_analyzer *a, mola_str *term)
{
    size_t len = term->len;
    if (len == 0 || len > CACHED_WORD_BYTES || !have_cache(a))
        return reduce(a, term);
    uint64_t word[3];
    load_word(*term, word);
    cached *c = &a->cache[cache_slot(word, len)];
    if (c->word_len == len && c->word[0] == word[0] && c->word[1] == word[1] &&
        c->word[2] == word[2]) {
        *term = (mola_str){c->term, c->term_len};
        return c->term_len != DROPPED;
    }
    bool kept = reduce(a, term);
    if (!kept || term->len <= CACHED_TERM_BYTES) {
        memcpy(c->word, word, sizeof c->word);
        c->word_len = (uint8_t)len;
        c->term_len = kept ? (uint8_t)term->len : DROPPED;
        if (kept)
            memcpy(c->term, term->data, term->len);
    }
    return kept;
}

static bool is_too_long(const mola_analyzer *a, const mola_word *word)
{
    size_t bytes = (size_t)(word->until - word->from), most = a->settings.max_token_length;
    size_t characters = 0;
    if (bytes <= most || word->is_ascii)
        return bytes > most;
    for (const uint8_t *at = word->from; at < word->until && characters <= most; at++)
        characters += (*at & 0xc0) != 0x80;
    return characters > most;
}

static inline mola_str lower_ascii(mola_analyzer *a, const mola_word *word)
{
    size_t len = (size_t)(word->until - word->from);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = word->from[i];
        a->lower[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    return (mola_str){(const char *)a->lower, len};
}

/* The indexed form of a word. false: it is dropped. */
static bool normalise(mola_analyzer *a, const mola_word *word, mola_str *term)
{
    const mola_analysis *s = &a->settings;
    if (is_too_long(a, word))
        return false;
    *term = (mola_str){(const char *)word->from, (size_t)(word->until - word->from)};
    if (!s->case_sensitive && !word->is_ascii) {
        *term = (mola_str){(const char *)a->lower, mola_text_lower(*term, a->lower)};
    } else if (!s->case_sensitive && word->has_upper) {
        *term = lower_ascii(a, word);
    }
    if (s->remove_stopwords || s->stemming)
        return reduce_cached(a, term);
    return !s->ascii_folding || word->is_ascii || reduce(a, term);
}

static bool next_whole(mola_analyzer *a, mola_token *token)
{
    if (!a->at)
        return false;
    *token = (mola_token){a->text, a->position++, 0, (uint32_t)a->text.len};
    a->at = NULL;
    return true;
}

bool mola_analyzer_next(mola_analyzer *a, mola_token *token)
{
    mola_tokenizer tokenizer = a->settings.tokenizer;
    mola_word word;
    if (tokenizer == MOLA_TOKENIZER_PRE_TOKENIZED)
        return next_whole(a, token);
    while (mola_word_next(tokenizer, &a->at, a->end, &word)) {
        uint32_t position = a->position++;
        if (!normalise(a, &word, &token->term))
            continue;
        const uint8_t *start = (const uint8_t *)a->text.data;
        token->position = position;
        token->from = (uint32_t)(word.from - start);
        token->until = (uint32_t)(word.until - start);
        return true;
    }
    return false;
}
