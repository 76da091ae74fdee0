/* Compaction keeps the number of parts small: parts are sorted into classes by how many live rows
 * they have, each class eight times the one before, and eight parts of one class become one. So n
 * rows lie in at most 7 log8(n) parts and a row is moved log8(n) times. A part of which more than
 * half is dead is rewritten alone. One merge an entry at most, and none of parts that are large
 * already: the thread that does it has a client waiting. Segments are the indexer's business. */
#include "namespace/live.h"
#include "namespace/tail.h"

enum { FAN_IN = 8, CLASSES = 12, DEAD_ROWS_MIN = 64, PART_BYTES_MAX = 64 * 1024 * 1024 };

typedef struct {
    uint32_t count;
    uint32_t parts[FAN_IN]; /* indexes in the view, rising */
} group;

static uint32_t class_of(uint32_t live_rows)
{
    uint32_t class = 0;
    for (; live_rows >= FAN_IN; live_rows /= FAN_IN)
        class ++;
    return class;
}

static bool choose(const mola_view *view, group *out)
{
    group classes[CLASSES] = {0};
    for (uint32_t i = view->segment_count; i < view->part_count; i++) {
        const mola_view_part *p = &view->parts[i];
        uint32_t dead = p->rows - p->live_rows;
        group *g = &classes[class_of(p->live_rows)];
        if (dead <= p->live_rows / 4 && mola_part_bytes(p->part) > PART_BYTES_MAX)
            continue;
        if (dead > p->live_rows && dead >= DEAD_ROWS_MIN) {
            *out = (group){.count = 1, .parts = {i}};
            return true;
        }
        g->parts[g->count++] = i;
        if (g->count == FAN_IN) {
            *out = *g;
            return true;
        }
    }
    return false;
}

/* The live rows of a column, run by run. */
static mola_err add_live(mola_column_builder *b, const mola_column *from, const mola_view_part *p)
{
    if (!p->live)
        return mola_part_add_cells(b, from, 0, p->rows);
    if (!from)
        return mola_column_add_absent(b, p->live_rows);
    mola_err err = MOLA_OK;
    for (uint32_t row = 0; row < p->rows && !err;) {
        uint64_t rest = p->live[row / 64] >> row % 64;
        if (!rest) {
            row = (row / 64 + 1) * 64;
            continue;
        }
        row += (uint32_t)__builtin_ctzll(rest);
        uint32_t first = row;
        while (row < p->rows && mola_bit(p->live, row))
            row++;
        err = mola_part_add_cells(b, from, first, row - first);
    }
    return err;
}

static bool has_attr(const mola_view *view, const group *g, uint32_t attr)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (mola_part_attr_column(view->parts[g->parts[i]].part, attr))
            return true;
    }
    return false;
}

static mola_err merge(const mola_view *view, const group *g, mola_arena *scratch, mola_part **out)
{
    const mola_attr **attrs = mola_state_sorted(view->state, scratch);
    if (!attrs)
        return MOLA_NO_MEMORY;
    uint32_t attr_count = 0;
    for (uint32_t i = 0; i < view->state->attr_count; i++) {
        if (has_attr(view, g, attrs[i]->id))
            attrs[attr_count++] = attrs[i];
    }
    mola_part *part;
    mola_type id_type = view->parts[g->parts[0]].part->ids.type;
    mola_err err = mola_part_begin(view->heap, id_type, attrs, attr_count, &part);
    if (err)
        return err;
    for (uint32_t c = 0; c <= attr_count && !err; c++) {
        uint32_t attr = c ? attrs[c - 1]->id : MOLA_ATTR_ID;
        for (uint32_t i = 0; i < g->count && !err; i++) {
            const mola_view_part *p = &view->parts[g->parts[i]];
            err = add_live(&part->builders[c], mola_part_attr_column(p->part, attr), p);
        }
    }
    if (!err)
        err = mola_part_finish(part);
    if (err) {
        mola_part_unref(part);
    } else {
        part->home = view->home;
        *out = part;
    }
    return err;
}

void mola_view_compact(mola_view *view)
{
    group g;
    if (!choose(view, &g))
        return;
    mola_arena scratch = mola_scratch(view->heap);
    mola_part *merged;
    mola_err err = merge(view, &g, &scratch, &merged);
    mola_arena_reset(&scratch);
    if (err)
        return;
    uint32_t kept = 0, next = 0, live_rows = 0;
    for (uint32_t i = 0; i < view->part_count; i++) {
        if (next == g.count || g.parts[next] != i) {
            view->parts[kept++] = view->parts[i];
            continue;
        }
        live_rows += view->parts[i].live_rows;
        mola_live_unref(view->parts[i].live_owner);
        mola_part_unref(view->parts[i].part);
        if (++next == g.count) { /* stands where the newest of them stood */
            view->parts[kept++] =
                (mola_view_part){.part = merged, .rows = merged->rows, .live_rows = merged->rows};
        }
    }
    view->part_count = kept;
    MOLA_ASSERT(merged->rows == live_rows);
}
