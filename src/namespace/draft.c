/* An entry of ours: encoded, turned into the view it leads to (so that a change which does not fit
 * in memory is refused before anything is written), and offered for its slot. */
#include "mola/codec/block.h"
#include "namespace/name.h"

static mola_err fail_encoding(mola_why *why)
{
    return mola_fail(why, MOLA_NO_MEMORY, "not enough memory to encode the write");
}

/* Section 6: a payload may be named by the slots base .. base + 1,024; one that an earlier try
 * uploaded is used again. */
static void refer_to_payload(const mola_name *name, mola_draft *d)
{
    mola_payload_ref *large = &d->entry.large;
    const mola_upload *last = &name->upload;
    mola_str payload = mola_buf_str(&d->payload);
    large->bytes = payload.len;
    mola_sum128(payload, large->sum);
    if (last->valid && mola_same_nsid(last->nsid, d->entry.nsid) &&
        last->ref.bytes == large->bytes && memcmp(last->ref.sum, large->sum, 16) == 0 &&
        d->entry.seq - last->ref.base <= MOLA_PAYLOAD_DISTANCE_MAX) {
        MOLA_SOMETIMES(payload_used_again);
        *large = last->ref;
        return;
    }
    large->base = d->entry.seq;
    mola_chance(name->all->env, &large->rand, sizeof large->rand);
}

static mola_err encode_large(mola_draft *d, mola_why *why)
{
    MOLA_SOMETIMES(entry_went_out_of_line);
    mola_payload_encode(&d->payload, &d->entry.rows);
    if (d->payload.failed)
        return fail_encoding(why);
    d->entry.flags |= MOLA_ENTRY_LARGE;
    d->entry.rows = (mola_rows){0};
    refer_to_payload(d->name, d);
    mola_buf_free(&d->image);
    mola_entry_encode(&d->image, &d->entry);
    return d->image.failed ? fail_encoding(why) : MOLA_OK;
}

/* From our own bytes to the next view, on the way that every other reader takes. */
static mola_err make_next(mola_ctx *ctx, mola_draft *d, const mola_view *on,
                          const mola_known *known)
{
    mola_record record;
    mola_err err = mola_record_decode(d->name, mola_buf_str(&d->image), d->entry.nsid, d->entry.seq,
                                      &record, ctx->why);
    if (err)
        return err;
    if (d->entry.flags & MOLA_ENTRY_LARGE)
        err = mola_record_add_payload(d->name, &record, mola_buf_str(&d->payload), ctx->why);
    if (!err)
        err = mola_record_apply(ctx, d->name, on, &record, known, &d->next);
    mola_record_free(&record);
    return err;
}

static void begin(mola_ctx *ctx, mola_name *name, const mola_view *on, const mola_change *change,
                  mola_draft *d)
{
    mola_env *env = ctx->env;
    *d = (mola_draft){.name = name};
    mola_buf_init(&d->image, env->heap);
    mola_buf_init(&d->payload, env->heap);
    uint64_t wall_us = mola_wall_us(env);
    mola_entry *e = &d->entry;
    e->flags = change->flags & (MOLA_ENTRY_CONFIG | MOLA_ENTRY_SCHEMA | MOLA_ENTRY_SEAL);
    if (change->state && !(e->flags & (MOLA_ENTRY_CONFIG | MOLA_ENTRY_SCHEMA)))
        e->flags |= MOLA_ENTRY_SCHEMA;
    memcpy(e->nsid, on->nsid, sizeof e->nsid);
    mola_chance(env, e->batch_id, sizeof e->batch_id); /* I1: random for each evaluation */
    e->seq = on->seq + 1;
    e->prev_chain = on->chain;
    e->time_us = wall_us > on->time_us ? wall_us : on->time_us + 1;
    e->state = change->state;
    e->rows = change->rows;
}

mola_err mola_draft_make(mola_ctx *ctx, mola_name *name, const mola_view *on,
                         const mola_change *change, mola_draft *out)
{
    MOLA_ASSERT(on->seq > 0 && !on->sealed);
    MOLA_IMPLIES(change->flags & MOLA_ENTRY_SEAL, change->rows.count == 0); /* alone in its entry */
    MOLA_IMPLIES(change->flags & (MOLA_ENTRY_CONFIG | MOLA_ENTRY_SCHEMA), change->state);
    begin(ctx, name, on, change, out);
    mola_entry_encode(&out->image, &out->entry);
    if (out->image.failed)
        return fail_encoding(ctx->why);
    if (out->image.len > name->all->entry_bytes_max && out->entry.rows.count) {
        mola_err err = encode_large(out, ctx->why);
        if (err)
            return err;
    }
    mola_known known = {.ranges = change->known, .count = change->known_count};
    return make_next(ctx, out, on, &known);
}

