#include "mola/scan/score.h"
#include "mola/codec/f16.h"
#include "scan/filter_run.h"
#include "scan/keep.h"
#include "scan/score_bounds.h"
#include "scan/text_score.h"
#include <math.h>

/* Evaluation goes window by window: a clause fills `scores` at the asked rows and sets `matched`
 * where it matches. What it leaves at other rows means nothing. Each level of the tree has a
 * `frame` of its own. */
typedef struct {
    double scores[MOLA_WINDOW_ROWS];
    uint64_t matched[MOLA_WINDOW_WORDS];
} frame;

typedef struct {
    mola_span span;
    size_t words;
    const uint64_t *asked;
    uint64_t *filter_scratch;
    mola_text_wanted wanted;
} rows_asked;

/* Walks over the asked rows: for (uint32_t row; next_row(w, &at, &row);) */
typedef struct {
    size_t word;
    uint64_t rest;
} row_walk;

static row_walk first_row(const rows_asked *w)
{
    return (row_walk){.rest = w->asked[0]};
}

static inline bool next_row(const rows_asked *w, row_walk *at, uint32_t *row)
{
    while (!at->rest) {
        if (++at->word >= w->words)
            return false;
        at->rest = w->asked[at->word];
    }
    *row = (uint32_t)at->word * 64 + (uint32_t)__builtin_ctzll(at->rest);
    at->rest &= at->rest - 1;
    return true;
}

static void match_all(const rows_asked *w, frame *out)
{
    memcpy(out->matched, w->asked, w->words * sizeof *w->asked);
}

static void match_none(const rows_asked *w, frame *out)
{
    memset(out->matched, 0, w->words * sizeof *w->asked);
}

static double as_number(const mola_value *v)
{
    switch (v->elem) {
    case MOLA_ELEM_UINT:
        return (double)v->u;
    case MOLA_ELEM_INT:
    case MOLA_ELEM_DATETIME:
        return (double)v->i;
    case MOLA_ELEM_FLOAT:
        return v->f;
    default:
        return 0;
    }
}

static void score_attribute(const mola_score *s, const rows_asked *w, frame *out)
{
    mola_column c;
    bool have = mola_span_column(&w->span, s->attr, &c);
    match_all(w, out);
    row_walk at = first_row(w);
    for (uint32_t row; next_row(w, &at, &row);) {
        out->scores[row] = 0;
        if (have && mola_column_has(&c, row)) {
            mola_value v = mola_cell(&c, row);
            out->scores[row] = as_number(&v);
        }
    }
}

static double distance(const mola_value *a, const mola_value *b)
{
    if (a->elem != b->elem || a->elem == MOLA_ELEM_FLOAT)
        return fabs(as_number(a) - as_number(b));
    bool above = a->elem == MOLA_ELEM_UINT ? a->u > b->u : a->i > b->i;
    return (double)(above ? a->u - b->u
                          : b->u - a->u); /* exact: two's complement wraps as it should */
}

static void score_dist(const mola_score *s, const rows_asked *w, frame *out)
{
    mola_column c;
    bool have = mola_span_column(&w->span, s->attr, &c);
    match_all(w, out);
    row_walk at = first_row(w);
    for (uint32_t row; next_row(w, &at, &row);) {
        out->scores[row] = HUGE_VAL;
        if (have && mola_column_has(&c, row)) {
            mola_value v = mola_cell(&c, row);
            out->scores[row] = distance(&v, &s->origin);
        }
    }
}

/* Both sides rise by key; products are added in the order of keys. */
static double sparse_dot(const mola_score *s, const mola_column *c, uint32_t row)
{
    uint32_t at = c->row_from[row], until = c->row_from[row + 1];
    double sum = 0;
    for (uint32_t t = 0; t < s->term_count && at < until;) {
        uint32_t from = c->byte_from[at];
        mola_str key = {(const char *)c->data + from, c->byte_from[at + 1] - from};
        int order = mola_str_cmp(s->terms[t].key, key);
        if (order == 0)
            sum += s->terms[t].weight * (double)mola_f16_to_f32(c->weights[at]);
        t += order <= 0;
        at += order >= 0;
    }
    return sum > 0 ? sum : 0;
}

