#include "write/found.h"
#include "mola/scan/windows.h"
#include "write/first.h"

typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    mola_write_found *found;
} finding;

static mola_err no_memory(const finding *f)
{
    return mola_fail(f->ctx->why, MOLA_NO_MEMORY,
                     "what the filter matches does not fit in the memory of a request");
}

static size_t words_of(const mola_write_found *found, uint32_t part)
{
    return mola_words(found->view->parts[part].rows);
}

static void free_bits(const mola_write_found *found, uint64_t **bits)
{
    uint32_t count = found->view ? found->view->segment_count : 0;
    for (uint32_t p = 0; bits && p < count; p++) {
        if (bits[p])
            mola_free(found->heap, bits[p], words_of(found, p) * sizeof(uint64_t));
    }
    mola_free(found->heap, bits, count * sizeof *bits);
}

void mola_write_found_free(mola_write_found *found)
{
    if (!found)
        return;
    mola_heap *heap = found->heap;
    for (uint32_t i = 0; found->builders && i < found->column_count; i++) {
        if (found->builders[i].heap)
            mola_column_builder_free(&found->builders[i]);
    }
    mola_column_builder_free(&found->ids);
    for (uint32_t kind = 0; kind < 2; kind++)
        free_bits(found, found->bits[kind]);
    if (found->view)
        mola_view_unref(found->view);
    mola_free(heap, found->given, mola_words(found->rows.count) * sizeof *found->given);
    mola_free(heap, found->builders, found->column_count * sizeof *found->builders);
    mola_free(heap, found->columns, found->column_count * sizeof *found->columns);
    mola_free(heap, found->ops, found->rows.count);
    mola_free(heap, found, sizeof *found);
}

/* -- which documents -------------------------------------------------------------------------- */

static void leave_out(mola_rowset *rows, const mola_rowset *gone)
{
    for (uint32_t p = 0; p < rows->view->part_count; p++) {
        if (!gone->bits || !gone->bits[p] || !rows->bits[p])
            continue;
        for (size_t w = 0; w < mola_words(rows->view->parts[p].rows); w++)
            rows->bits[p][w] &= ~gone->bits[p][w];
    }
    rows->count -= gone->count;
}

static mola_err match(finding *f, const mola_filter *filter, uint64_t most, bool partial,
                      mola_rowset *rows)
{
    mola_attr_list ids = {.arena = f->ctx->arena};
    mola_attr_list_add(&ids, MOLA_ATTR_ID);
    if (ids.full)
        return no_memory(f);
    mola_err err = mola_rowset_live(f->ctx, f->view, rows);
    if (err)
        return err;
    leave_out(rows, &f->found->gone);
    err = mola_filter_run_ahead(f->ctx, filter, &ids, rows);
    if (err || rows->count <= most)
        return err;
    if (!partial) {
        return mola_fail(f->ctx->why, MOLA_INVALID,
                         "the filter matches %llu documents, more than the limit of %llu",
                         (unsigned long long)rows->count, (unsigned long long)most);
    }
    f->found->remaining = true;
    err = mola_write_keep_first(f->ctx, rows, most);
    return err == MOLA_NO_MEMORY ? no_memory(f) : err;
}

static mola_err add_ids(void *of, const mola_window *window)
{
    finding *f = of;
    mola_column ids;
    bool have =
        mola_part_column(f->view->parts[window->part].part, MOLA_ATTR_ID, window->index, &ids);
    MOLA_ASSERT(have);
    for (size_t w = 0; w < mola_words(window->rows); w++) {
        for (uint64_t rest = window->bits[w]; rest; rest &= rest - 1) {
            uint32_t row = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(rest);
            if (mola_column_add_row(&f->found->ids, &ids, row))
                return no_memory(f);
        }
    }
    return MOLA_OK;
}

/* Remembers where the rows of segments stand; those in memory are soon looked up. */
static mola_err remember(mola_write_found *found, uint32_t kind, const mola_rowset *rows)
{
    uint32_t segments = found->view->segment_count;
    found->bits[kind] = mola_alloc_array(found->heap, uint64_t *, segments);
    if (segments && !found->bits[kind])
        return MOLA_NO_MEMORY;
    for (uint32_t p = 0; p < segments; p++) {
        size_t words = words_of(found, p);
        uint32_t count = 0;
        for (size_t w = 0; rows->bits[p] && w < words; w++)
            count += (uint32_t)__builtin_popcountll(rows->bits[p][w]);
        if (count == 0)
            continue;
        uint64_t *bits = mola_alloc_array(found->heap, uint64_t, words);
        if (!bits)
            return MOLA_NO_MEMORY;
        memcpy(bits, rows->bits[p], words * sizeof *bits);
        found->bits[kind][p] = bits;
        found->in_segments[kind] += count;
    }
    return MOLA_OK;
}

uint32_t mola_write_found_known(const mola_write_found *found, uint32_t first,
                                mola_known_rows out[2])
{
    const uint32_t from[2] = {0, found->deletes};
    uint32_t count = 0;
    for (uint32_t kind = 0; kind < 2; kind++) {
        if (found->in_segments[kind] == 0)
            continue;
        out[count++] = (mola_known_rows){.view = found->view,
                                         .bits = found->bits[kind],
                                         .first = first + from[kind],
                                         .count = found->in_segments[kind]};
    }
    return count;
}

