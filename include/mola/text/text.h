/* text.h - text, give me terms (reference 6): tokens, each with its position, in their indexed
 * form.
 *
 * The tables are data in the tree, with versions of their own: Unicode 17.0 (word_v2: 16.0, word_v0
 * and word_v1: 10.0), the stemmers of rust-stemmers 1.2 (Snowball of 2018), stop words of Snowball
 * and of Lucene, Lucene's ASCII folding. Change one, and what was indexed before no longer fits:
 * MOLA_TEXT_VERSION rises. */
#pragma once
#include "mola/base/arena.h"
#include <stdbool.h>
#include <stdint.h>

enum { MOLA_TEXT_VERSION = 1 };

typedef enum { /* stored: the numbers never change their meaning */
               MOLA_TOKENIZER_WORD_V0 = 0,
               MOLA_TOKENIZER_WORD_V1 = 1,
               MOLA_TOKENIZER_WORD_V2 = 2,
               MOLA_TOKENIZER_WORD_V3 = 3,
               MOLA_TOKENIZER_WORD_V4 = 4,
               MOLA_TOKENIZER_PRE_TOKENIZED = 5, /* a string is a term */
} mola_tokenizer;

typedef enum { /* stored too; in alphabetical order */
               MOLA_LANGUAGE_ARABIC,
               MOLA_LANGUAGE_DANISH,
               MOLA_LANGUAGE_DUTCH,
               MOLA_LANGUAGE_ENGLISH,
               MOLA_LANGUAGE_FINNISH,
               MOLA_LANGUAGE_FRENCH,
               MOLA_LANGUAGE_GERMAN,
               MOLA_LANGUAGE_GREEK,
               MOLA_LANGUAGE_HUNGARIAN,
               MOLA_LANGUAGE_ITALIAN,
               MOLA_LANGUAGE_NORWEGIAN,
               MOLA_LANGUAGE_PORTUGUESE,
               MOLA_LANGUAGE_ROMANIAN,
               MOLA_LANGUAGE_RUSSIAN,
               MOLA_LANGUAGE_SPANISH,
               MOLA_LANGUAGE_SWEDISH,
               MOLA_LANGUAGE_TAMIL,
               MOLA_LANGUAGE_TURKISH,
} mola_text_language;
enum { MOLA_TEXT_LANGUAGES = MOLA_LANGUAGE_TURKISH + 1 };

typedef struct {
    uint8_t tokenizer, language; /* mola_tokenizer, mola_text_language */
    uint16_t max_token_length;   /* in characters, at most MOLA_TOKEN_LENGTH_MAX */
    bool stemming, remove_stopwords, ascii_folding, case_sensitive;
} mola_analysis;
enum { MOLA_TOKEN_LENGTH_MAX = 255 };

/* Analyses text by one set of settings. For one thread at a time; it keeps buffers and a cache of
 * what words became, some 450 KB once it has seen more than a few. It lives in the arena. The
 * settings are valid: the language has stop words when they shall be removed, and so on. NULL: no
 * memory. */
typedef struct mola_analyzer mola_analyzer;
mola_analyzer *mola_analyzer_new(mola_arena *arena, const mola_analysis *settings);

typedef struct {
    mola_str term;        /* valid until the next token or the next text */
    uint32_t position;    /* every word-like token takes one, also those that are dropped */
    uint32_t from, until; /* where it stood, in bytes of the text */
} mola_token;

/* Begins with `text`, well-formed UTF-8 of less than 4 GiB that outlives the tokens. Its first
 * token has position `position`: the elements of a list go on from mola_analyzer_position. */
void mola_analyzer_begin(mola_analyzer *analyzer, mola_str text, uint32_t position);
/* The next token that is kept. false: there is none. */
bool mola_analyzer_next(mola_analyzer *analyzer, mola_token *token);
/* The position behind the last token, once there is no next one. */
uint32_t mola_analyzer_position(const mola_analyzer *analyzer);

/* The stop words of a language; 0: it has no list. */
uint32_t mola_stop_words(mola_text_language language, const char *const **words);

/* Lower case, character by character, without rules of context. Into `out`, at least
 * MOLA_LOWER_ROOM(text.len) bytes; returns how many. */
#define MOLA_LOWER_ROOM(len) (2 * (len))
size_t mola_text_lower(mola_str text, uint8_t *out);

/* ---- fragments of a text, for highlights: half-open ranges of bytes */

typedef struct {
    uint32_t from, until;
} mola_text_range;
/* The sentence (Unicode's UAX #29) that begins at `from` < text.len. */
mola_text_range mola_sentence_next(mola_str text, uint32_t from);
/* Without the white space around it; may be empty. */
mola_text_range mola_text_trim(mola_str text, mola_text_range range);
