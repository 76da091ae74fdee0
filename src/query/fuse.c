#include "query/fuse.h"
#include <stdlib.h>

/* A row on a page. */
typedef struct {
    uint32_t part, row, page;
    size_t place; /* from 1 */
} placed;

typedef struct {
    const placed *places; /* in the order of pages */
    uint32_t place_count;
    double score;
} fused_row;

typedef struct {
    const mola_asking *asking;
    const mola_fusion *fusion;
    mola_page_printer printers[MOLA_QUERIES_MAX];
    uint32_t *labels[MOLA_QUERIES_MAX]; /* of computed attributes: equal names, equal numbers */
    /* What of a row is printed already: the number of the row, for each attribute and each label.
     */
    uint64_t *columns_done, *labels_done;
} fuser;

/* ---- scoring ---- */

static int by_row(const void *a, const void *b)
{
    const placed *left = a, *right = b;
    if (left->part != right->part)
        return left->part < right->part ? -1 : 1;
    if (left->row != right->row)
        return left->row < right->row ? -1 : 1;
    return (left->page > right->page) - (left->page < right->page);
}

static mola_value id_of(const fuser *f, const fused_row *row)
{
    return mola_page_id(&f->printers[row->places->page], row->places->place - 1);
}

static int by_score(const void *a, const void *b, void *of)
{
    const fused_row *left = a, *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    mola_value left_id = id_of(of, left), right_id = id_of(of, right);
    return mola_value_cmp(&left_id, &right_id);
}

/* Every place of every page, rows together and in the order of pages. */
static placed *collect(const mola_asking *asking, const mola_fusion *fusion, size_t *count)
{
    size_t at = 0;
    *count = 0;
    for (uint32_t p = 0; p < fusion->page_count; p++)
        *count += fusion->pages[p].count;
    placed *all = mola_new(asking->ctx->arena, placed, *count);
    if (!all)
        return NULL;
    for (uint32_t p = 0; p < fusion->page_count; p++) {
        const mola_page *page = &fusion->pages[p];
        for (size_t i = 0; i < page->count; i++)
            all[at++] = (placed){page->hits[i].part, page->hits[i].row, p, i + 1};
    }
    if (*count)
        qsort(all, *count, sizeof *all, by_row);
    return all;
}

