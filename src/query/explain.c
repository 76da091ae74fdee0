/* explain.c - the plan of a query in words, with what running it took (reference 9.3). */
#include "mola/scan/explain.h"
#include "query/page.h"

enum { SHOWN_BYTES = 200 };

typedef struct {
    uint64_t ns, bytes_read, pages_hit, pages_missed;
    uint32_t roundtrips;
} effort;

static effort effort_now(const mola_ctx *ctx)
{
    return (effort){.ns = mola_boot_ns(ctx->env),
                    .bytes_read = ctx->bytes_read,
                    .pages_hit = ctx->pages_hit,
                    .pages_missed = ctx->pages_missed,
                    .roundtrips = ctx->roundtrips};
}

/* ---- pieces ---- */

/* 1,234,567 */
static void add_number(mola_buf *out, uint64_t n)
{
    char text[32];
    size_t at = sizeof text;
    for (int digits = 0; n || !digits; digits++, n /= 10) {
        if (digits && digits % 3 == 0)
            text[--at] = ',';
        text[--at] = (char)('0' + n % 10);
    }
    mola_buf_add(out, text + at, sizeof text - at);
}

static void add_count(mola_buf *out, uint64_t n, const char *one)
{
    add_number(out, n);
    mola_buf_print(out, " %s%s", one, n == 1 ? "" : "s");
}

static void add_json(mola_buf *out, mola_json json)
{
    mola_str raw = mola_json_raw(json), text = raw;
    if (text.len > SHOWN_BYTES) {
        text.len = SHOWN_BYTES;
        while (text.len && ((unsigned char)raw.data[text.len] & 0xc0) == 0x80)
            text.len--;
    }
    mola_buf_add_str(out, text);
    mola_buf_add_str(out, text.len < raw.len ? MOLA_STR("...\n") : MOLA_STR("\n"));
}

/* ---- parts ---- */

static void add_parts(mola_buf *out, const mola_view *view)
{
    uint64_t indexed = 0, windows = 0;
    for (uint32_t p = 0; p < view->part_count; p++) {
        windows += mola_windows(view->parts[p].rows);
        if (p < view->segment_count)
            indexed += view->parts[p].live_rows;
    }
    mola_buf_print(out, "namespace at sequence %llu: ", (unsigned long long)view->seq);
    add_count(out, view->live_rows, "row");
    mola_buf_add_str(out, MOLA_STR(" in "));
    add_count(out, windows, "window");
    mola_buf_print(out, " of up to %d\n  ", MOLA_WINDOW_ROWS);
    add_count(out, view->segment_count, "segment");
    mola_buf_add_str(out, MOLA_STR(" with "));
    add_count(out, indexed, "row");
    mola_buf_add_str(out, MOLA_STR("; the log behind them in memory, "));
    add_count(out, view->part_count - view->segment_count, "part");
    mola_buf_add_str(out, MOLA_STR(" with "));
    add_count(out, view->live_rows - indexed, "row");
    mola_buf_add_char(out, '\n');
}

/* ---- filters ---- */

static void add_line(mola_buf *out, const mola_filter_line *line)
{
    mola_buf_print(out, "  %*s", (int)(2 * (line->depth < 20 ? line->depth : 20)), "");
    mola_filter_describe(line->filter, out);
    mola_buf_add_str(out, MOLA_STR(": windows "));
    add_number(out, line->windows_none);
    mola_buf_add_str(out, MOLA_STR(" ruled out by zones, "));
    add_number(out, line->windows_all);
    mola_buf_add_str(out, MOLA_STR(" taken whole, "));
    add_number(out, line->windows_to_test);
    mola_buf_add_str(out, MOLA_STR(" to test; rows "));
    add_number(out, (uint64_t)(line->estimated + 0.5));
    mola_buf_add_str(out, MOLA_STR(" estimated"));
    if (line->counted) {
        mola_buf_add_str(out, MOLA_STR(", "));
        add_number(out, line->matches);
        mola_buf_add_str(out, MOLA_STR(" true"));
    }
    mola_buf_add_char(out, '\n');
}

static mola_err add_filters(mola_ctx *ctx, const mola_view *view, const mola_question *q,
                            mola_buf *out)
{
    const mola_filter *filter;
    mola_filter_line *lines;
    uint32_t count, nodes;
    if (!q->filters) {
        mola_buf_add_str(out, MOLA_STR("filters: none, every live row\n"));
        return MOLA_OK;
    }
    mola_err err = mola_filter_compile(ctx, q->filters, view->state, MOLA_REFS_REFUSED, &filter);
    if (!err)
        err = mola_filter_explain(ctx, filter, view, &lines, &count, &nodes);
    if (err)
        return err;
    mola_buf_add_str(out, MOLA_STR("filters, cheapest first:\n"));
    for (uint32_t i = 0; i < count; i++)
        add_line(out, &lines[i]);
    if (nodes > count) {
        mola_buf_add_str(out, MOLA_STR("  and "));
        add_number(out, nodes - count);
        mola_buf_add_str(out, MOLA_STR(" more\n"));
    }
    return MOLA_OK;
}

