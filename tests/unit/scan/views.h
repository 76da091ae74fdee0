/* views.h - views for tests, made of JSON rows: cut into parts at will, with dead rows between the
 * living.
 *
 * The rows of a view stand in its parts in the order given; `cuts` says how many go into each.
 * Ghosts are rows that a newer write would have replaced: they are in the part, look like their
 * neighbour, and are not live. */
#pragma once
#include "mola/base/ctx.h"
#include "mola/model/schema.h"
#include "mola/namespace/view.h"
#include "namespace/live.h"
#include "namespace/part.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For tests and fuzz targets alike, so without Check: a view that cannot be made ends the process.
 */
#define MUST(c) ((c) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c), abort()))

typedef struct {
    mola_heap heap;
    mola_metrics metrics;
    mola_arena arena;
    mola_why why;
    mola_ctx ctx;
} fixture;

static inline void must_succeed(const fixture *f, mola_err err)
{
    if (err)
        fprintf(stderr, "%.*s\n", (int)f->why.len, f->why.text);
    MUST(!err);
}

static inline void fixture_open(fixture *f)
{
    memset(f, 0, sizeof *f);
    mola_heap_init(&f->heap, (size_t)1 << 32);
    mola_arena_init(&f->arena, &f->heap, (size_t)1 << 32);
    f->ctx =
        (mola_ctx){.env = mola_env_real(&f->heap, &f->metrics), .arena = &f->arena, .why = &f->why};
}

static inline void fixture_close(fixture *f)
{
    mola_arena_reset(&f->arena);
    mola_env_real_free(f->ctx.env);
    MUST(atomic_load(&f->heap.used) == 0);
}

/* Text as the parser wants it: followed by padding. In the arena. */
static inline mola_json_doc *parse_text(fixture *f, const char *text, size_t len)
{
    char *padded = mola_new(&f->arena, char, len + MOLA_JSON_PADDING);
    mola_json_doc *doc = mola_new(&f->arena, mola_json_doc, 1);
    memcpy(padded, text, len);
    mola_err err = mola_json_parse(&f->heap, (mola_str){padded, len}, doc, &f->why);
    if (err) {
        fprintf(stderr, "%.*s\n%.*s\n", (int)len, text, (int)f->why.len, f->why.text);
        abort();
    }
    return doc;
}

static inline mola_state *make_state(fixture *f, mola_json definitions, mola_metric_kind metric)
{
    mola_state *empty = mola_state_new(&f->heap);
    mola_state *state = mola_state_copy(&f->heap, empty, mola_json_count(definitions));
    mola_state_unref(empty);
    mola_err err = mola_schema_apply(state, definitions, NULL, &f->arena, &f->why);
    must_succeed(f, err);
    if (state->id_type == MOLA_ELEM_NONE)
        state->id_type = MOLA_ELEM_UINT;
    state->metric = (uint8_t)metric;
    return state;
}

typedef struct {
    uint32_t rows;   /* of the rows given */
    uint32_t ghosts; /* one dead row after each `ghosts` living ones; 0: none */
} cut;

static inline void add_cells(fixture *f, mola_part *part, const mola_attr *const *attrs,
                             mola_json row)
{
    for (uint32_t a = 0; a < part->attr_count; a++) {
        mola_err err = mola_column_add_json(
            &part->builders[a + 1], attrs[a]->name, attrs[a]->filterable,
            mola_json_get(row, attrs[a]->name), &mola_limits_default, &f->arena, &f->why);
        must_succeed(f, err);
    }
}

static inline void add_id(fixture *f, mola_part *part, const mola_state *state, mola_json row,
                          uint32_t ghost)
{
    mola_value id;
    char text[32];
    mola_err err = mola_id_from_json(mola_json_get(row, MOLA_STR("id")), (mola_elem)state->id_type,
                                     MOLA_ID_BYTES_MAX, &f->arena, &id, &f->why);
    must_succeed(f, err);
    if (ghost && id.elem == MOLA_ELEM_UINT)
        id.u = UINT64_MAX / 2 + ghost;
    else if (ghost && id.elem == MOLA_ELEM_UUID)
        memcpy(id.uuid + 12, &ghost, sizeof ghost);
    else if (ghost)
        id.s = (mola_str){text, (size_t)snprintf(text, sizeof text, "~ghost %u", ghost)};
    MUST(mola_column_add_value(&part->builders[0], &id) == MOLA_OK);
}

/* Fills one part and its place in the view; `row` walks over `list`. */
static inline void make_part(fixture *f, mola_view *view, const mola_attr *const *attrs, cut c,
                             mola_json list, mola_json *row, uint32_t *ghost)
{
    mola_view_part *place = &view->parts[view->part_count++];
    mola_type id_type = {.form = MOLA_FORM_SCALAR, .elem = view->state->id_type};
    uint32_t room = c.rows + (c.ghosts ? c.rows / c.ghosts : 0), at = 0;
    mola_live *live = mola_live_new(&f->heap, room);
    MUST(mola_part_begin(&f->heap, id_type, attrs, view->state->attr_count, &place->part) ==
         MOLA_OK);
    for (uint32_t i = 0; i < c.rows; i++) {
        add_id(f, place->part, view->state, *row, 0);
        add_cells(f, place->part, attrs, *row);
        live->bits[at >> 6] |= (uint64_t)1 << (at & 63);
        at++;
        if (c.ghosts && (i + 1) % c.ghosts == 0) {
            add_id(f, place->part, view->state, *row, ++*ghost);
            add_cells(f, place->part, attrs, *row);
            at++;
        }
        *row = mola_json_next(list, *row);
    }
    MUST(at == room);
    MUST(mola_part_finish(place->part) == MOLA_OK);
    place->rows = room;
    place->live_rows = c.rows;
    place->live = live->bits;
    place->live_owner = live;
    view->live_rows += c.rows;
}

/* Takes over the reference to `state`. Rows beyond the cuts go into a last part. */
static inline mola_view *make_view(fixture *f, mola_state *state, mola_json rows, const cut *cuts,
                                   uint32_t cut_count)
{
    uint32_t total = mola_json_count(rows), cut_rows = 0, ghost = 0;
    size_t bytes = sizeof(mola_view) + (cut_count + 1) * sizeof(mola_view_part);
    mola_view *view = mola_alloc(&f->heap, bytes);
    const mola_attr **attrs = mola_state_sorted(state, &f->arena);
    mola_ref_init(&view->ref);
    view->heap = &f->heap;
    view->memory_max = f->heap.limit;
    view->bytes = bytes;
    view->state = state;
    mola_json row = mola_json_first(rows);
    for (uint32_t i = 0; i < cut_count; i++) {
        make_part(f, view, attrs, cuts[i], rows, &row, &ghost);
        cut_rows += cuts[i].rows;
    }
    MUST(cut_rows <= total);
    if (cut_rows < total)
        make_part(f, view, attrs, (cut){.rows = total - cut_rows}, rows, &row, &ghost);
    return view;
}