/* By the first page, and the place there. */
static int by_place(const void *a, const void *b)
{
    const placed *left = ((const fused_row *)a)->places, *right = ((const fused_row *)b)->places;
    if (left->page != right->page)
        return left->page < right->page ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

static mola_err join_rows(const fuser *f, fused_row **out, size_t *count)
{
    const mola_fusion *fusion = f->fusion;
    size_t places;
    placed *all = collect(f->asking, fusion, &places);
    fused_row *rows = mola_new(f->asking->ctx->arena, fused_row, places);
    if (!all || !rows)
        return mola_query_no_memory(f->asking->ctx);
    *count = 0;
    for (size_t i = 0; i < places; i++) {
        const placed *p = &all[i];
        fused_row *row = *count ? &rows[*count - 1] : NULL;
        if (!row || row->places->part != p->part || row->places->row != p->row) {
            row = &rows[(*count)++];
            row->places = p;
        }
        double weight = fusion->weights ? fusion->weights[p->page] : 1;
        row->score += weight / (fusion->constant + (double)p->place);
        row->place_count++;
    }
    *out = rows;
    return MOLA_OK;
}

/* ---- printing ---- */

static uint32_t number_of(const mola_str *names, uint32_t count, mola_str name)
{
    uint32_t i = 0;
    while (i < count && !mola_str_eq(names[i], name))
        i++;
    return i;
}

static mola_err number_labels(fuser *f)
{
    const mola_fusion *fusion = f->fusion;
    mola_arena *arena = f->asking->ctx->arena;
    uint32_t count = 0;
    mola_str *names = mola_new(arena, mola_str, (size_t)MOLA_QUERIES_MAX * MOLA_COMPUTED_MAX);
    f->columns_done = mola_new(arena, uint64_t, f->asking->view->state->attr_count);
    f->labels_done = mola_new(arena, uint64_t, (size_t)MOLA_QUERIES_MAX * MOLA_COMPUTED_MAX);
    if (!names || !f->columns_done || !f->labels_done)
        return mola_query_no_memory(f->asking->ctx);
    for (uint32_t p = 0; p < fusion->page_count; p++) {
        const mola_page *page = &fusion->pages[p];
        f->labels[p] = mola_new(arena, uint32_t, page->computed_count);
        if (!f->labels[p])
            return mola_query_no_memory(f->asking->ctx);
        for (uint32_t c = 0; c < page->computed_count; c++) {
            uint32_t number = number_of(names, count, page->computed[c].name);
            if (number == count)
                names[count++] = page->computed[c].name;
            f->labels[p][c] = number;
        }
    }
    return MOLA_OK;
}

/* Claims a mark for row `number`; false: it has been claimed. */
static bool claim(uint64_t *mark, uint64_t number)
{
    bool is_new = *mark != number;
    *mark = number;
    return is_new;
}

/* All that a row shows but its head. */
static void print_rest(fuser *f, const fused_row *row, uint64_t number, mola_buf *out)
{
    const mola_attr *first = f->asking->view->state->attrs;
    for (uint32_t i = row->place_count; i-- > 0;) {
        uint32_t p = row->places[i].page;
        size_t at = row->places[i].place - 1;
        const mola_page *page = &f->fusion->pages[p];
        for (uint32_t c = 0; c < page->column_count; c++) {
            if (claim(&f->columns_done[page->columns[c] - first], number))
                mola_print_column(&f->printers[p], c, at, out);
        }
        for (uint32_t c = 0; c < page->computed_count; c++) {
            if (claim(&f->labels_done[f->labels[p][c]], number))
                mola_print_computed(&f->printers[p], c, at, out);
        }
    }
    mola_buf_add_char(out, '}');
}

static void print_head(const fuser *f, const fused_row *row, const double *dist, mola_buf *out)
{
    mola_print_head(&f->printers[row->places->page], row->places->place - 1, dist, out);
}

/* Reads what the rows of all pages show, and joins them, in no order yet. */
static mola_err open_fuser(const mola_asking *asking, const mola_fusion *fusion, mola_buf *out,
                           fuser **opened, fused_row **rows, size_t *count)
{
    fuser *f = *opened = mola_new(asking->ctx->arena, fuser, 1);
    MOLA_ASSERT(fusion->page_count <= MOLA_QUERIES_MAX);
    if (!f)
        return mola_query_no_memory(asking->ctx);
    f->asking = asking;
    f->fusion = fusion;
    mola_err err = number_labels(f);
    for (uint32_t p = 0; p < fusion->page_count && !err; p++)
        err = mola_page_prepare(asking, &fusion->pages[p], out, &f->printers[p]);
    return err ? err : join_rows(f, rows, count);
}

static mola_err finish(const fuser *f, const mola_buf *out, uint64_t *bytes)
{
    for (uint32_t p = 0; p < f->fusion->page_count; p++)
        *bytes += mola_page_bytes(&f->printers[p]);
    return out->failed ? mola_query_no_memory(f->asking->ctx) : MOLA_OK;
}

mola_err mola_fuse_print(const mola_asking *asking, const mola_fusion *fusion, mola_buf *out,
                         uint64_t *bytes)
{
    fuser *f;
    fused_row *rows = NULL;
    size_t count = 0;
    mola_err err = open_fuser(asking, fusion, out, &f, &rows, &count);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++)
        rows[i].score = (double)(float)rows[i].score;
    if (count)
        qsort_r(rows, count, sizeof *rows, by_score, f);
    mola_buf_add_str(out, MOLA_STR("\"rows\":["));
    for (size_t i = fusion->offset; i < count && i - fusion->offset < fusion->limit; i++) {
        if (i > fusion->offset)
            mola_buf_add_char(out, ',');
        print_head(f, &rows[i], &rows[i].score, out);
        print_rest(f, &rows[i], i + 1, out);
    }
    mola_buf_add_char(out, ']');
    return finish(f, out, bytes);
}

/* ---- candidates ---- */

static bool copy_id(const fuser *f, const fused_row *row, mola_value *out)
{
    *out = id_of(f, row);
    return out->elem != MOLA_ELEM_STRING || mola_arena_copy(f->asking->ctx->arena, out->s, &out->s);
}

/* The text of the attribute, which the first page of the row shows. */
static bool copy_text(const fuser *f, const fused_row *row, const mola_attr *attr,
                      mola_candidate *out)
{
    const mola_page_printer *p = &f->printers[row->places->page];
    uint32_t at = (uint32_t)row->places->place - 1, c = 0;
    while (c < p->page->column_count && p->page->columns[c] != attr)
        c++;
    MOLA_ASSERT(c < p->page->column_count);
    const mola_column *column = &p->columns[c];
    out->has_text = at < column->rows && mola_column_has(column, at);
    return !out->has_text ||
           mola_arena_copy(f->asking->ctx->arena, mola_column_element(column, at).s, &out->text);
}

mola_err mola_fuse_candidates(const mola_asking *asking, const mola_fusion *fusion,
                              const mola_attr *attr, mola_buf *out, mola_candidates *found,
                              uint64_t *bytes)
{
    fuser *f;
    fused_row *rows = NULL;
    mola_err err = open_fuser(asking, fusion, out, &f, &rows, &found->count);
    if (err)
        return err;
    if (found->count)
        qsort(rows, found->count, sizeof *rows, by_place);
    found->rows = mola_new(asking->ctx->arena, mola_candidate, found->count);
    if (!found->rows)
        return mola_query_no_memory(asking->ctx);
    for (size_t i = 0; i < found->count; i++) {
        mola_candidate *c = &found->rows[i];
        c->from = out->len;
        print_head(f, &rows[i], NULL, out);
        c->dist_at = out->len;
        print_rest(f, &rows[i], i + 1, out);
        c->until = out->len;
        if (!copy_id(f, &rows[i], &c->id) || !copy_text(f, &rows[i], attr, c))
            return mola_query_no_memory(asking->ctx);
    }
    return finish(f, out, bytes);
}
