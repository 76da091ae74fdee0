/* ask.h - a view and the answers to queries about it, as texts. */
#pragma once
#include "../scan/views.h"
#include "mola/query/query.h"

typedef struct {
    fixture *f;
    mola_json_doc *schema, *rows;
    mola_view *view;
} world;

static inline void world_open(world *w, fixture *f, const char *schema, const char *rows,
                              mola_metric_kind metric, const cut *cuts, uint32_t cut_count)
{
    w->f = f;
    w->schema = parse_text(f, schema, strlen(schema));
    w->rows = parse_text(f, rows, strlen(rows));
    mola_state *state = make_state(f, mola_json_root(w->schema), metric);
    w->view = make_view(f, state, mola_json_root(w->rows), cuts, cut_count);
}

static inline void world_close(world *w)
{
    mola_view_unref(w->view);
    mola_json_free(w->schema);
    mola_json_free(w->rows);
}

typedef struct {
    mola_err err;
    const char *text; /* members of the answer, or words; in the arena */
    uint64_t bytes, exhausted;
} answer;

/* `kernel`: NULL for the best one. */
static inline answer ask_with(world *w, const char *body, const char *kernel)
{
    fixture *f = w->f;
    mola_json_doc *doc = parse_text(f, body, strlen(body));
    mola_query *query;
    mola_query_result result;
    mola_str text;
    mola_why_clear(&f->why);
    answer out = {.err = mola_query_parse(&f->ctx, mola_json_root(doc), &query)};
    if (!out.err)
        out.err = mola_query_run(&f->ctx, w->view, mola_kernel_select(kernel), query, &result);
    if (out.err) {
        text = mola_why_text(&f->why);
    } else {
        text = mola_buf_str(&result.members);
        out.bytes = result.bytes_returned;
        out.exhausted = result.rows_exhausted;
    }
    char *copy = mola_new(&f->arena, char, text.len + 1);
    memcpy(copy, text.data, text.len);
    out.text = copy;
    if (!out.err)
        mola_buf_free(&result.members);
    mola_json_free(doc);
    return out;
}

static inline answer ask(world *w, const char *body)
{
    return ask_with(w, body, NULL);
}