static void score_sparse(const mola_score *s, const rows_asked *w, frame *out)
{
    mola_column c;
    bool have = mola_span_column(&w->span, s->attr, &c);
    match_none(w, out);
    row_walk at = first_row(w);
    for (uint32_t row; next_row(w, &at, &row);) {
        bool present = have && mola_column_has(&c, row);
        out->scores[row] = present ? sparse_dot(s, &c, row) : 0;
        out->matched[row >> 6] |= (uint64_t)(out->scores[row] > 0) << (row & 63);
    }
}

static void score_text(const mola_score *s, const rows_asked *w, frame *out)
{
    mola_column c;
    match_none(w, out);
    memset(out->scores, 0, w->span.rows * sizeof *out->scores);
    if (mola_bm25_score_window(s->text, &w->span, &w->wanted, w->asked, out->scores, out->matched))
        return;
    bool have = mola_span_column(&w->span, s->attr, &c);
    row_walk at = first_row(w);
    for (uint32_t row; next_row(w, &at, &row);) {
        if (have && mola_column_has(&c, row) &&
            mola_bm25_score(s->text, &c, row, &out->scores[row]))
            out->matched[row >> 6] |= (uint64_t)1 << (row & 63);
    }
}

static void score_filter(const mola_score *s, const rows_asked *w, frame *out)
{
    match_all(w, out);
    mola_filter_window(s->filter, NULL, &w->span, out->matched, w->filter_scratch);
    row_walk at = first_row(w);
    for (uint32_t row; next_row(w, &at, &row);) {
        out->scores[row] = out->matched[row >> 6] >> (row & 63) & 1 ? 1 : 0;
    }
}

/* (x / m) ^ e. The usual exponents avoid pow(), whose last bit may differ between machines. */
static double ratio(double x, double midpoint, double exponent)
{
    double r = x / midpoint;
    if (exponent == 1)
        return r;
    if (exponent == 2)
        return r * r;
    if (exponent == 0.5)
        return sqrt(r);
    return pow(r, exponent);
}

static double shape(const mola_score *s, double score)
{
    bool saturates = s->kind == MOLA_SCORE_SATURATE;
    double r = ratio(score > 0 ? score : 0, s->number, s->exponent);
    if (isinf(r))
        return saturates ? 1 : 0;
    return saturates ? r / (r + 1) : 1 / (r + 1);
}

static void score_window(const mola_score *s, const rows_asked *w, frame *out);

/* SUM and MAX: the first child straight into `out`, the others beside it. */
static void combine(const mola_score *s, const rows_asked *w, frame *out)
{
    frame *other = out + 1;
    score_window(s->children[0], w, out);
    for (uint32_t i = 1; i < s->child_count; i++) {
        score_window(s->children[i], w, other);
        for (size_t k = 0; k < w->words; k++)
            out->matched[k] |= other->matched[k];
        row_walk at = first_row(w);
        for (uint32_t row; next_row(w, &at, &row);) {
            double a = out->scores[row], b = other->scores[row];
            out->scores[row] = s->kind == MOLA_SCORE_SUM ? a + b : a > b ? a : b;
        }
    }
}

/* PRODUCT, SATURATE, DECAY: one child, each score of it changed. */
static void reshape(const mola_score *s, const rows_asked *w, frame *out)
{
    row_walk at = first_row(w);
    score_window(s->children[0], w, out);
    for (uint32_t row; next_row(w, &at, &row);) {
        double score = out->scores[row];
        if (s->kind != MOLA_SCORE_PRODUCT) {
            out->scores[row] = shape(s, score);
        } else {
            out->scores[row] = s->number == 0 ? 0 : s->number * score;
        }
    }
}