mola_err mola_draft_make_first(mola_ctx *ctx, mola_name *name, const mola_view *empty,
                               const mola_change *change, uint64_t cond_ver, mola_draft *out,
                               bool *left_out)
{
    MOLA_ASSERT(empty->seq == 0 && change->state && !(change->flags & MOLA_ENTRY_SEAL));
    begin(ctx, name, empty, change, out);
    out->entry.flags |= MOLA_ENTRY_CREATE;
    out->entry.cond_ver = cond_ver;
    out->entry.name = mola_name_str(name);
    mola_entry_encode(&out->image, &out->entry);
    *left_out =
        !out->image.failed && out->image.len > name->all->entry_bytes_max && change->rows.count;
    if (*left_out) {
        out->entry.rows = (mola_rows){0};
        mola_buf_free(&out->image);
        mola_entry_encode(&out->image, &out->entry);
    }
    if (out->image.failed)
        return fail_encoding(ctx->why);
    return make_next(ctx, out, empty, NULL);
}

void mola_draft_free(mola_draft *draft)
{
    mola_buf_free(&draft->image);
    mola_buf_free(&draft->payload);
    if (draft->next)
        mola_view_unref(draft->next);
    draft->next = NULL;
}

mola_err mola_draft_upload(mola_ask *ask, mola_draft *draft)
{
    const mola_payload_ref *large = &draft->entry.large;
    mola_upload *last = &draft->name->upload;
    if (!(draft->entry.flags & MOLA_ENTRY_LARGE) ||
        (last->valid && mola_same_nsid(last->nsid, draft->entry.nsid) &&
         last->ref.base == large->base && last->ref.rand == large->rand))
        return MOLA_OK;
    mola_key key =
        mola_key_payload(draft->name->all->org, draft->entry.nsid, large->base, large->rand);
    for (;;) { /* nobody else knows the key: any number of copies may land, nothing follows from
                  them */
        mola_store_op op = {
            .verb = MOLA_PUT, .key = mola_key_str(&key), .body = mola_buf_str(&draft->payload)};
        mola_ask_run(ask, &op, 1);
        if (op.err == MOLA_OK)
            break;
        if (op.err == MOLA_INVALID || !mola_ask_again(ask)) {
            return mola_fail(ask->ctx.why, MOLA_UNAVAILABLE,
                             "the object store did not take the payload of the write");
        }
    }
    *last = (mola_upload){.valid = true, .ref = *large};
    memcpy(last->nsid, draft->entry.nsid, sizeof last->nsid);
    return MOLA_OK;
}

/* A 412 says that something stands in the slot, perhaps an earlier copy of our own request: read
 * the key back. */
static mola_slot read_back(mola_ask *ask, mola_draft *draft, mola_str key, mola_record *theirs)
{
    const mola_entry *ours = &draft->entry;
    mola_err err = MOLA_CORRUPT;
    for (int attempt = 0; attempt < 2 && err == MOLA_CORRUPT; attempt++) {
        mola_store_op op = {.verb = MOLA_GET, .key = key, .urgent = true};
        if (mola_ask_get(ask, &op, 1) || op.err == MOLA_NOT_FOUND)
            return MOLA_SLOT_UNKNOWN; /* gone again, or unreadable */
        err =
            mola_record_decode(draft->name, op.bytes, ours->nsid, ours->seq, theirs, ask->ctx.why);
    }
    if (err)
        return MOLA_SLOT_UNKNOWN;
    if (memcmp(theirs->entry.batch_id, ours->batch_id, sizeof ours->batch_id) == 0) {
        MOLA_SOMETIMES(put_412_was_ours);
        mola_record_free(theirs);
        return MOLA_SLOT_OURS;
    }
    MOLA_SOMETIMES(put_412_was_theirs);
    return MOLA_SLOT_THEIRS;
}

mola_slot mola_draft_offer(mola_ask *ask, mola_draft *draft, mola_record *theirs)
{
    const mola_entry *ours = &draft->entry;
    mola_key key = mola_key_entry(draft->name->all->org, ours->nsid, ours->seq);
    bool may_have_landed = false; /* I5: one attempt without a clear answer is enough */
    for (;;) {
        mola_store_op op = {.verb = MOLA_PUT,
                            .key = mola_key_str(&key),
                            .body = mola_buf_str(&draft->image),
                            .when = MOLA_PUT_IF_ABSENT, /* I1: a slot is created once */
                            .urgent = true};
        mola_ask_run(ask, &op, 1);
        if (op.err == MOLA_OK)
            return MOLA_SLOT_OURS;
        if (op.err == MOLA_CONFLICT)
            return read_back(ask, draft, mola_key_str(&key), theirs);
        bool refused = op.err == MOLA_INVALID; /* definite, but only for this attempt */
        if (!refused && op.err != MOLA_UNAVAILABLE)
            may_have_landed = true;
        if (refused || !mola_ask_again(ask)) { /* else the same key, the same bytes */
            MOLA_SOMETIMES(slot_unclear);
            return may_have_landed ? MOLA_SLOT_UNKNOWN : MOLA_SLOT_NOT_WRITTEN;
        }
    }
}
