/* filter_rows.c - narrowing a rowset by a filter, in three steps, each cheaper for the next: ids
 * or tokens are looked up, zones decide whole windows, and what is left is read and tested. */
#include "scan/filter_run.h"
#include "scan/zone.h"

typedef struct {
    mola_ctx *ctx;
    const mola_filter *filter;
    const mola_filter *known; /* a leaf that all rows left match; NULL: none */
    mola_rowset *rows;
    uint64_t **sure; /* for each part a bit a window: all of its rows match */
    bool any_left;   /* a window is undecided */
    const mola_attr_list *ahead;
    mola_attr_list reads, ahead_reads; /* of the filter; of the filter and beyond */
    mola_token_test **tests;           /* all that it has */
    uint32_t test_count;
    uint64_t *scratch;
} filtering;

/* ---- ids ---- */

/* The test by which a filter asks for some ids, when it has one that every match must pass. */
static const mola_filter *find_id_test(const mola_filter *filter)
{
    if (filter->kind == MOLA_NODE_AND) {
        for (uint32_t i = 0; i < filter->child_count; i++) {
            const mola_filter *test = find_id_test(filter->children[i]);
            if (test)
                return test;
        }
        return NULL;
    }
    bool is_test =
        filter->kind == MOLA_NODE_LEAF && filter->attr == MOLA_ATTR_ID && !filter->invert;
    bool is_set = is_test && filter->test == MOLA_TEST_SET;
    bool is_one = is_test && filter->test == MOLA_TEST_RANGE && filter->op == MOLA_FILTER_EQ;
    return is_set || is_one ? filter : NULL;
}

/* Where the documents with the ids of `test` are; *count: how many ids there are. */
static mola_err locate(mola_ctx *ctx, const mola_view *view, const mola_filter *test,
                       mola_row_at **at, uint32_t *count)
{
    bool is_set = test->test == MOLA_TEST_SET;
    const mola_value *ids = is_set ? test->set.values : &test->range.low;
    mola_column_builder b;
    mola_column_builder_init(&b, ctx->env->heap, test->type);
    *count = is_set ? test->set.count : 1;
    *at = mola_new(ctx->arena, mola_row_at, *count);
    mola_err err = *at ? MOLA_OK : MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < *count && !err; i++)
        err = mola_column_add_value(&b, &ids[i]);
    mola_column column = mola_column_built(&b);
    if (!err)
        err = mola_view_locate(ctx, view, &column, *at);
    mola_column_builder_free(&b);
    return err == MOLA_NO_MEMORY ? mola_scan_no_memory(ctx) : err;
}

/* Clears all rows but those with the ids of `test`: a few look-ups instead of a scan. */
static mola_err keep_ids(filtering *f, const mola_filter *test)
{
    mola_rowset *rows = f->rows;
    uint32_t count;
    mola_row_at *at;
    uint64_t **kept = mola_new(f->ctx->arena, uint64_t *, rows->view->part_count);
    if (!kept)
        return mola_scan_no_memory(f->ctx);
    mola_err err = locate(f->ctx, rows->view, test, &at, &count);
    if (err)
        return err;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t part = at[i].part, row = at[i].row;
        if (part == MOLA_NOWHERE || !rows->bits[part] || !mola_bit(rows->bits[part], row))
            continue;
        uint32_t rows_there = rows->view->parts[part].rows;
        if (!kept[part])
            kept[part] = mola_new(f->ctx->arena, uint64_t, mola_words(rows_there));
        if (!kept[part])
            return mola_scan_no_memory(f->ctx);
        kept[part][row >> 6] |= (uint64_t)1 << (row & 63);
    }
    rows->bits = kept;
    f->known = test;
    return MOLA_OK;
}

/* ---- tokens ---- */

/* How many token tests the filter has; `tests`: where they go, NULL: they are only counted. */
static uint32_t list_token_tests(const mola_filter *filter, mola_token_test **tests)
{
    uint32_t count = filter->kind == MOLA_NODE_LEAF && filter->test == MOLA_TEST_TOKENS;
    if (count && tests)
        tests[0] = filter->tokens;
    for (uint32_t i = 0; i < filter->child_count; i++)
        count += list_token_tests(filter->children[i], tests ? tests + count : NULL);
    return count;
}

/* Which windows have the tokens that are asked for: a zone of texts says nothing about them. */
static mola_err look_up_tokens(filtering *f)
{
    uint32_t count = list_token_tests(f->filter, NULL);
    if (count == 0)
        return MOLA_OK;
    f->tests = mola_new(f->ctx->arena, mola_token_test *, count);
    if (!f->tests)
        return mola_scan_no_memory(f->ctx);
    f->test_count = list_token_tests(f->filter, f->tests);
    return mola_token_tests_look_up(f->ctx, f->rows->view, f->tests, f->test_count);
}

/* ---- zones ---- */

static void decide_window(filtering *f, const mola_window *window)
{
    size_t words = mola_words(window->rows);
    if (!mola_any_bit(window->bits, words))
        return;
    mola_span span = mola_span_of(f->rows->view, window);
    mola_match match =
        f->filter == f->known ? MOLA_MATCH_ALWAYS : mola_filter_decided(f->filter, &span);
    if (match == MOLA_MATCH_NEVER) {
        memset(window->bits, 0, words * sizeof *window->bits);
    } else if (match == MOLA_MATCH_ALWAYS) {
        f->sure[window->part][window->index >> 6] |= (uint64_t)1 << (window->index & 63);
        f->rows->count += mola_count_bits(window->bits, words);
    } else {
        f->any_left = true;
    }
}