static mola_err collect(finding *f, uint32_t kind, const mola_rowset *rows)
{
    if (remember(f->found, kind, rows))
        return no_memory(f);
    mola_attr_list ids = {.arena = f->ctx->arena};
    mola_attr_list_add(&ids, MOLA_ATTR_ID);
    if (ids.full)
        return no_memory(f);
    mola_walk walk = {.attrs = &ids, .of = f, .visit = add_ids};
    return mola_scan_windows(f->ctx, rows, &walk);
}

/* -- what becomes of them ---------------------------------------------------------------------- */

/* The attribute as the one patch has it, for every patched document. */
static mola_err spread(mola_write_found *found, uint32_t index, const mola_row_column *patch)
{
    mola_column_builder *b = &found->builders[index];
    mola_column_builder_init(b, found->heap, patch->column.type);
    bool removes = !mola_column_has(&patch->column, 0);
    mola_err err =
        mola_column_add_absent(b, removes ? found->deletes + found->patches : found->deletes);
    for (uint32_t i = 0; i < found->patches && !removes && !err; i++)
        err = mola_column_add_row(b, &patch->column, 0);
    found->columns[index] = (mola_row_column){.attr = patch->attr, .column = mola_column_built(b)};
    found->encoded_bytes += mola_write_builder_bytes(b);
    if (!removes || err)
        return err;
    if (!found->given) {
        uint32_t count = found->deletes + found->patches;
        found->given = mola_alloc_array(found->heap, uint64_t, mola_words(count));
        for (uint32_t row = found->deletes; found->given && row < count; row++)
            found->given[row / 64] |= (uint64_t)1 << row % 64;
    }
    found->columns[index].given = found->given;
    return found->given ? MOLA_OK : MOLA_NO_MEMORY;
}

static mola_err spread_all(mola_write_found *found, const mola_rows *patch)
{
    if (patch->column_count == 0)
        return MOLA_OK;
    found->columns = mola_alloc_array(found->heap, mola_row_column, patch->column_count);
    found->builders = mola_alloc_array(found->heap, mola_column_builder, patch->column_count);
    found->column_count = patch->column_count;
    if (!found->columns || !found->builders)
        return MOLA_NO_MEMORY;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < patch->column_count && !err; i++)
        err = spread(found, i, &patch->columns[i]);
    return err;
}

static mola_err make_rows(mola_write_found *found, const mola_write_plan *plan)
{
    uint32_t count = found->deletes + found->patches;
    if (count == 0)
        return MOLA_OK;
    found->ops = mola_alloc(found->heap, count);
    if (!found->ops)
        return MOLA_NO_MEMORY;
    memset(found->ops, MOLA_OP_DELETE, found->deletes);
    memset(found->ops + found->deletes, MOLA_OP_PATCH, found->patches);
    found->rows = (mola_rows){.count = count, .ops = found->ops};
    found->rows.ids = mola_column_built(&found->ids);
    found->encoded_bytes = count + mola_write_builder_bytes(&found->ids);
    mola_err err = found->patches ? spread_all(found, &plan->patch->rows) : MOLA_OK;
    found->rows.columns = found->columns;
    found->rows.column_count = found->column_count;
    return err;
}

/* A patch of large values touches fewer documents: what it writes stands in one entry. */
static uint64_t patches_max(const mola_write_limits *limits, const mola_write_plan *plan)
{
    uint64_t bytes = plan->patch->row_bytes[0], most = limits->patch_by_filter_max;
    uint64_t fit = bytes ? limits->patch_by_filter_bytes / bytes : most;
    return fit < most ? fit : most;
}

static mola_err find(finding *f, const mola_write_plan *plan, const mola_write_request *request,
                     const mola_write_limits *limits)
{
    mola_write_found *found = f->found;
    mola_rowset rows;
    mola_err err = MOLA_OK;
    if (plan->delete_by_filter) {
        err = match(f, plan->delete_by_filter, limits->delete_by_filter_max,
                    request->delete_by_filter_partial, &rows);
        if (!err)
            err = collect(f, 0, &rows);
        found->deletes = found->ids.rows;
        found->gone = rows;
    }
    if (!err && plan->patch_by_filter) {
        err = match(f, plan->patch_by_filter, patches_max(limits, plan),
                    request->patch_by_filter_partial, &rows);
        if (!err)
            err = collect(f, 1, &rows);
        found->patches = found->ids.rows - found->deletes;
    }
    if (!err && make_rows(found, plan))
        err = no_memory(f);
    return err;
}

mola_err mola_write_find(mola_ctx *ctx, mola_heap *heap, mola_view *view,
                         const mola_write_plan *plan, const mola_write_request *request,
                         const mola_write_limits *limits, mola_write_found **out)
{
    mola_write_found *found = mola_alloc(heap, sizeof *found);
    finding f = {.ctx = ctx, .view = view, .found = found};
    if (!found)
        return no_memory(&f);
    found->heap = heap;
    found->view = view;
    mola_view_ref(view);
    mola_type id_type = {.form = MOLA_FORM_SCALAR, .elem = view->state->id_type};
    mola_column_builder_init(&found->ids, heap, id_type);
    mola_pin *mark = ctx->pins;
    mola_err err = find(&f, plan, request, limits);
    mola_view_release(ctx, mark);
    if (err) {
        mola_write_found_free(found);
    } else {
        *out = found;
    }
    return err;
}
