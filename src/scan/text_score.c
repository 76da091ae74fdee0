#include "scan/text_score.h"
#include "mola/scan/windows.h"
#include "scan/text_terms.h"
#include <math.h>

struct mola_bm25 {
    uint32_t attr;
    mola_postings_of postings;
    double k1, b, k3;
    mola_analyzer *analyzer;
    mola_text_terms terms;
    bool has_prefix;
    mola_str prefix;
    /* statistics */
    uint64_t documents, tokens; /* rows with a token, and all their tokens */
    uint64_t *rows_with;        /* each term */
    bool bound;
    double average;
    double *weight;       /* each term: idf * (k1 + 1) */
    double *query_weight; /* each term */
    /* the value looked at last */
    uint32_t length;
    uint32_t *times; /* each term */
    bool prefix_found, any_found;
};

mola_bm25 *mola_bm25_new(mola_ctx *ctx, const mola_attr *attr, const mola_str *texts,
                         uint32_t count, bool last_as_prefix)
{
    mola_arena *arena = ctx->arena;
    mola_analysis settings = mola_fts_analysis(&attr->fts);
    mola_text_tokens tokens;
    mola_bm25 *q = mola_new(arena, mola_bm25, 1);
    if (!q)
        return NULL;
    q->attr = attr->id;
    q->postings = mola_postings_of_attr(attr);
    q->k1 = (double)attr->fts.k1;
    q->b = (double)attr->fts.b;
    q->k3 = (double)attr->fts.k3;
    q->analyzer = mola_analyzer_new(arena, &settings);
    if (!q->analyzer || !mola_text_tokens_of(arena, q->analyzer, texts, count, &tokens))
        return NULL;
    if (last_as_prefix && tokens.count) {
        q->has_prefix = true;
        q->prefix = tokens.terms[--tokens.count];
    }
    if (!mola_text_terms_of(arena, tokens.terms, tokens.count, &q->terms))
        return NULL;
    uint32_t terms = q->terms.count;
    q->rows_with = mola_new(arena, uint64_t, terms);
    q->weight = mola_new(arena, double, terms);
    q->query_weight = mola_new(arena, double, terms);
    q->times = mola_new(arena, uint32_t, terms);
    return q->rows_with && q->weight && q->query_weight && q->times ? q : NULL;
}

bool mola_bm25_has(const mola_bm25 *q, mola_str term)
{
    return mola_text_terms_find(&q->terms, term) != MOLA_NO_TERM ||
           (q->has_prefix && mola_str_starts(term, q->prefix));
}

/* ---- looking at a value ---- */

static void forget_value(mola_bm25 *q)
{
    if (q->any_found)
        memset(q->times, 0, q->terms.count * sizeof *q->times);
    q->length = 0;
    q->prefix_found = q->any_found = false;
}

static inline void add_token(mola_bm25 *q, mola_str term)
{
    uint32_t at = mola_text_terms_find(&q->terms, term);
    q->length++;
    if (at != MOLA_NO_TERM) {
        q->times[at]++;
        q->any_found = true;
    }
    if (q->has_prefix && !q->prefix_found)
        q->prefix_found = mola_str_starts(term, q->prefix);
}

static void count_value(mola_bm25 *q)
{
    q->documents += q->length > 0;
    q->tokens += q->length;
    for (uint32_t i = 0; q->any_found && i < q->terms.count; i++)
        q->rows_with[i] += q->times[i] > 0;
}

/* ---- statistics ---- */

/* The natural logarithm of a normal number above 0, by the usual polynomial (error below one unit
 * in the last place): libm's may differ between machines. */
