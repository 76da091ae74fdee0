#include "mola/scan/explain.h"
#include "scan/filter_run.h"
#include "scan/zone.h"

typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    mola_filter_line *lines;
    uint32_t count, nodes;
} explaining;

/* ---- estimates ---- */

/* The share of the rows of a window that match. Children are taken as independent. */
static double share(const mola_filter *filter, const mola_span *span)
{
    mola_zone zone;
    mola_match match = mola_filter_decided(filter, span);
    if (match != MOLA_MATCH_MIXED)
        return match == MOLA_MATCH_ALWAYS ? 1 : 0;
    if (filter->kind == MOLA_NODE_LEAF)
        return mola_leaf_share(filter, mola_span_zone(span, filter->attr, &zone) ? &zone : NULL);
    if (filter->kind == MOLA_NODE_NOT)
        return 1 - share(filter->children[0], span);
    double all = 1;
    for (uint32_t i = 0; i < filter->child_count; i++) {
        double child = share(filter->children[i], span);
        all *= filter->kind == MOLA_NODE_AND ? child : 1 - child;
    }
    return filter->kind == MOLA_NODE_AND ? all : 1 - all;
}

static void look_at_window(mola_filter_line *line, const mola_span *span, uint64_t live)
{
    switch (mola_filter_decided(line->filter, span)) {
    case MOLA_MATCH_NEVER:
        line->windows_none++;
        break;
    case MOLA_MATCH_ALWAYS:
        line->windows_all++;
        break;
    default:
        line->windows_to_test++;
    }
    line->estimated += share(line->filter, span) * (double)live;
}

static void look_at_zones(const mola_rowset *rows, mola_filter_line *line)
{
    const mola_view *view = rows->view;
    for (uint32_t p = 0; p < view->part_count; p++) {
        uint32_t part_rows = view->parts[p].rows;
        for (uint32_t w = 0; rows->bits[p] && w < mola_windows(part_rows); w++) {
            mola_window window = {.part = p,
                                  .index = w,
                                  .rows = mola_window_rows(part_rows, w),
                                  .bits = rows->bits[p] + (size_t)w * MOLA_WINDOW_WORDS};
            uint64_t live = mola_count_bits(window.bits, mola_words(window.rows));
            mola_span span = mola_span_of(view, &window);
            if (live)
                look_at_window(line, &span, live);
        }
    }
}

/* ---- lines ---- */

static void list_nodes(explaining *e, const mola_filter *filter, uint32_t depth)
{
    if (e->nodes++ < MOLA_EXPLAINED_MAX)
        e->lines[e->count++] = (mola_filter_line){.filter = filter, .depth = depth};
    for (uint32_t i = 0; i < filter->child_count; i++)
        list_nodes(e, filter->children[i], depth + 1);
}

static mola_err fill_line(explaining *e, mola_filter_line *line, bool counted)
{
    mola_rowset rows;
    mola_err err = mola_rowset_live(e->ctx, e->view, &rows);
    if (err)
        return err;
    look_at_zones(&rows, line);
    if (!counted)
        return mola_scan_check(e->ctx);
    mola_pin *mark = e->ctx->pins;
    err = mola_filter_run(e->ctx, line->filter, &rows);
    mola_view_release(e->ctx, mark);
    line->counted = true;
    line->matches = rows.count;
    return err;
}

mola_err mola_filter_explain(mola_ctx *ctx, const mola_filter *filter, const mola_view *view,
                             mola_filter_line **lines, uint32_t *count, uint32_t *nodes)
{
    explaining e = {.ctx = ctx, .view = view};
    e.lines = mola_new(ctx->arena, mola_filter_line, MOLA_EXPLAINED_MAX);
    if (!e.lines)
        return mola_scan_no_memory(ctx);
    list_nodes(&e, filter, 0);
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < e.count && !err; i++)
        err = fill_line(&e, &e.lines[i], i < MOLA_EXPLAIN_COUNTED_MAX);
    *lines = e.lines;
    *count = e.count;
    *nodes = e.nodes;
    return err;
}

void mola_filter_describe(const mola_filter *filter, mola_buf *out)
{
    static const char *const names[] = {
        [MOLA_NODE_AND] = "And", [MOLA_NODE_OR] = "Or", [MOLA_NODE_NOT] = "Not"};
    enum { SHOWN = 60 };
    if (filter->kind != MOLA_NODE_LEAF) {
        mola_buf_add_str(out, mola_str_of(names[filter->kind]));
        return;
    }
    const mola_filter_tree *tree = filter->source;
    mola_str raw = mola_json_raw(tree->value), value = raw;
    if (value.len > SHOWN) {
        value.len = SHOWN;
        while (value.len && ((unsigned char)raw.data[value.len] & 0xc0) == 0x80)
            value.len--;
    }
    mola_buf_print(out, "`" MOLA_FMT "` %s " MOLA_FMT "%s", MOLA_ARG(tree->attr),
                   mola_filter_op_name(tree->op), MOLA_ARG(value),
                   value.len < raw.len ? "..." : "");
}
