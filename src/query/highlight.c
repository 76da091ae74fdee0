#include "mola/codec/print.h"
#include "query/plan.h"
#include "query/text.h"
#include <stdlib.h>

/* A fragment is ranked like a row: the fragments of one value are a column of an attribute called
 * $fragment, and an expression over it is compiled against a schema that has nothing else. */

struct mola_highlight {
    uint32_t attr;
    mola_fragment_by by;
    mola_offsets offsets;
    uint32_t limit;
    mola_analyzer *analyzer;
    const mola_score *score;
    mola_bm25_list clauses;
};

uint32_t mola_highlight_attr(const mola_highlight *highlight)
{
    return highlight->attr;
}

/* ---- planning ---- */

static const mola_state *fragment_state(const mola_ctx *ctx, const mola_state *state,
                                        const mola_attr *attr)
{
    mola_attr a = *attr;
    a.name = MOLA_STR("$fragment");
    a.type = (mola_type){.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_STRING};
    return mola_state_of_one(ctx->arena, &a, state->id_type);
}

static uint32_t count_clauses(const mola_score_tree *tree, mola_str attr)
{
    uint32_t count = tree->kind == MOLA_SCORE_BM25 && mola_str_eq(tree->attr, attr);
    for (uint32_t i = 0; i < tree->child_count; i++)
        count += count_clauses(tree->children[i], attr);
    return count;
}

static void copy_clauses(const mola_score_tree *tree, mola_str attr, mola_score_tree *copies,
                         mola_score_tree *sum)
{
    if (tree->kind == MOLA_SCORE_BM25 && mola_str_eq(tree->attr, attr)) {
        mola_score_tree *copy = &copies[sum->child_count];
        *copy = *tree;
        copy->attr = MOLA_STR("$fragment");
        sum->children[sum->child_count++] = copy;
    }
    for (uint32_t i = 0; i < tree->child_count; i++)
        copy_clauses(tree->children[i], attr, copies, sum);
}

/* The sum of the BM25 clauses over the attribute that the query is ranked by. */
static mola_err infer_ranking(mola_ctx *ctx, const mola_compute_tree *tree,
                              const mola_rank_tree *rank, const mola_score_tree **out)
{
    uint32_t count = rank->kind == MOLA_RANK_SCORE ? count_clauses(rank->score, tree->attr) : 0;
    if (!count) {
        return mola_fail(
            ctx->why, MOLA_INVALID,
            "computed attribute `" MOLA_FMT
            "`: cannot infer `rank_fragments_by` because the query `rank_by` has no BM25 clause "
            "over `" MOLA_FMT "`; provide `rank_fragments_by` explicitly",
            MOLA_ARG(tree->name), MOLA_ARG(tree->attr));
    }
    mola_score_tree *sum = mola_new(ctx->arena, mola_score_tree, 1);
    mola_score_tree *copies = mola_new(ctx->arena, mola_score_tree, count);
    if (!sum || !copies)
        return mola_query_no_memory(ctx);
    sum->kind = MOLA_SCORE_SUM;
    sum->children = mola_new(ctx->arena, const mola_score_tree *, count);
    if (!sum->children)
        return mola_query_no_memory(ctx);
    copy_clauses(rank->score, tree->attr, copies, sum);
    *out = sum;
    return MOLA_OK;
}

static mola_err check_highlight(const mola_ctx *ctx, const mola_compute_tree *tree,
                                const mola_attr *a)
{
    uint64_t most = mola_limits_of(ctx->env)->highlight_fragments;
    mola_str name = tree->name, attr = tree->attr;
    if (!a || !a->has_fts) {
        return mola_fail(
            ctx->why, MOLA_INVALID,
            "computed attribute `" MOLA_FMT "`: attribute `" MOLA_FMT
            "` which is not enabled for full-text search; this requires a schema update",
            MOLA_ARG(name), MOLA_ARG(attr));
    }
    if (a->fts.tokenizer == MOLA_TOKENIZER_PRE_TOKENIZED) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "computed attribute `" MOLA_FMT
                         "`: Highlight does not support pre-tokenized attributes",
                         MOLA_ARG(name));
    }
    if (tree->fragment_limit < 1 || tree->fragment_limit > most) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "computed attribute `" MOLA_FMT
                         "`: fragment_limit must be between 1 and %llu",
                         MOLA_ARG(name), (unsigned long long)most);
    }
    return MOLA_OK;
}

