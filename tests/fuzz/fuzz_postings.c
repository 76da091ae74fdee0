/* Any bytes as postings: what is opened is read to its end within them, and is found again. */
#include "fuzz.h"
#include "mola/format/postings.h"

static void read_term(const mola_postings *p, uint32_t term)
{
    mola_posting_walk walk;
    uint32_t position, next_row = 0;
    mola_posting_walk_begin(p, term, &walk);
    while (mola_posting_next(&walk)) {
        FUZZ_CHECK(walk.row >= next_row && walk.row < p->rows);
        next_row = walk.row + 1;
        for (uint32_t least = 0; mola_posting_place(&walk, &position); least = position + 1)
            FUZZ_CHECK(position >= least);
    }
    mola_posting_run run;
    mola_posting_walk_begin(p, term, &walk);
    for (uint32_t least = 0; mola_posting_next_run(&walk, &run);) {
        for (uint32_t i = 0; i < run.count; least = run.rows[i++] + 1U)
            FUZZ_CHECK(run.rows[i] >= least && run.rows[i] < p->rows);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mola_analysis analysis = {.tokenizer = MOLA_TOKENIZER_WORD_V4,
                                           .language = MOLA_LANGUAGE_ENGLISH,
                                           .max_token_length = 39,
                                           .stemming = true};
    char *copy = fuzz_copy(data, size, 0, 0);
    mola_postings p;
    if (mola_postings_open((mola_str){copy, size}, 5, &analysis, &p) == MOLA_OK) {
        uint64_t tokens = 0;
        for (uint32_t row = 0; row < p.rows; row++)
            tokens += mola_postings_length(&p, row);
        for (uint32_t term = 0; term < p.term_count; term++) {
            uint32_t at = mola_postings_seek(&p, mola_postings_term(&p, term));
            FUZZ_CHECK(at <= p.term_count);
            read_term(&p, term);
        }
        FUZZ_CHECK(tokens <= (uint64_t)UINT32_MAX * MOLA_POSTINGS_ROWS_MAX);
    }
    free(copy);
    return 0;
}