static void score_number(const mola_score *s, const rows_asked *w, frame *out)
{
    row_walk at = first_row(w);
    match_none(w, out);
    for (uint32_t row; next_row(w, &at, &row);)
        out->scores[row] = s->number;
}

static void score_window(const mola_score *s, const rows_asked *w, frame *out)
{
    switch (s->kind) {
    case MOLA_SCORE_SUM:
    case MOLA_SCORE_MAX:
        combine(s, w, out);
        break;
    case MOLA_SCORE_PRODUCT:
    case MOLA_SCORE_SATURATE:
    case MOLA_SCORE_DECAY:
        reshape(s, w, out);
        break;
    case MOLA_SCORE_ATTRIBUTE:
        score_attribute(s, w, out);
        break;
    case MOLA_SCORE_DIST:
        score_dist(s, w, out);
        break;
    case MOLA_SCORE_SPARSE:
        score_sparse(s, w, out);
        break;
    case MOLA_SCORE_FILTER:
        score_filter(s, w, out);
        break;
    case MOLA_SCORE_TEXT:
        score_text(s, w, out);
        break;
    case MOLA_SCORE_NUMBER:
        score_number(s, w, out);
        break;
    }
}

static size_t filter_scratch_words(const mola_score *s)
{
    size_t most = s->kind == MOLA_SCORE_FILTER ? mola_filter_scratch_words(s->filter) : 0;
    for (uint32_t i = 0; i < s->child_count; i++) {
        size_t words = filter_scratch_words(s->children[i]);
        most = words > most ? words : most;
    }
    return most;
}

/* ---- windows ---- */

typedef struct {
    const mola_score *score;
    uint64_t *filter_scratch;
    frame *frames;
} scorer;

static mola_err open_scorer(mola_ctx *ctx, const mola_score *score, scorer *out)
{
    *out = (scorer){.score = score,
                    .filter_scratch = mola_new(ctx->arena, uint64_t, filter_scratch_words(score)),
                    .frames = mola_new(ctx->arena, frame, (size_t)score->depth + 1)};
    return out->filter_scratch && out->frames ? MOLA_OK : mola_scan_no_memory(ctx);
}

/* Into frames[0]. */
static void run_scorer(const scorer *s, const mola_span *span, const mola_text_wanted *wanted,
                       const uint64_t *asked)
{
    rows_asked w = {.span = *span,
                    .words = mola_words(span->rows),
                    .asked = asked,
                    .filter_scratch = s->filter_scratch,
                    .wanted = *wanted};
    score_window(s->score, &w, s->frames);
}

static float rounded(double score)
{
    return isnan(score) ? 0 : (float)score;
}

mola_err mola_score_gathered(mola_ctx *ctx, const mola_score *score, const mola_gathered *gathered,
                             float *out)
{
    uint64_t asked[MOLA_WINDOW_WORDS];
    scorer s;
    mola_err err = open_scorer(ctx, score, &s);
    if (err)
        return err;
    for (uint32_t first = 0; first < gathered->rows; first += MOLA_WINDOW_ROWS) {
        mola_span span = {.ctx = ctx,
                          .gathered = gathered,
                          .first = first,
                          .rows = mola_window_rows(gathered->rows, first / MOLA_WINDOW_ROWS)};
        mola_bits_first(asked, span.rows);
        run_scorer(&s, &span, &(mola_text_wanted){.view = NULL}, asked);
        for (uint32_t i = 0; i < span.rows; i++)
            out[first + i] = rounded(s.frames[0].scores[i]);
    }
    return mola_scan_check(ctx);
}

/* ---- ranking ---- */

typedef struct {
    scorer scorer;
    const mola_view *view;
    mola_keep keep; /* ids */
    mola_topk heap;
} ranking;

static mola_value read_id(const void *of, const mola_candidate *c, uint32_t index)
{
    (void)index;
    return mola_view_id(((const ranking *)of)->view, c->part, c->row);
}