mola_err mola_plan_highlight(mola_ctx *ctx, const mola_compute_tree *tree,
                             const mola_question *question, const mola_state *state,
                             mola_highlight **out)
{
    const mola_attr *a = mola_state_find(state, tree->attr);
    const mola_score_tree *ranking = tree->rank_fragments_by;
    mola_err err = check_highlight(ctx, tree, a);
    if (!err && !ranking)
        err = infer_ranking(ctx, tree, &question->rank, &ranking);
    if (err)
        return err;
    mola_analysis settings = mola_fts_analysis(&a->fts);
    const mola_state *fragments = fragment_state(ctx, state, a);
    mola_highlight *h = mola_new(ctx->arena, mola_highlight, 1);
    if (!fragments || !h)
        return mola_query_no_memory(ctx);
    *h = (mola_highlight){.attr = a->id,
                          .by = tree->fragment_by,
                          .offsets = tree->offsets,
                          .limit = (uint32_t)tree->fragment_limit,
                          .analyzer = mola_analyzer_new(ctx->arena, &settings)};
    if (!h->analyzer)
        return mola_query_no_memory(ctx);
    *out = h;
    err = mola_plan_score(ctx, ranking, fragments, &h->score);
    return err ? err : mola_bm25_list_add(ctx, h->score, &h->clauses);
}

/* ---- the fragments of a value ---- */

typedef struct {
    uint32_t element; /* of the column */
    mola_text_range range;
    uint32_t unit; /* range.from in the unit of the offsets */
} fragment;

typedef struct {
    const mola_highlight *h;
    mola_arena *arena; /* of this row */
    const mola_column *column;
    fragment *all;
    uint32_t count, room;
    uint64_t bytes; /* of all fragments */
} fragments;

static bool add_fragment(fragments *f, uint32_t element, mola_text_range range)
{
    if (f->count == f->room) {
        uint32_t room = f->room ? 2 * f->room : 64;
        fragment *all = mola_new(f->arena, fragment, room);
        if (!all)
            return false;
        if (f->count)
            memcpy(all, f->all, f->count * sizeof *all);
        f->all = all;
        f->room = room;
    }
    f->all[f->count++] = (fragment){.element = element, .range = range};
    f->bytes += range.until - range.from;
    return true;
}

static bool add_trimmed(fragments *f, uint32_t element, mola_str text, mola_text_range range)
{
    range = mola_text_trim(text, range);
    return range.from == range.until || add_fragment(f, element, range);
}

static bool add_sentences(fragments *f, uint32_t element, mola_str text)
{
    bool ok = true;
    for (uint32_t at = 0; at < text.len && ok;) {
        mola_text_range sentence = mola_sentence_next(text, at);
        ok = add_trimmed(f, element, text, sentence);
        at = sentence.until;
    }
    return ok;
}

static bool add_paragraphs(fragments *f, uint32_t element, mola_str text)
{
    bool ok = true;
    for (uint32_t at = 0; at < text.len && ok;) {
        const char *end = memchr(text.data + at, '\n', text.len - at);
        uint32_t until = end ? (uint32_t)(end - text.data) : (uint32_t)text.len;
        ok = add_trimmed(f, element, text, (mola_text_range){at, until});
        at = until + 1;
    }
    return ok;
}

