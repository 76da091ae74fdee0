/* One log entry on its way from bytes to a view. All memory is counted against the budget of views,
 * and others' views make room for it. */
#include "namespace/name.h"

void mola_record_free(mola_record *record)
{
    if (record->entry.state)
        mola_state_unref(record->entry.state);
    mola_image_free(&record->image);
    mola_image_free(&record->payload);
    *record = (mola_record){0};
}

static mola_err decode(mola_name *name, mola_str bytes, const uint8_t nsid[16], uint64_t seq,
                       mola_record *out, mola_why *why)
{
    *out = (mola_record){0};
    mola_heap *heap = &name->all->views.heap;
    mola_err err = mola_image_copy(heap, bytes, &out->image);
    if (!err) {
        err = mola_entry_decode(heap, out->image.bytes, nsid, seq, &out->entry, &out->image.memory,
                                why);
    }
    if (err) {
        out->entry.state = NULL;
        out->image.memory = NULL;
        mola_record_free(out);
    }
    return err;
}

mola_err mola_record_decode(mola_name *name, mola_str bytes, const uint8_t nsid[16], uint64_t seq,
                            mola_record *out, mola_why *why)
{
    mola_err err;
    MOLA_WITH_ROOM(name, err, decode(name, bytes, nsid, seq, out, why));
    if (err == MOLA_NO_MEMORY)
        return mola_fail_room(name, why);
    return err;
}

static mola_err add_payload(mola_name *name, mola_record *record, mola_str bytes, mola_why *why)
{
    mola_heap *heap = &name->all->views.heap;
    mola_err err = mola_image_copy(heap, bytes, &record->payload);
    if (!err) {
        err = mola_payload_decode(heap, record->payload.bytes, &record->entry.large,
                                  &record->entry.rows, &record->payload.memory, why);
    }
    if (err) {
        record->payload.memory = NULL;
        mola_image_free(&record->payload);
    }
    return err;
}

mola_err mola_record_add_payload(mola_name *name, mola_record *record, mola_str bytes,
                                 mola_why *why)
{
    mola_err err;
    MOLA_WITH_ROOM(name, err, add_payload(name, record, bytes, why));
    if (err == MOLA_NO_MEMORY)
        return mola_fail_room(name, why);
    return err;
}

mola_err mola_record_apply(mola_ctx *ctx, mola_name *name, const mola_view *on, mola_record *record,
                           const mola_known *known, mola_view **out)
{
    bool large = record->entry.flags & MOLA_ENTRY_LARGE;
    mola_image *rows = large ? &record->payload : &record->image;
    uint64_t bytes = record->image.bytes.len + record->payload.bytes.len;
    mola_err err;
    MOLA_WITH_ROOM(name, err, mola_view_apply(ctx, on, &record->entry, rows, bytes, known, out));
    mola_record_free(record);
    if (err == MOLA_NO_MEMORY) {
        mola_why_clear(ctx->why); /* it is the whole namespace that does not fit */
        return mola_fail_room(name, ctx->why);
    }
    return err;
}

mola_applying mola_applying_begin(mola_ctx *ctx, const mola_rows *rows)
{
    mola_applying applying = {.began_ns = mola_boot_ns(ctx->env),
                              .deadline_ns = ctx->deadline_ns,
                              .most_ns = rows->count * (MOLA_SECOND / MOLA_APPLIED_A_SECOND)};
    if (applying.most_ns > MOLA_NEVER - ctx->deadline_ns)
        applying.most_ns = MOLA_NEVER - ctx->deadline_ns;
    ctx->deadline_ns += applying.most_ns;
    return applying;
}

void mola_applying_end(mola_ctx *ctx, const mola_applying *applying)
{
    uint64_t took_ns = mola_boot_ns(ctx->env) - applying->began_ns;
    ctx->deadline_ns =
        applying->deadline_ns + (took_ns < applying->most_ns ? took_ns : applying->most_ns);
}