static int settle(const mola_topk *heap, const mola_candidate *a, const mola_candidate *b)
{
    const ranking *r = heap->of;
    mola_value left = mola_keep_value(&r->keep, a, 0), right = mola_keep_value(&r->keep, b, 0);
    return mola_value_cmp(&left, &right);
}

/* Postings are looked at first: who reads them has no way to report damage. */
static mola_err check_postings(mola_ctx *ctx, const mola_score *score, const mola_span *span)
{
    mola_err err = MOLA_OK;
    if (score->kind == MOLA_SCORE_FILTER)
        err = mola_filter_check(ctx, score->filter, span);
    if (score->kind == MOLA_SCORE_TEXT)
        err = mola_bm25_check(ctx, score->text, span);
    for (uint32_t i = 0; i < score->child_count && !err; i++)
        err = check_postings(ctx, score->children[i], span);
    return err;
}

/* The f32 whose sort key a candidate was ordered by. */
static double score_of(const mola_candidate *c)
{
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t bits = ~c->key;
    mola_value v = {.u = bits & sign ? bits ^ sign : ~bits};
    return v.f;
}

/* What a row's clause over a text must score, when it is all that is ranked by. */
static double least_wanted(const ranking *r)
{
    bool is_all = r->scorer.score->kind == MOLA_SCORE_TEXT && r->heap.count == r->heap.k;
    return is_all ? score_of(&r->heap.held[0]) : -HUGE_VAL;
}

static mola_err offer_window(void *of, const mola_window *window)
{
    ranking *r = of;
    mola_topk *heap = &r->heap;
    const frame *scored = r->scorer.frames;
    bool dense = r->scorer.score->dense;
    mola_span span = mola_span_of(r->view, window);
    span.ctx = r->heap.ctx;
    mola_column ids;
    bool have = mola_span_column(&span, MOLA_ATTR_ID, &ids);
    MOLA_ASSERT(have);
    const uint64_t *asked = window->bits;
    size_t words = mola_words(window->rows);
    mola_err damage = check_postings(heap->ctx, r->scorer.score, &span);
    if (damage)
        return damage;
    uint32_t part = window->part, first = window->index * MOLA_WINDOW_ROWS;
    mola_text_wanted wanted = {.view = r->view, .part = part, .least = least_wanted(r)};
    run_scorer(&r->scorer, &span, &wanted, asked);
    for (size_t w = 0; w < words; w++) {
        uint64_t rest = dense ? asked[w] : asked[w] & scored->matched[w];
        for (; rest; rest &= rest - 1) {
            uint32_t row = (uint32_t)w * 64 + (uint32_t)__builtin_ctzll(rest);
            double score = (double)rounded(scored->scores[row]);
            uint64_t key = ~mola_float_key(score);
            if ((!dense && !(score > 0)) || mola_topk_refuses_key(heap, 0, key))
                continue;
            mola_candidate c = {
                .key = key, .tie = mola_sort_key(&ids, row), .part = part, .row = first + row};
            if (mola_topk_refuses_tie(heap, &c))
                continue;
            mola_err err = mola_topk_offer(heap, &c);
            if (err)
                return err;
        }
    }
    return MOLA_OK;
}

static mola_err step_done(void *of)
{
    ranking *r = of;
    return mola_keep_held(&r->keep, &r->heap);
}

static void add_postings(const mola_score *score, mola_attr_list *attrs)
{
    if (score->kind == MOLA_SCORE_TEXT)
        mola_attr_list_add(attrs, mola_bm25_postings_attr(score->text));
    if (score->kind == MOLA_SCORE_FILTER)
        mola_filter_add_postings(score->filter, attrs);
    for (uint32_t i = 0; i < score->child_count; i++)
        add_postings(score->children[i], attrs);
}