static bool add_words(fragments *f, uint32_t element, mola_str text)
{
    mola_token token;
    mola_analyzer_begin(f->h->analyzer, text, 0);
    while (mola_analyzer_next(f->h->analyzer, &token)) {
        if (!add_fragment(f, element, (mola_text_range){token.from, token.until}))
            return false;
    }
    return true;
}

static mola_str element_text(const mola_column *column, uint32_t element)
{
    return mola_column_element(column, element).s;
}

static bool cut(fragments *f, uint32_t element)
{
    mola_str text = element_text(f->column, element);
    switch (f->h->by) {
    case MOLA_FRAGMENT_SENTENCE:
        return add_sentences(f, element, text);
    case MOLA_FRAGMENT_PARAGRAPH:
        return add_paragraphs(f, element, text);
    case MOLA_FRAGMENT_WORD:
        return add_words(f, element, text);
    case MOLA_FRAGMENT_NONE:
        break;
    }
    return add_fragment(f, element, (mola_text_range){0, (uint32_t)text.len});
}

/* ---- ranking them ---- */

static mola_str fragment_text(const fragments *f, const fragment *one)
{
    mola_str text = element_text(f->column, one->element);
    return (mola_str){text.data + one->range.from, one->range.until - one->range.from};
}

/* The fragments side by side, as a column of one text each. */
static bool make_column(const fragments *f, mola_column *out)
{
    uint8_t *data = mola_new(f->arena, uint8_t, f->bytes + 1);
    uint32_t *from = mola_new(f->arena, uint32_t, (size_t)f->count + 1);
    if (!data || !from)
        return false;
    for (uint32_t i = 0; i < f->count; i++) {
        mola_str text = fragment_text(f, &f->all[i]);
        if (text.len)
            memcpy(data + from[i], text.data, text.len);
        from[i + 1] = from[i] + (uint32_t)text.len;
    }
    *out = (mola_column){.type = {.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_STRING},
                         .rows = f->count,
                         .byte_from = from,
                         .data = data};
    return true;
}

typedef struct {
    float score;
    uint32_t index;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? 1 : -1;
    return (left->index > right->index) - (left->index < right->index);
}

/* The best fragments, those above 0 only. */
static mola_err rank(mola_ctx *ctx, const fragments *f, ranked **best, uint32_t *count)
{
    mola_column column;
    mola_attr_list attrs = {.arena = f->arena};
    float *scores = mola_new(f->arena, float, f->count);
    *best = mola_new(f->arena, ranked, f->count);
    *count = 0;
    mola_attr_list_add(&attrs, f->h->attr);
    if (!scores || !*best || attrs.full || !make_column(f, &column))
        return mola_query_no_memory(ctx);
    for (uint32_t i = 0; i < f->h->clauses.count; i++)
        mola_bm25_bind_column(f->h->clauses.clauses[i], &column);
    mola_gathered gathered = {.attrs = &attrs, .columns = &column, .rows = f->count};
    mola_err err = mola_score_gathered(ctx, f->h->score, &gathered, scores);
    for (uint32_t i = 0; i < f->count && !err; i++) {
        if (scores[i] > 0)
            (*best)[(*count)++] = (ranked){scores[i], i};
    }
    qsort(*best, *count, sizeof **best, by_rank);
    if (*count > f->h->limit)
        *count = f->h->limit;
    return err;
}

/* ---- printing ---- */

/* How many units the bytes are long. */
static uint32_t units(mola_offsets unit, mola_str text)
{
    uint32_t count = 0;
    if (unit == MOLA_OFFSETS_UTF_8)
        return (uint32_t)text.len;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        count += (c & 0xc0) != 0x80;
        count += unit == MOLA_OFFSETS_UTF_16 && c >= 0xf0; /* a pair */
    }
    return count;
}

