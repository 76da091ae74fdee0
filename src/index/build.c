#include "index/build.h"
#include "mola/base/check.h"
#include "mola/format/delete_vector.h"

enum {
    HELD_PART = 8,      /* of a step's memory: finished objects that are sent together */
    STEP_PART = 16,     /* windows that are read at once, as they are stored */
    DICTIONARY_PART = 4 /* dictionaries, until their postings are written */
};

mola_err mola_build_begin(mola_build *b, mola_ctx *outer, mola_indexer *indexer, mola_str name)
{
    *b = (mola_build){
        .ctx = *outer, .outer = outer, .indexer = indexer, .heap = &indexer->heap.heap};
    b->name = mola_name_open(indexer->names, name);
    if (!b->name)
        return mola_fail(outer->why, MOLA_NO_MEMORY, "not enough memory to open a namespace");
    mola_arena_init(&b->arena, b->heap, SIZE_MAX);
    b->ctx.arena = &b->arena;
    b->ctx.pins = NULL;
    return MOLA_OK;
}

mola_err mola_build_end(mola_build *b, mola_err err)
{
    mola_view_release(&b->ctx, NULL);
    mola_name_close(b->name);
    b->outer->roundtrips = b->ctx.roundtrips;
    b->outer->bytes_read = b->ctx.bytes_read;
    mola_arena_reset(&b->arena);
    if (err == MOLA_NO_MEMORY)
        return mola_fail(b->outer->why, err, "not enough memory to build a segment");
    return err;
}

mola_object_place mola_build_place(mola_build *b, const mola_manifest *m)
{
    mola_object_place place = {.base = m->ver};
    memcpy(place.owner, m->nsid, sizeof place.owner);
    mola_chance(b->ctx.env, &place.rand, sizeof place.rand);
    return place;
}

void mola_build_objects(mola_build *b, mola_new_objects *objects)
{
    uint64_t held = mola_indexer_share(b->indexer) / HELD_PART;
    if (held < MOLA_INLINE_BYTES_MAX)
        held = MOLA_INLINE_BYTES_MAX;
    mola_new_objects_init(objects, &b->ctx, b->indexer, held);
}

mola_err mola_build_may_go_on(mola_build *b)
{
    if (mola_indexer_stopping(b->indexer))
        return mola_fail(b->ctx.why, MOLA_UNAVAILABLE, "the indexer is being closed");
    return MOLA_OK;
}

static mola_err write_rows(mola_build *b, const mola_build_rows *rows, mola_segment_writer *writer,
                           const mola_written_attrs *attrs, mola_segment_made *made)
{
    uint64_t step = mola_indexer_share(b->indexer) / STEP_PART;
    const mola_rows_source source = {.ctx = &b->ctx,
                                     .view = rows->view,
                                     .part_first = rows->part_first,
                                     .part_until = rows->part_until,
                                     .heap = b->heap,
                                     .step_bytes = step,
                                     .dictionary_bytes =
                                         mola_indexer_share(b->indexer) / DICTIONARY_PART,
                                     .pause = rows->pause,
                                     .argument = rows->argument};
    mola_err err = mola_rows_write(&source, writer, attrs);
    return err ? err : mola_segment_finish(writer, made);
}

mola_err mola_build_segment(mola_build *b, const mola_build_rows *rows, mola_new_objects *objects,
                            mola_segment_info *info)
{
    const mola_state *state = rows->view->state;
    const mola_rows_source counted = {
        .view = rows->view, .part_first = rows->part_first, .part_until = rows->part_until};
    uint64_t live = mola_rows_live(&counted);
    MOLA_ASSERT(live > 0);
    if (live > MOLA_SEGMENT_ROWS_MAX) {
        return mola_fail(b->ctx.why, MOLA_INVALID, "a segment cannot have %llu rows",
                         (unsigned long long)live);
    }
    mola_written_attrs attrs;
    mola_err err = mola_written_attrs_of(state, &b->arena, &attrs);
    if (err)
        return err;
    mola_segment_id id = {.base = objects->place.base, .rand = objects->place.rand};
    memcpy(id.owner, objects->place.owner, sizeof id.owner);
    mola_segment_writer *writer;
    mola_segment_made made = {0};
    err =
        mola_segment_writer_open(b->heap, &id, (uint32_t)live, (mola_type){.elem = state->id_type},
                                 attrs.attrs, mola_written_count(&attrs), &objects->sink, &writer);
    if (err)
        return err;
    err = write_rows(b, rows, writer, &attrs, &made);
    mola_segment_writer_free(writer);
    if (err)
        return err;
    *info = (mola_segment_info){.rows = (uint32_t)live,
                                .head_bytes = made.head_bytes,
                                .data_bytes = made.data_bytes,
                                .object_count = made.object_count};
    mola_count(b->ctx.env->metrics, MOLA_M_index_rows_total, (int64_t)live);
    mola_count(b->ctx.env->metrics, MOLA_M_index_bytes_written_total,
               (int64_t)(made.head_bytes + made.data_bytes));
    return MOLA_OK;
}

mola_err mola_build_deletes(mola_build *b, mola_object_place place, const mola_segment_ref *of,
                            uint32_t rows, const uint64_t *dead, mola_new_objects *objects)
{
    mola_delete_vector_id id = {.base = place.base, .rand = place.rand};
    mola_segment_id segment = {.base = of->base, .rand = of->rand};
    memcpy(id.owner, place.owner, sizeof id.owner);
    memcpy(segment.owner, of->owner, sizeof segment.owner);
    mola_buf image;
    mola_buf_init(&image, b->heap);
    mola_delete_vector_encode(&image, &id, &segment, rows, dead);
    mola_err err = image.failed ? MOLA_NO_MEMORY : MOLA_OK;
    if (!err)
        err = mola_new_objects_add(objects, place, MOLA_OBJECT_DELETES, 0, mola_buf_str(&image));
    mola_count(b->ctx.env->metrics, MOLA_M_index_bytes_written_total, (int64_t)image.len);
    mola_buf_free(&image);
    return err;
}

mola_err mola_build_publish(mola_build *b, const mola_held *now, mola_manifest *next)
{
    mola_err err = mola_manifest_replace(&b->ctx, b->name, now, next, NULL);
    if (!err)
        mola_indexer_published(&b->ctx, b->indexer, mola_name_text(b->name));
    return err;
}
