/* postings.h - the terms of a run of rows and where each of them stands: what a text search reads
 * instead of the texts.
 *
 * Postings stand in segments as a column of their own (SCALAR BYTES, laid out as PAGES): the cell
 * of a row has the image of the rows from it to the next such cell or the end of its window, rows
 * between them are absent. The column's id is made of the attribute and of how its texts were
 * analysed (mola_postings_attr), and of the version of the format, so a reader knows from the head
 * whether a segment has what it needs; one without is read text by text. Who does not know the id
 * passes the column over.
 *
 *      0  u32 magic "PST2"   4  u32 attribute   8  u8 tokenizer   9  u8 language
 *     10  u16 max_token_length   12  u8 flags: 1 stemming, 2 stop words, 4 ASCII folding, 8 case
 *     13  u8 MOLA_TEXT_VERSION   14  u16 zero   16  u32 rows   20  u32 terms
 *     24  u32 bytes of terms   28  u32 bytes of lists   32  u32 bytes of places
 *     36  u32 documents: rows with a token   40  u64 tokens of all rows
 *     48  rows x u32: tokens of each row
 *         (terms + 1) x u32 three times: where each term, list and run of places begins
 *         the terms, rising in byte order, distinct; the lists; the places
 * A list has for each row that has the term, rising: varint row - (row before + 1), varint how
 * often (>= 1). Places: for each of these rows, the positions, rising: varint position - (the one
 * before + 1), from 0 in each row. */
#pragma once
#include "mola/codec/bytes.h"
#include "mola/model/tokens.h"

enum {
    MOLA_POSTINGS_ROWS_MAX = 4096,
    /* Of one image, give or take a row: a window of longer texts gets several, so that building one
     * takes little memory. */
    MOLA_POSTINGS_TOKENS_MAX = 1 << 20
};

/* The id of the column of postings: MOLA_ATTR_DERIVED is set, MOLA_ATTR_DICTIONARY is not. */
uint32_t mola_postings_attr(uint32_t attr, const mola_analysis *analysis);

/* ---- reading. Borrows from the image. */

typedef struct {
    uint32_t rows, term_count;
    uint32_t documents; /* rows with a token */
    uint64_t tokens;
    const char *lengths;                            /* u32 each */
    const char *term_from, *list_from, *place_from; /* term_count + 1 each, u32 */
    mola_str terms, lists, places;
} mola_postings;
/* MOLA_CORRUPT: not the image of this attribute and analysis, or sizes that do not fit. It looks at
 * the head alone. Offsets, and what is inside lists, are checked as they are read: what is damaged
 * is empty, or ends early. */
mola_err mola_postings_open(mola_str image, uint32_t attr, const mola_analysis *analysis,
                            mola_postings *out) MOLA_NODISCARD;
static inline uint32_t mola_postings_length(const mola_postings *p, uint32_t of) /* its tokens */
{
    return mola_load_u32(p->lengths + (size_t)of * 4);
}
mola_str mola_postings_term(const mola_postings *p, uint32_t term);
/* The first term that is not below `text`; term_count: there is none. */
uint32_t mola_postings_seek(const mola_postings *p, mola_str text);
/* The term itself; false: no row has it. */
bool mola_postings_find(const mola_postings *p, mola_str text, uint32_t *term);
/* The same for who has a guess, which may be wrong. */
bool mola_postings_find_at(const mola_postings *p, mola_str text, uint32_t guess, uint32_t *term);

/* Walks over the rows of a term, and over its positions in them. */
typedef struct {
    const uint8_t *at, *end;
    const uint8_t *place_at, *place_end;
    uint32_t rows, next_row, row, times; /* row: the one at hand, which has the term so often */
    uint32_t places_left, next_place;
} mola_posting_walk;
void mola_posting_walk_begin(const mola_postings *p, uint32_t term, mola_posting_walk *walk);
bool mola_posting_next(mola_posting_walk *walk);
/* Many rows at once, for who does not want positions. false: there are no more. */
enum { MOLA_POSTING_RUN = 128 };
typedef struct {
    uint32_t count;
    uint16_t rows[MOLA_POSTING_RUN];
    uint32_t times[MOLA_POSTING_RUN];
} mola_posting_run;
bool mola_posting_next_run(mola_posting_walk *walk, mola_posting_run *run);
/* The next position in the row at hand. Either all rows are walked with their positions, or none.
 */
bool mola_posting_place(mola_posting_walk *walk, uint32_t *position);

/* ---- writing */

typedef struct mola_postings_builder mola_postings_builder;
/* NULL: no memory. */
mola_postings_builder *mola_postings_builder_new(mola_heap *heap, uint32_t attr,
                                                 const mola_analysis *analysis);
void mola_postings_builder_free(mola_postings_builder *b); /* NULL: nothing to do */
/* The next row; at most MOLA_POSTINGS_ROWS_MAX. Then its tokens, in rising order of positions. */
void mola_postings_begin_row(mola_postings_builder *b);
mola_err mola_postings_add(mola_postings_builder *b, mola_str term,
                           uint32_t position) MOLA_NODISCARD;
/* All tokens of a value of `column` (STRING, SCALAR or ARRAY), whose row was begun. */
mola_err mola_postings_add_value(mola_postings_builder *b, mola_analyzer *analyzer,
                                 const mola_column *column, uint32_t row) MOLA_NODISCARD;
uint32_t mola_postings_rows(const mola_postings_builder *b);
uint64_t mola_postings_tokens(const mola_postings_builder *b);
/* Appends the image; the builder is empty afterwards. The same rows make the same bytes. */
mola_err mola_postings_finish(mola_postings_builder *b, mola_buf *out) MOLA_NODISCARD;
