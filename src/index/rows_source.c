#include "index/rows_source.h"
#include "mola/base/check.h"
#include <stdlib.h>

typedef struct {
    const mola_rows_source *from;
    mola_segment_writer *writer;
    mola_arena arena; /* of what follows */
    enum { IDS, ATTRIBUTE, POSTINGS, DOCUMENTS } what;
    uint32_t attr_index; /* ATTRIBUTE: as the writer knows it */
    mola_postings_feed *postings;
    uint32_t count; /* attributes that are read side by side */
    uint32_t *attrs;
    mola_type *types; /* what they are written as */
    mola_need *needs;
    mola_column_builder *builders;
    mola_column *columns;
    const mola_column **runs;
} copying;

/* The windows of one step, and one of them. */
typedef struct {
    uint32_t part, first, count;
} step;
typedef struct {
    const mola_view_part *part;
    uint32_t index, rows, live_rows;
    const uint64_t *live; /* NULL: all of them */
} window;

uint64_t mola_rows_live(const mola_rows_source *source)
{
    uint64_t live = 0;
    for (uint32_t i = source->part_first; i < source->part_until; i++)
        live += source->view->parts[i].live_rows;
    return live;
}

/* ------------------------------------------------------------------ one window */
static window window_at(const mola_view_part *part, uint32_t index)
{
    uint32_t rest = part->rows - index * MOLA_WINDOW_ROWS;
    window w = {.part = part, .index = index};
    w.rows = w.live_rows = rest < MOLA_WINDOW_ROWS ? rest : MOLA_WINDOW_ROWS;
    if (!part->live)
        return w;
    w.live = part->live + (size_t)index * MOLA_WINDOW_WORDS;
    w.live_rows = 0;
    for (size_t i = 0; i < mola_words(w.rows); i++)
        w.live_rows += (uint32_t)__builtin_popcountll(w.live[i]);
    return w;
}

/* The first row from `row` on that is live (or is not), or w->rows. */
static uint32_t next_row(const window *w, uint32_t row, bool live)
{
    while (row < w->rows) {
        uint64_t word = w->live[row / 64];
        word = (live ? word : ~word) >> row % 64;
        if (word) {
            row += (uint32_t)__builtin_ctzll(word);
            return row < w->rows ? row : w->rows;
        }
        row = (row / 64 + 1) * 64;
    }
    return w->rows;
}

static mola_err gather(mola_column_builder *b, const window *w, const mola_column *from)
{
    if (!w->live)
        return mola_part_add_cells(b, from, 0, w->rows);
    mola_err err = MOLA_OK;
    for (uint32_t row = next_row(w, 0, true); row < w->rows && !err;) {
        uint32_t end = next_row(w, row, false);
        err = mola_part_add_cells(b, from, row, end - row);
        row = next_row(w, end, true);
    }
    return err;
}

/* The live rows of attribute `i` in c->runs[i], which lasts until the builders are freed. */
static mola_err take_column(copying *c, uint32_t i, const window *w)
{
    mola_column *column = &c->columns[i];
    c->runs[i] = NULL;
    if (!mola_part_column(w->part->part, c->attrs[i], w->index, column))
        return MOLA_OK;
    MOLA_ASSERT(column->rows == w->rows);
    c->runs[i] = column;
    if (w->live_rows == w->rows && mola_type_eq(column->type, c->types[i]))
        return MOLA_OK;
    mola_err err = gather(&c->builders[i], w, column);
    *column = mola_column_built(&c->builders[i]);
    MOLA_ASSERT(err || column->rows == w->live_rows);
    return err;
}

static mola_err give(copying *c, const window *w)
{
    switch (c->what) {
    case IDS:
        return c->runs[0] ? mola_segment_add_ids(c->writer, c->runs[0]) : MOLA_CORRUPT;
    case ATTRIBUTE:
        return mola_segment_add(c->writer, c->attr_index, c->runs[0], w->live_rows);
    case POSTINGS:
        return mola_postings_feed_rows(c->postings, c->runs[0], w->live_rows);
    default:
        return mola_segment_add_documents(c->writer, c->runs, w->live_rows);
    }
}

static mola_err copy_window(copying *c, const window *w)
{
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < c->count; i++)
        mola_column_builder_init(&c->builders[i], c->from->heap, c->types[i]);
    for (uint32_t i = 0; i < c->count && !err; i++)
        err = take_column(c, i, w);
    if (!err)
        err = give(c, w);
    for (uint32_t i = 0; i < c->count; i++)
        mola_column_builder_free(&c->builders[i]);
    return err;
}

/* ------------------------------------------------------------------ steps of windows */
static uint64_t bytes_of(const copying *c, const step *s)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        mola_need need = {s->part, c->attrs[i], s->first, s->count};
        bytes += mola_view_need_bytes(c->from->view, &need);
    }
    return bytes;
}

/* As many windows from `first` on as go into one step. */
static step step_from(const copying *c, uint32_t part, uint32_t first)
{
    uint32_t left = mola_windows(c->from->view->parts[part].rows) - first;
    step s = {.part = part, .first = first, .count = 1};
    while (s.count < left) {
        step more = s;
        more.count = left - s.count > s.count ? 2 * s.count : left;
        if (bytes_of(c, &more) > c->from->step_bytes)
            break;
        s = more;
    }
    return s;
}