/* Of a window with postings the texts are left alone, unless something else wants them. */
static bool score_reads(const mola_score *score, const mola_span *span, uint32_t attr)
{
    for (uint32_t i = 0; i < score->child_count; i++) {
        if (score_reads(score->children[i], span, attr))
            return true;
    }
    switch (score->kind) {
    case MOLA_SCORE_TEXT:
        return mola_bm25_reads(score->text, span, attr);
    case MOLA_SCORE_FILTER:
        return mola_filter_reads_of(score->filter, span, attr);
    case MOLA_SCORE_ATTRIBUTE:
    case MOLA_SCORE_DIST:
    case MOLA_SCORE_SPARSE:
        return attr == score->attr;
    default:
        return false;
    }
}

/* A row of the window could still be among the best: those with equal scores come in the order of
 * their ids. */
static bool is_wanted(void *of, const mola_window *window)
{
    const ranking *r = of;
    double bound = mola_score_bound(r->scorer.score, r->view, window->part, window->index);
    uint64_t key = ~mola_float_key((double)rounded(bound));
    return bound > 0 && !mola_topk_refuses_key(&r->heap, 0, key);
}

static bool window_reads(void *of, const mola_window *window, uint32_t attr)
{
    const ranking *r = of;
    mola_span span = mola_span_of(r->view, window);
    return attr == MOLA_ATTR_ID || score_reads(r->scorer.score, &span, attr);
}

static mola_err offer_all(ranking *r, const mola_rowset *rows)
{
    mola_attr_list attrs = {.arena = r->heap.ctx->arena};
    mola_attr_list_add(&attrs, MOLA_ATTR_ID);
    mola_score_reads(r->scorer.score, &attrs);
    add_postings(r->scorer.score, &attrs);
    mola_walk walk = {
        .attrs = &attrs, .of = r, .visit = offer_window, .reads = window_reads, .done = step_done};
    mola_err err =
        mola_score_windows(r->heap.ctx, rows, r->scorer.score, &walk.order, &walk.order_count);
    walk.wanted = walk.order ? is_wanted : NULL;
    walk.ahead = !walk.order;
    return err ? err : mola_scan_windows(r->heap.ctx, rows, &walk);
}

mola_err mola_score_run(mola_ctx *ctx, const mola_rowset *rows, const mola_score *score, size_t k,
                        mola_hit **hits, size_t *count)
{
    ranking r = {.view = rows->view};
    r.heap = (mola_topk){.of = &r, .settle = settle};
    r.keep =
        (mola_keep){.ctx = ctx, .view = rows->view, .values_each = 1, .read = read_id, .of = &r};
    mola_err err = mola_topk_init(&r.heap, ctx, k, rows->count);
    if (!err)
        err = open_scorer(ctx, score, &r.scorer);
    mola_keep_open(&r.keep);
    if (!err && r.heap.k)
        err = offer_all(&r, rows);
    if (!err)
        mola_topk_sort(&r.heap);
    mola_keep_close(&r.keep);
    if (err)
        return err;
    *hits = mola_new(ctx->arena, mola_hit, r.heap.count);
    *count = r.heap.count;
    if (!*hits)
        return mola_scan_no_memory(ctx);
    for (size_t i = 0; i < r.heap.count; i++) {
        const mola_candidate *c = &r.heap.held[i];
        (*hits)[i] = (mola_hit){.score = score_of(c), .part = c->part, .row = c->row};
    }
    return MOLA_OK;
}

void mola_score_reads(const mola_score *score, mola_attr_list *attrs)
{
    if (score->kind == MOLA_SCORE_ATTRIBUTE || score->kind == MOLA_SCORE_DIST ||
        score->kind == MOLA_SCORE_SPARSE || score->kind == MOLA_SCORE_TEXT)
        mola_attr_list_add(attrs, score->attr);
    if (score->kind == MOLA_SCORE_FILTER)
        mola_filter_reads(score->filter, attrs);
    for (uint32_t i = 0; i < score->child_count; i++)
        mola_score_reads(score->children[i], attrs);
}
