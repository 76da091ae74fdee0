#include "scan/text_postings.h"
#include "mola/model/cell.h"

mola_postings_of mola_postings_of_attr(const mola_attr *attr)
{
    mola_postings_of of = {.attr = attr->id, .analysis = mola_fts_analysis(&attr->fts)};
    of.column = mola_postings_attr(of.attr, &of.analysis);
    return of;
}

bool mola_postings_walk_begin(const mola_span *span, const mola_postings_of *of,
                              mola_postings_walk *walk)
{
    *walk = (mola_postings_walk){.rows = span->rows};
    return mola_span_column(span, of->column, &walk->column) &&
           walk->column.type.form == MOLA_FORM_SCALAR && walk->column.type.elem == MOLA_ELEM_BYTES;
}

/* The first row from `row` on that has a value; the number of rows: none. */
static uint32_t next_present(const mola_column *column, uint32_t row)
{
    while (column->present && row < column->rows) {
        uint64_t rest = column->present[row >> 6] >> (row & 63);
        if (rest) {
            row += (uint32_t)__builtin_ctzll(rest);
            break;
        }
        row = (row | 63) + 1;
    }
    return row < column->rows ? row : column->rows;
}

mola_err mola_postings_walk_next(mola_postings_walk *walk, const mola_postings_of *of, bool *more)
{
    walk->row = next_present(&walk->column, walk->row);
    *more = walk->row < walk->rows;
    if (!*more)
        return MOLA_OK;
    mola_str image = mola_cell_text(&walk->column, walk->row);
    mola_err err = mola_postings_open(image, of->attr, &of->analysis, &walk->image);
    if (!err && walk->image.rows > walk->rows - walk->row)
        err = MOLA_CORRUPT;
    walk->first = walk->row++;
    *more = !err;
    return err;
}

mola_err mola_postings_check(mola_ctx *ctx, const mola_span *span, const mola_postings_of *of)
{
    mola_postings_walk walk;
    bool more = true;
    mola_err err = MOLA_OK;
    if (!mola_postings_walk_begin(span, of, &walk))
        return MOLA_OK;
    while (more && !err)
        err = mola_postings_walk_next(&walk, of, &more);
    return err ? mola_fail(ctx->why, err, "postings of a segment are damaged") : MOLA_OK;
}

void mola_postings_mark(const mola_postings_walk *walk, uint32_t term, uint64_t *bits)
{
    mola_posting_walk list;
    mola_posting_run run;
    mola_posting_walk_begin(&walk->image, term, &list);
    while (mola_posting_next_run(&list, &run)) {
        for (uint32_t i = 0; i < run.count; i++) {
            uint32_t row = walk->first + run.rows[i];
            bits[row >> 6] |= (uint64_t)1 << (row & 63);
        }
    }
}

void mola_postings_mark_prefix(const mola_postings_walk *walk, mola_str prefix, uint64_t *bits)
{
    uint32_t term = mola_postings_seek(&walk->image, prefix);
    for (; term < walk->image.term_count; term++) {
        if (!mola_str_starts(mola_postings_term(&walk->image, term), prefix))
            break;
        mola_postings_mark(walk, term, bits);
    }
}