/* Fragments rise, so each is counted from the one before. */
static void place_fragments(fragments *f)
{
    uint32_t element = 0, at = 0, unit = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        fragment *one = &f->all[i];
        mola_str text = element_text(f->column, one->element);
        if (i == 0 || one->element != element)
            at = unit = 0;
        element = one->element;
        unit += units(f->h->offsets, (mola_str){text.data + at, one->range.from - at});
        at = one->range.from;
        one->unit = unit;
    }
}

static bool is_match(const mola_highlight *h, mola_str term)
{
    for (uint32_t i = 0; i < h->clauses.count; i++) {
        if (mola_bm25_has(h->clauses.clauses[i], term))
            return true;
    }
    return false;
}

static void print_matches(const fragments *f, const fragment *one, mola_buf *out)
{
    const mola_highlight *h = f->h;
    mola_str text = fragment_text(f, one);
    uint32_t at = 0, unit = one->unit;
    bool first = true;
    mola_token token;
    mola_analyzer_begin(h->analyzer, text, 0);
    while (mola_analyzer_next(h->analyzer, &token)) {
        if (!is_match(h, token.term))
            continue;
        uint32_t from = unit + units(h->offsets, (mola_str){text.data + at, token.from - at});
        unit =
            from + units(h->offsets, (mola_str){text.data + token.from, token.until - token.from});
        at = token.until;
        mola_buf_print(out, "%s[%u,%u]", first ? "" : ",", from, unit);
        first = false;
    }
}

static void print_fragment(const fragments *f, const fragment *one, uint32_t first_element,
                           mola_buf *out)
{
    mola_offsets unit = f->h->offsets;
    mola_str text = fragment_text(f, one);
    mola_buf_add_str(out, MOLA_STR("{\"text\":"));
    mola_print_string(out, text);
    if (unit != MOLA_OFFSETS_NONE) {
        mola_buf_print(out, ",\"fragment_range\":[%u,%u],\"match_ranges\":[", one->unit,
                       one->unit + units(unit, text));
        print_matches(f, one, out);
        mola_buf_add_char(out, ']');
        if (f->column->type.form == MOLA_FORM_ARRAY)
            mola_buf_print(out, ",\"array_index\":%u", one->element - first_element);
    }
    mola_buf_add_char(out, '}');
}

static mola_err print_row(mola_ctx *ctx, const mola_highlight *h, const mola_column *column,
                          uint32_t row, mola_buf *out)
{
    fragments f = {.h = h, .arena = ctx->arena, .column = column};
    bool is_list = column->type.form == MOLA_FORM_ARRAY;
    uint32_t first = is_list ? column->row_from[row] : row;
    uint32_t until = is_list ? column->row_from[row + 1] : row + 1;
    for (uint32_t i = first; i < until; i++) {
        if (!cut(&f, i))
            return mola_query_no_memory(ctx);
    }
    if (f.count == 0) {
        mola_buf_add_str(out, MOLA_STR("[]"));
        return MOLA_OK;
    }
    ranked *best;
    uint32_t count;
    mola_err err = rank(ctx, &f, &best, &count);
    if (err)
        return err;
    if (h->offsets != MOLA_OFFSETS_NONE)
        place_fragments(&f);
    mola_buf_add_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            mola_buf_add_char(out, ',');
        print_fragment(&f, &f.all[best[i].index], first, out);
    }
    mola_buf_add_char(out, ']');
    return MOLA_OK;
}

mola_err mola_highlight_print(mola_ctx *ctx, const mola_highlight *h, const mola_column *column,
                              uint32_t row, mola_buf *out)
{
    /* what one row needs is given back before the next */
    mola_arena arena;
    mola_ctx inner = *ctx;
    mola_arena_init(&arena, ctx->arena->heap, ctx->arena->limit - ctx->arena->used);
    inner.arena = &arena;
    mola_err err = print_row(&inner, h, column, row, out);
    mola_arena_reset(&arena);
    return err || !out->failed ? err : mola_query_no_memory(ctx);
}