/* ---- ranking ---- */

static void add_vector(mola_buf *out, const mola_view *view, const mola_question *q)
{
    const mola_attr *a = mola_state_find(view->state, q->rank.vector.attr);
    char type[MOLA_TYPE_TEXT_BYTES];
    if (!a)
        return;
    int size = (int)mola_type_print(a->type, type);
    mola_buf_print(out,
                   "  the nearest by `" MOLA_FMT "`, %.*s, %s: every vector of the rows left is "
                   "compared, by a kernel that selects and one that is exact\n",
                   MOLA_ARG(a->name), size, type,
                   mola_metric_name((mola_metric_kind)view->state->metric));
}

static void add_ranking(mola_buf *out, const mola_view *view, const mola_question *q)
{
    if (q->aggregates) {
        mola_buf_add_str(out, MOLA_STR("aggregate_by: "));
        add_count(out, q->function_count, "function");
        mola_buf_add_str(out, MOLA_STR(", group_by: "));
        add_count(out, q->group_count, "key");
        mola_buf_add_str(out, MOLA_STR("; every row left is read once\n"));
        return;
    }
    mola_buf_add_str(out, MOLA_STR("rank_by: "));
    if (q->rank.kind == MOLA_RANK_NONE) {
        mola_buf_add_str(out, MOLA_STR("none\n"));
    } else {
        add_json(out, q->rank.json);
    }
    switch (q->rank.kind) {
    case MOLA_RANK_NONE:
    case MOLA_RANK_ORDERS:
        mola_buf_add_str(out,
                         MOLA_STR("  in order, ties by id; windows that zones show to come too "
                                  "late are not read\n"));
        break;
    case MOLA_RANK_VECTOR:
        add_vector(out, view, q);
        break;
    case MOLA_RANK_SCORE:
        mola_buf_add_str(out,
                         MOLA_STR("  every row left gets its score, best first, ties by id\n"));
        break;
    }
    mola_buf_add_str(out, MOLA_STR("  rows "));
    add_number(out, q->offset + 1);
    mola_buf_add_str(out, MOLA_STR(" to "));
    add_number(out, q->offset + q->limit.total);
    if (q->limit.has_per) {
        mola_buf_add_str(out, MOLA_STR(", at most "));
        add_number(out, q->limit.per_limit);
        mola_buf_add_str(out, MOLA_STR(" of each key of limit.per"));
    }
    mola_buf_add_char(out, '\n');
}

/* ---- the run ---- */

static void add_effort(mola_buf *out, const mola_query_result *result, const effort *began,
                       const effort *ended)
{
    mola_buf_add_str(out, MOLA_STR("run: "));
    add_count(out, result->bytes_returned, "logical byte");
    mola_buf_add_str(out, MOLA_STR(" returned, "));
    add_count(out, ended->roundtrips - began->roundtrips, "round trip");
    mola_buf_add_str(out, MOLA_STR(" to the store with "));
    add_count(out, ended->bytes_read - began->bytes_read, "byte");
    mola_buf_add_str(out, MOLA_STR(", pages of segments: "));
    add_number(out, ended->pages_hit - began->pages_hit);
    mola_buf_add_str(out, MOLA_STR(" in memory, "));
    add_number(out, ended->pages_missed - began->pages_missed);
    mola_buf_print(out, " not; %.3f ms\n", (double)(ended->ns - began->ns) / 1e6);
}

mola_err mola_query_explain(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                            const mola_query *query, mola_buf *out)
{
    mola_query_result result;
    if (query->is_multi || query->by_model) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "explain_query takes one query, without `queries` and `rerank_by`");
    }
    const mola_question *q = &query->questions[0];
    effort began = effort_now(ctx);
    mola_err err = mola_query_run(ctx, view, kernel, query, &result);
    effort ended = effort_now(ctx);
    if (err)
        return err;
    mola_buf_free(&result.members);
    add_parts(out, view);
    mola_pin *mark = ctx->pins;
    err = add_filters(ctx, view, q, out);
    mola_view_release(ctx, mark);
    if (err)
        return err;
    add_ranking(out, view, q);
    add_effort(out, &result, &began, &ended);
    return out->failed ? mola_query_no_memory(ctx) : MOLA_OK;
}
