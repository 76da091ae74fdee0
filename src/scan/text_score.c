#include "scan/text_score.h"
#include "mola/format/dictionary.h"
#include "mola/scan/windows.h"
#include "scan/text_windows.h"
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
    mola_text_windows windows;  /* what the dictionaries say; parts NULL: nobody asked them */
    bool bound;
    double average;
    double *weight;       /* each term: idf * (k1 + 1) */
    double *query_weight; /* each term */
    double *norms;        /* by length; NULL: computed each time */
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
    q->windows = (mola_text_windows){.of = &q->postings, .terms = &q->terms};
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

enum { NORMS = 1024 }; /* longer texts are seldom many */
static double norm_of(const mola_bm25 *q, uint32_t length)
{
    return q->k1 * (1 - q->b + q->b * length / q->average);
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

/* The same from the postings of a window. Where a dictionary has counted all of its rows already,
 * those that are dead are taken away again (unsigned numbers wrap). */
static mola_err count_postings(mola_bm25 *q, const mola_span *span, const uint64_t *live,
                               bool is_known)
{
    uint64_t one = is_known ? UINT64_MAX : 1;
    mola_postings_walk walk;
    mola_err err = MOLA_OK;
    bool more = mola_postings_walk_begin(span, &q->postings, &walk);
    while (more && !err) {
        err = mola_postings_walk_next(&walk, &q->postings, &more);
        for (uint32_t row = 0; more && row < walk.image.rows; row++) {
            uint32_t length = mola_postings_length(&walk.image, row);
            if (length == 0 || mola_bit(live, walk.first + row) == is_known)
                continue;
            q->documents += one;
            q->tokens += one * length;
        }
        for (uint32_t i = 0; more && i < q->terms.count; i++) {
            mola_posting_walk list;
            uint32_t term;
            if (!mola_postings_find(&walk.image, q->terms.terms[i], &term))
                continue;
            mola_posting_walk_begin(&walk.image, term, &list);
            while (mola_posting_next(&list)) {
                if (mola_bit(live, walk.first + list.row) != is_known)
                    q->rows_with[i] += one;
            }
        }
    }
    return err;
}

/* A dictionary counts all rows of its segment. */
static void count_known(mola_bm25 *q, uint32_t segments)
{
    for (uint32_t p = 0; p < segments && q->terms.count; p++) {
        const mola_text_part *part = &q->windows.parts[p];
        if (!part->known)
            continue;
        q->documents += part->documents;
        q->tokens += part->tokens;
        for (uint32_t i = 0; i < q->terms.count; i++) {
            mola_dictionary_walk walk;
            mola_dictionary_walk_begin(part->lists[i], part->windows, &walk);
            while (mola_dictionary_next(&walk))
                q->rows_with[i] += walk.rows;
        }
    }
}

/* The window is to be looked at: nobody has counted its rows, or some of them are dead. */
static bool is_to_be_counted(const mola_bm25 *q, const mola_window *window)
{
    return !q->windows.parts[window->part].known ||
           mola_count_bits(window->bits, mola_words(window->rows)) < window->rows;
}

enum { ROWS_UNCHECKED = 256 }; /* texts are long, and a window has many */
static mola_err count_window(void *of, const mola_window *window)
{
    const counter *c = of;
    mola_span span = mola_span_of(c->view, window);
    for (uint32_t i = 0; i < c->count; i++) {
        mola_column column;
        if (!is_to_be_counted(c->clauses[i], window))
            continue;
        if (mola_span_has_postings(&span, &c->clauses[i]->postings)) {
            bool is_known = c->clauses[i]->windows.parts[window->part].known;
            mola_err err = count_postings(c->clauses[i], &span, window->bits, is_known);
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
        if (is_to_be_counted(c->clauses[i], window) && mola_bm25_reads(c->clauses[i], &span, attr))
            return true;
    }
    return false;
}

static bool any_counts(void *of, const mola_window *window)
{
    const counter *c = of;
    for (uint32_t i = 0; i < c->count; i++) {
        if (is_to_be_counted(c->clauses[i], window))
            return true;
    }
    return false;
}

static mola_err ask_dictionaries(const counter *c)
{
    mola_text_windows **all = mola_new(c->ctx->arena, mola_text_windows *, c->count);
    if (!all)
        return mola_scan_no_memory(c->ctx);
    for (uint32_t i = 0; i < c->count; i++)
        all[i] = &c->clauses[i]->windows;
    mola_err err = mola_text_windows_read(c->ctx, c->view, all, c->count);
    for (uint32_t i = 0; i < c->count && !err; i++)
        count_known(c->clauses[i], c->view->segment_count);
    return err;
}

static mola_err set_bounds(mola_ctx *ctx, mola_bm25 *q)
{
    double *weights = mola_new(ctx->arena, double, q->terms.count);
    q->norms = mola_new(ctx->arena, double, NORMS);
    if (!weights || !q->norms)
        return mola_scan_no_memory(ctx);
    for (uint32_t length = 0; length < NORMS; length++)
        q->norms[length] = norm_of(q, length);
    for (uint32_t i = 0; i < q->terms.count; i++)
        weights[i] = q->weight[i] * q->query_weight[i];
    const mola_text_weights all = {.k1 = q->k1,
                                   .b = q->b,
                                   .average = q->average,
                                   .weights = weights,
                                   .more = q->has_prefix ? 1 : 0};
    return mola_text_windows_bound(ctx->arena, &q->windows, &all) ? MOLA_OK
                                                                  : mola_scan_no_memory(ctx);
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
    if (!err)
        err = ask_dictionaries(&c);
    mola_walk walk = {.attrs = &attrs,
                      .of = &c,
                      .visit = count_window,
                      .wanted = any_counts,
                      .reads = is_counted};
    if (!err)
        err = mola_scan_windows(ctx, &live, &walk);
    for (uint32_t i = 0; i < count && !err; i++) {
        end_counting(clauses[i]);
        err = set_bounds(ctx, clauses[i]);
    }
    return err;
}

mola_err mola_bm25_check(mola_ctx *ctx, const mola_bm25 *q, const mola_span *span)
{
    return mola_span_has_postings(span, &q->postings) ? mola_postings_check(ctx, span, &q->postings)
                                                      : MOLA_OK;
}

double mola_bm25_bound(const mola_bm25 *q, const mola_view *view, uint32_t part, uint32_t window)
{
    if (q->windows.view != view || !q->windows.parts[part].bounds)
        return HUGE_VAL;
    MOLA_ASSERT(window < q->windows.parts[part].windows);
    return q->windows.parts[part].bounds[window];
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
    double norm = q->norms && length < NORMS ? q->norms[length] : norm_of(q, length);
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

static bool find_term(const mola_bm25 *q, const mola_postings_walk *walk,
                      const mola_text_terms_mask *mask, uint32_t index, uint32_t *term)
{
    uint32_t guess = mask ? mask->numbers[index] : 0;
    return mola_postings_find_at(&walk->image, q->terms.terms[index], guess, term);
}

/* A term's part of the scores of the rows asked. Those of a row come in the order in which a
 * value's do. */
static void score_term(const mola_bm25 *q, const mola_postings_walk *walk, uint32_t index,
                       uint32_t term, const uint64_t *asked, double *scores, uint64_t *matched)
{
    mola_posting_walk list;
    mola_posting_run run;
    mola_posting_walk_begin(&walk->image, term, &list);
    while (mola_posting_next_run(&list, &run)) {
        for (uint32_t i = 0; i < run.count; i++) {
            uint32_t length = mola_postings_length(&walk->image, run.rows[i]);
            uint32_t row = walk->first + run.rows[i];
            if (!mola_bit(asked, row))
                continue;
            scores[row] += term_score(q, index, run.times[i], length);
            matched[row >> 6] |= (uint64_t)1 << (row & 63);
        }
    }
}

/* Those of the asked rows that have one of the essential terms. */
static void rows_with_any(const mola_bm25 *q, const mola_postings_walk *walk,
                          const mola_text_terms_mask *mask, const uint64_t *asked, uint64_t *rows)
{
    memset(rows, 0, MOLA_WINDOW_WORDS * sizeof *rows);
    for (uint64_t rest = mask->essential; rest; rest &= rest - 1) {
        uint32_t term;
        if (find_term(q, walk, mask, (uint32_t)__builtin_ctzll(rest), &term))
            mola_postings_mark(walk, term, rows);
    }
    for (size_t w = 0; w < mola_words(walk->rows); w++)
        rows[w] &= asked[w];
}

/* mask NULL: every term may be there, and matters. */
static void score_image(const mola_bm25 *q, const mola_postings_walk *walk,
                        const mola_text_terms_mask *mask, const uint64_t *asked, double *scores,
                        uint64_t *matched)
{
    uint64_t rows[MOLA_WINDOW_WORDS];
    bool all = !mask || mask->essential == mask->present;
    if (!all)
        rows_with_any(q, walk, mask, asked, rows);
    for (uint32_t i = 0; i < q->terms.count; i++) {
        uint32_t term;
        if ((!mask || mask->present >> i & 1) && find_term(q, walk, mask, i, &term))
            score_term(q, walk, i, term, all ? asked : rows, scores, matched);
    }
}

bool mola_bm25_score_window(const mola_bm25 *q, const mola_span *span,
                            const mola_text_wanted *wanted, const uint64_t *asked, double *scores,
                            uint64_t *matched)
{
    uint64_t begun[MOLA_WINDOW_WORDS] = {0};
    mola_postings_walk walk;
    mola_text_terms_mask mask;
    bool more;
    if (!mola_span_has_postings(span, &q->postings))
        return false;
    MOLA_ASSERT(q->bound);
    bool known =
        wanted->view && wanted->view == q->windows.view && !q->has_prefix &&
        mola_text_windows_mask(&q->windows, wanted->part, span->index, wanted->least, &mask);
    more = mola_postings_walk_begin(span, &q->postings, &walk);
    while (more && mola_postings_walk_next(&walk, &q->postings, &more) == MOLA_OK && more) {
        score_image(q, &walk, known ? &mask : NULL, asked, scores, matched);
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