/* Clears the windows that have no match, and remembers those in which all rows match. */
static mola_err decide_windows(filtering *f)
{
    const mola_view *view = f->rows->view;
    f->sure = mola_new(f->ctx->arena, uint64_t *, view->part_count);
    if (!f->sure)
        return mola_scan_no_memory(f->ctx);
    f->rows->count = 0;
    for (uint32_t p = 0; p < view->part_count; p++) {
        uint32_t rows = view->parts[p].rows;
        if (!f->rows->bits[p])
            continue;
        f->sure[p] = mola_new(f->ctx->arena, uint64_t, mola_words(mola_windows(rows)));
        if (!f->sure[p])
            return mola_scan_no_memory(f->ctx);
        for (uint32_t w = 0; w < mola_windows(rows); w++) {
            decide_window(f,
                          &(mola_window){.part = p,
                                         .index = w,
                                         .rows = mola_window_rows(rows, w),
                                         .bits = f->rows->bits[p] + (size_t)w * MOLA_WINDOW_WORDS});
        }
    }
    return MOLA_OK;
}

static bool is_undecided(void *of, const mola_window *window)
{
    const filtering *f = of;
    return !mola_bit(f->sure[window->part], window->index);
}

/* A leaf that zones leave open reads the attribute. */
static bool filter_reads(const filtering *f, const mola_filter *filter, const mola_span *span,
                         uint32_t attr)
{
    if (filter->kind == MOLA_NODE_LEAF) {
        return mola_leaf_reads_of(filter, span, attr) && filter != f->known &&
               mola_leaf_decided(filter, span) == MOLA_MATCH_MIXED;
    }
    for (uint32_t i = 0; i < filter->child_count; i++) {
        if (filter_reads(f, filter->children[i], span, attr))
            return true;
    }
    return false;
}

static bool reads_attr(void *of, const mola_window *window, uint32_t attr)
{
    const filtering *f = of;
    mola_span span = mola_span_of(f->rows->view, window);
    return filter_reads(f, f->filter, &span, attr);
}

/* ---- what is left ---- */

static bool reads_ahead(void *of, const mola_window *window, uint32_t attr)
{
    const filtering *f = of;
    for (uint32_t i = 0; i < f->ahead->count; i++) {
        if (f->ahead->attrs[i] == attr)
            return true;
    }
    return is_undecided(of, window) && reads_attr(of, window, attr);
}

/* One batch for the filter and for what comes after it, when there is room for both. */
static mola_err read_ahead(filtering *f)
{
    f->ahead_reads = (mola_attr_list){.arena = f->ctx->arena};
    mola_filter_reads(f->filter, &f->ahead_reads);
    mola_filter_add_postings(f->filter, &f->ahead_reads);
    for (uint32_t i = 0; i < f->ahead->count; i++)
        mola_attr_list_add(&f->ahead_reads, f->ahead->attrs[i]);
    mola_walk walk = {.attrs = &f->ahead_reads, .of = f, .reads = reads_ahead};
    return mola_scan_ahead(f->ctx, f->rows, &walk);
}

static mola_err test_window(void *of, const mola_window *window)
{
    filtering *f = of;
    mola_span span = mola_span_of(f->rows->view, window);
    span.ctx = f->ctx;
    mola_err err = mola_filter_check(f->ctx, f->filter, &span);
    if (err)
        return err;
    mola_filter_window(f->filter, f->known, &span, window->bits, f->scratch);
    f->rows->count += mola_count_bits(window->bits, mola_words(window->rows));
    return MOLA_OK;
}

mola_err mola_filter_run_ahead(mola_ctx *ctx, const mola_filter *filter,
                               const mola_attr_list *ahead, mola_rowset *rows)
{
    filtering f = {.ctx = ctx,
                   .filter = filter,
                   .rows = rows,
                   .ahead = ahead,
                   .reads = {.arena = ctx->arena},
                   .scratch = mola_new(ctx->arena, uint64_t, mola_filter_scratch_words(filter))};
    if (!f.scratch)
        return mola_scan_no_memory(ctx);
    const mola_filter *ids = find_id_test(filter);
    bool few = ids && (ids->test != MOLA_TEST_SET || ids->set.count <= rows->count);
    mola_filter_reads(filter, &f.reads);
    mola_filter_add_postings(filter, &f.reads);
    mola_err err = few ? keep_ids(&f, ids) : look_up_tokens(&f);
    if (!err)
        err = decide_windows(&f);
    if (!err && ahead && f.any_left) /* or else there is nothing to read along with */
        err = read_ahead(&f);
    mola_walk walk = {.attrs = &f.reads,
                      .of = &f,
                      .visit = test_window,
                      .wanted = is_undecided,
                      .reads = reads_attr,
                      .ahead = true};
    if (!err)
        err = mola_scan_windows(ctx, rows, &walk);
    mola_token_tests_forget(f.tests, f.test_count);
    return err;
}

mola_err mola_filter_run(mola_ctx *ctx, const mola_filter *filter, mola_rowset *rows)
{
    return mola_filter_run_ahead(ctx, filter, NULL, rows);
}

mola_err mola_filter_gathered(mola_ctx *ctx, const mola_filter *filter,
                              const mola_gathered *gathered, uint64_t *bits)
{
    uint64_t *scratch = mola_new(ctx->arena, uint64_t, mola_filter_scratch_words(filter));
    if (!scratch)
        return mola_scan_no_memory(ctx);
    for (uint32_t first = 0; first < gathered->rows; first += MOLA_WINDOW_ROWS) {
        mola_span span = {.ctx = ctx,
                          .gathered = gathered,
                          .first = first,
                          .rows = mola_window_rows(gathered->rows, first / MOLA_WINDOW_ROWS)};
        mola_filter_window(filter, NULL, &span, bits + first / 64, scratch);
    }
    return mola_scan_check(ctx);
}