static double natural_log(double x)
{
    static const double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    int exponent;
    double f = frexp(x, &exponent); /* [0.5, 1) */
    if (f < 0.70710678118654752440) {
        f *= 2;
        exponent--;
    }
    f -= 1;
    double s = f / (2 + f), z = s * s, w = z * z;
    double t1 = w * (3.999999999940941908e-01 +
                     w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    double t2 = z * (6.666666666666735130e-01 +
                     w * (2.857142874366239149e-01 +
                          w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    double half = 0.5 * f * f, k = exponent;
    return k * ln2_high - ((half - (s * (half + (t1 + t2)) + k * ln2_low)) - f);
}

static void begin_counting(mola_bm25 *q)
{
    q->documents = q->tokens = 0;
    memset(q->rows_with, 0, q->terms.count * sizeof *q->rows_with);
}

static void end_counting(mola_bm25 *q)
{
    double documents = (double)q->documents;
    q->average = q->documents ? (double)q->tokens / documents : 0;
    for (uint32_t i = 0; i < q->terms.count; i++) {
        double with = (double)q->rows_with[i], times = q->terms.times[i];
        double idf = natural_log(1 + (documents - with + 0.5) / (with + 0.5));
        q->weight[i] = idf * (q->k1 + 1);
        q->query_weight[i] = (q->k3 + 1) * times / (q->k3 + times);
    }
    q->bound = true;
}

/* Clauses over one attribute look at its values together. */
typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    mola_bm25 *const *clauses;
    uint32_t count;
} counter;

static bool is_first_of_attr(const counter *c, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (c->clauses[i]->attr == c->clauses[at]->attr)
            return false;
    }
    return true;
}

static void count_row(const counter *c, uint32_t first, const mola_column *column, uint32_t row)
{
    uint32_t attr = c->clauses[first]->attr;
    mola_value_tokens tokens;
    mola_token token;
    for (uint32_t i = first; i < c->count; i++)
        forget_value(c->clauses[i]);
    mola_value_tokens_begin(&tokens, c->clauses[first]->analyzer, column, row);
    while (mola_value_tokens_next(&tokens, &token)) {
        for (uint32_t i = first; i < c->count; i++) {
            if (c->clauses[i]->attr == attr)
                add_token(c->clauses[i], token.term);
        }
    }
    for (uint32_t i = first; i < c->count; i++) {
        if (c->clauses[i]->attr == attr)
            count_value(c->clauses[i]);
    }
}

/* The same from the postings of a window. */
static mola_err count_postings(mola_bm25 *q, const mola_span *span, const uint64_t *live)
{
    mola_postings_walk walk;
    mola_err err = MOLA_OK;
    bool more = mola_postings_walk_begin(span, &q->postings, &walk);
    while (more && !err) {
        err = mola_postings_walk_next(&walk, &q->postings, &more);
        for (uint32_t row = 0; more && row < walk.image.rows; row++) {
            uint32_t length = mola_postings_length(&walk.image, row);
            if (length == 0 || !mola_bit(live, walk.first + row))
                continue;
            q->documents++;
            q->tokens += length;
        }
        for (uint32_t i = 0; more && i < q->terms.count; i++) {
            mola_posting_walk list;
            uint32_t term;
            if (!mola_postings_find(&walk.image, q->terms.terms[i], &term))
                continue;
            mola_posting_walk_begin(&walk.image, term, &list);
            while (mola_posting_next(&list))
                q->rows_with[i] += mola_bit(live, walk.first + list.row);
        }
    }
    return err;
}

enum { ROWS_UNCHECKED = 256 }; /* texts are long, and a window has many */
static mola_err count_window(void *of, const mola_window *window)
{
    const counter *c = of;
    mola_span span = mola_span_of(c->view, window);
    for (uint32_t i = 0; i < c->count; i++) {
        mola_column column;
        if (mola_span_has_postings(&span, &c->clauses[i]->postings)) {
            mola_err err = count_postings(c->clauses[i], &span, window->bits);
            if (err)
                return mola_fail(c->ctx->why, err, "postings of a segment are damaged");
            continue;
        }
        if (!is_first_of_attr(c, i) || !mola_span_column(&span, c->clauses[i]->attr, &column))
            continue;
        for (uint32_t row = 0; row < window->rows; row++) {
            mola_err err = row % ROWS_UNCHECKED ? MOLA_OK : mola_scan_check(c->ctx);
            if (err)
                return err;
            if (mola_bit(window->bits, row) && mola_column_has(&column, row))
                count_row(c, i, &column, row);
        }
    }
    return MOLA_OK;
}

bool mola_bm25_reads(const mola_bm25 *q, const mola_span *span, uint32_t attr)
{
    return mola_text_reads(span, &q->postings, attr);
}

uint32_t mola_bm25_postings_attr(const mola_bm25 *q)
{
    return q->postings.column;
}

static bool is_counted(void *of, const mola_window *window, uint32_t attr)
{
    const counter *c = of;
    mola_span span = mola_span_of(c->view, window);
    for (uint32_t i = 0; i < c->count; i++) {
        if (mola_bm25_reads(c->clauses[i], &span, attr))
            return true;
    }
    return false;
}

mola_err mola_bm25_bind(mola_ctx *ctx, const mola_view *view, mola_bm25 *const *clauses,
                        uint32_t count)
{
    counter c = {.ctx = ctx, .view = view, .clauses = clauses, .count = count};
    mola_attr_list attrs = {.arena = ctx->arena};
    mola_rowset live;
    if (!count)
        return MOLA_OK;
    for (uint32_t i = 0; i < count; i++) {
        mola_attr_list_add(&attrs, clauses[i]->attr);
        mola_attr_list_add(&attrs, clauses[i]->postings.column);
        begin_counting(clauses[i]);
    }
    mola_err err = mola_rowset_live(ctx, view, &live);
    mola_walk walk = {.attrs = &attrs, .of = &c, .visit = count_window, .reads = is_counted};
    if (!err)
        err = mola_scan_windows(ctx, &live, &walk);
    for (uint32_t i = 0; i < count && !err; i++)
        end_counting(clauses[i]);
    return err;
}

void mola_bm25_bind_column(mola_bm25 *clause, const mola_column *column)
{
    counter c = {.clauses = &clause, .count = 1};
    begin_counting(clause);
    for (uint32_t row = 0; row < column->rows; row++) {
        if (mola_column_has(column, row))
            count_row(&c, 0, column, row);
    }
    end_counting(clause);
}

/* ---- scores ---- */

static inline double term_score(const mola_bm25 *q, uint32_t term, double times, uint32_t length)
{
    double norm = q->k1 * (1 - q->b + q->b * length / q->average);
    return q->weight[term] * times / (times + norm) * q->query_weight[term];
}

bool mola_bm25_score(mola_bm25 *q, const mola_column *column, uint32_t row, double *score)
{
    mola_value_tokens tokens;
    mola_token token;
    MOLA_ASSERT(q->bound);
    forget_value(q);
    mola_value_tokens_begin(&tokens, q->analyzer, column, row);
    while (mola_value_tokens_next(&tokens, &token))
        add_token(q, token.term);
    *score = 0;
    for (uint32_t i = 0; q->any_found && i < q->terms.count; i++) {
        if (q->times[i])
            *score += term_score(q, i, q->times[i], q->length);
    }
    if (q->prefix_found)
        *score += 1;
    return q->any_found || q->prefix_found;
}

/* Term after term, so that each row is added up in the order in which a value is. */
static void score_image(const mola_bm25 *q, const mola_postings_walk *walk, const uint64_t *asked,
                        double *scores, uint64_t *matched)
{
    for (uint32_t i = 0; i < q->terms.count; i++) {
        mola_posting_walk list;
        uint32_t term;
        if (!mola_postings_find(&walk->image, q->terms.terms[i], &term))
            continue;
        mola_posting_walk_begin(&walk->image, term, &list);
        while (mola_posting_next(&list)) {
            uint32_t row = walk->first + list.row;
            if (!mola_bit(asked, row))
                continue;
            scores[row] +=
                term_score(q, i, list.times, mola_postings_length(&walk->image, list.row));
            matched[row >> 6] |= (uint64_t)1 << (row & 63);
        }
    }
}

bool mola_bm25_score_window(const mola_bm25 *q, const mola_span *span, const uint64_t *asked,
                            double *scores, uint64_t *matched)
{
    uint64_t begun[MOLA_WINDOW_WORDS] = {0};
    mola_postings_walk walk;
    bool more;
    if (!mola_span_has_postings(span, &q->postings))
        return false;
    MOLA_ASSERT(q->bound);
    more = mola_postings_walk_begin(span, &q->postings, &walk);
    while (more && mola_postings_walk_next(&walk, &q->postings, &more) == MOLA_OK && more) {
        score_image(q, &walk, asked, scores, matched);
        if (q->has_prefix)
            mola_postings_mark_prefix(&walk, q->prefix, begun);
    }
    for (size_t w = 0; q->has_prefix && w < mola_words(span->rows); w++) {
        uint64_t rows = begun[w] & asked[w];
        matched[w] |= rows;
        for (; rows; rows &= rows - 1)
            scores[w * 64 + (size_t)__builtin_ctzll(rows)] += 1;
    }
    return true;
}