static mola_err copy_step(copying *c, const step *s)
{
    const mola_view_part *part = &c->from->view->parts[s->part];
    for (uint32_t i = 0; i < c->count; i++)
        c->needs[i] = (mola_need){s->part, c->attrs[i], s->first, s->count};
    mola_arena arena;
    mola_arena_init(&arena, c->from->ctx->arena->heap, SIZE_MAX);
    mola_ctx ctx = *c->from->ctx;
    ctx.arena = &arena;
    ctx.pins = NULL;
    mola_err err = mola_view_fetch(&ctx, c->from->view, c->needs, c->count);
    for (uint32_t i = s->first; i < s->first + s->count && !err; i++) {
        window w = window_at(part, i);
        if (w.live_rows)
            err = copy_window(c, &w);
    }
    mola_view_release(&ctx, NULL);
    mola_arena_reset(&arena);
    c->from->ctx->roundtrips = ctx.roundtrips;
    c->from->ctx->bytes_read = ctx.bytes_read;
    return err;
}

static mola_err copy_part(copying *c, uint32_t part)
{
    const mola_view_part *p = &c->from->view->parts[part];
    uint32_t windows = mola_windows(p->rows);
    mola_err err = MOLA_OK;
    for (uint32_t at = 0; at < windows && !err;) {
        if (window_at(p, at).live_rows == 0) { /* nothing of it is wanted */
            at++;
            continue;
        }
        err = c->from->pause ? c->from->pause(c->from->argument) : MOLA_OK;
        if (err)
            break;
        step s = step_from(c, part, at);
        err = copy_step(c, &s);
        at += s.count;
    }
    return err;
}

/* ------------------------------------------------------------------ attribute after attribute */
static mola_err begin(copying *c, uint32_t count)
{
    c->count = count;
    c->attrs = mola_new(&c->arena, uint32_t, count);
    c->types = mola_new(&c->arena, mola_type, count);
    c->needs = mola_new(&c->arena, mola_need, count);
    c->builders = mola_new(&c->arena, mola_column_builder, count);
    c->columns = mola_new(&c->arena, mola_column, count);
    c->runs = mola_new(&c->arena, const mola_column *, count);
    return c->attrs && c->types && c->needs && c->builders && c->columns && c->runs
               ? MOLA_OK
               : MOLA_NO_MEMORY;
}

static mola_err copy_parts(copying *c)
{
    mola_err err = MOLA_OK;
    for (uint32_t i = c->from->part_first; i < c->from->part_until && !err; i++)
        err = copy_part(c, i);
    return err;
}

static mola_err copy_one(copying *c, uint32_t attr, mola_type type)
{
    c->attrs[0] = attr;
    c->types[0] = type;
    return copy_parts(c);
}

static mola_err copy_documents(copying *c, const mola_attr *const *attrs, uint32_t attr_count)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < attr_count; i++)
        count += mola_segment_layout_of(attrs[i]) == MOLA_AS_DOCUMENTS;
    if (count == 0)
        return MOLA_OK;
    mola_err err = begin(c, count);
    if (err)
        return err;
    c->what = DOCUMENTS;
    count = 0;
    for (uint32_t i = 0; i < attr_count; i++) {
        if (mola_segment_layout_of(attrs[i]) != MOLA_AS_DOCUMENTS)
            continue;
        c->attrs[count] = attrs[i]->id;
        c->types[count++] = attrs[i]->type;
    }
    return copy_parts(c);
}

/* Texts are read once more and analysed. */
static mola_err write_postings(copying *c, const mola_attr *text, uint32_t attr_index,
                               mola_dictionary_builder *dictionary)
{
    c->what = POSTINGS;
    c->postings = mola_postings_feed_new(c->from->heap, text, c->writer, attr_index, dictionary);
    mola_err err = c->postings ? copy_one(c, text->id, text->type) : MOLA_NO_MEMORY;
    if (!err)
        err = mola_postings_feed_end(c->postings);
    mola_postings_feed_free(c->postings);
    return err;
}

/* All columns of postings, then all dictionaries, which were made beside them. */
static mola_err write_texts(copying *c, const mola_written_attrs *attrs)
{
    uint32_t count = attrs->text_count, at = attrs->own_count;
    uint32_t rows = (uint32_t)mola_rows_live(c->from);
    mola_heap *heap = c->from->heap;
    mola_dictionary_builder **made = mola_new(&c->arena, mola_dictionary_builder *, count);
    mola_err err = made ? MOLA_OK : MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < count && !err; i++) {
        made[i] = mola_dictionary_of(heap, attrs->texts[i], c->from->dictionary_bytes / count);
        err = made[i] ? write_postings(c, attrs->texts[i], at++, made[i]) : MOLA_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count && !err; i++)
        err = mola_dictionary_write(heap, made[i], rows, c->writer, at++);
    for (uint32_t i = 0; made && i < count; i++)
        mola_dictionary_builder_free(made[i]);
    return err;
}

mola_err mola_rows_write(const mola_rows_source *source, mola_segment_writer *writer,
                         const mola_written_attrs *attrs)
{
    copying c = {.from = source, .writer = writer, .what = IDS};
    mola_arena_init(&c.arena, source->heap, SIZE_MAX);
    mola_err err = begin(&c, 1);
    if (!err)
        err = copy_one(&c, MOLA_ATTR_ID, (mola_type){.elem = source->view->state->id_type});
    c.what = ATTRIBUTE;
    for (uint32_t i = 0; i < attrs->own_count && !err; i++) {
        c.attr_index = i;
        if (mola_segment_layout_of(attrs->attrs[i]) != MOLA_AS_DOCUMENTS)
            err = copy_one(&c, attrs->attrs[i]->id, attrs->attrs[i]->type);
    }
    if (!err)
        err = write_texts(&c, attrs);
    if (!err)
        err = copy_documents(&c, attrs->attrs, attrs->own_count);
    mola_arena_reset(&c.arena);
    return err;
}
