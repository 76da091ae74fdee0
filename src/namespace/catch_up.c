/* Reading the log of an incarnation from a view's end to its tail (protocol section 5). */
#include "namespace/name.h"

enum {
    WIDTH_MAX = 16,         /* GETs in one batch */
    WIDTH_BLIND_MAX = 8,    /* without a hint: guesses beyond the tail cost a request each */
    BEHIND_BEFORE_HINT = 8, /* entries found one after the other: now ask how many there are */
    HINT_ENTRIES = MOLA_LIST_KEYS_MAX,
};
#define BATCH_BYTES_MAX ((uint64_t)32 * 1024 * 1024)

typedef struct { /* what one LIST said about the entries from `first` on; it decides nothing */
    uint64_t first, until;
    bool more; /* there may be further ones behind it */
    uint64_t size[HINT_ENTRIES];
} log_hint;

typedef struct {
    mola_ctx *ctx;
    mola_name *name;
    mola_view *view; /* one reference; moves forward */
    mola_held *held; /* the manifest that names the logs */
    log_hint *hint;  /* NULL: not asked for */
    uint32_t found;  /* entries read by this call */
    uint32_t usual;  /* what the last call found that found any */
    bool cold;       /* the view was opened from a manifest: expect many */
    uint64_t known;  /* entries up to here exist: an older view has seen them */
    /* of a view that is built for itself (mola_view_build) */
    bool alone;
    uint64_t bytes_max, rows_max;
} chase;

/* ------------------------------------------------------------------ one batch */
typedef struct {
    size_t size; /* of this block */
    mola_ask ask;
    mola_key keys[WIDTH_MAX + 1]; /* of the slots; the last: where the LIST starts */
    mola_key list_prefix;
    uint32_t count, width; /* operations; slots, which come first */
    uint32_t list_at, hold_at;
    uint32_t opening_at, opening_count; /* what opening the segments of the view needs */
    mola_hold_ask hold;
    mola_key payload_key;
    mola_str suspect;               /* the object to be named when something is corrupt */
    mola_record records[WIDTH_MAX]; /* the entries of the slots, decoded ahead */
    mola_err decoded[WIDTH_MAX];    /* what came of that, or what the slot answered */
    mola_store_op ops[];
} batch;
enum { NOT_ASKED = UINT32_MAX };

/* Without a hint. Mostly there is nothing new, so the first slot goes alone; where something stands
 * there, one slot behind it proves the tail. There may be as many as the last time, and after each
 * batch that was full as many again. */
static uint32_t guess_width(const chase *c)
{
    if (c->found == 0 || (c->hint && !c->hint->more))
        return 1;
    uint32_t guess = c->usual > c->found ? c->usual - c->found + 1 : c->found;
    return guess < WIDTH_BLIND_MAX ? guess : WIDTH_BLIND_MAX;
}

static uint32_t choose_width(const chase *c, uint64_t seq)
{
    if (!c->hint && seq < c->known)
        return c->known - seq < WIDTH_MAX ? (uint32_t)(c->known - seq + 1) : WIDTH_MAX;
    if (!c->hint || seq >= c->hint->until)
        return guess_width(c);
    uint64_t bytes = 0;
    uint32_t width = 0;
    while (width < WIDTH_MAX && seq + width < c->hint->until) {
        bytes += c->hint->size[seq + width - c->hint->first];
        if (width && bytes > BATCH_BYTES_MAX)
            break;
        width++;
    }
    return width;
}

static bool wants_hint(const chase *c, uint64_t seq)
{
    if (!c->hint)
        return (c->cold && seq > c->known) || c->found >= BEHIND_BEFORE_HINT;
    return c->hint->more && seq >= c->hint->until;
}

static void prepare(const chase *c, batch *b)
{
    mola_str org = c->name->all->org;
    uint64_t seq = c->view->seq + 1;
    const uint8_t *owner = mola_log_owner(&c->held->manifest, seq);
    b->width = 0;
    for (uint32_t want = choose_width(c, seq); b->width < want; b->width++) {
        if (mola_log_owner(&c->held->manifest, seq + b->width) != owner)
            break; /* the next log begins with the next batch */
        b->keys[b->width] = mola_key_entry(org, owner, seq + b->width);
        b->ops[b->width] =
            (mola_store_op){.verb = MOLA_GET, .key = mola_key_str(&b->keys[b->width])};
    }
    b->count = b->width;
    b->list_at = b->hold_at = NOT_ASKED;
    if (wants_hint(c, seq)) { /* newest first: what stands after this key is older than it */
        b->keys[WIDTH_MAX] = mola_key_entry(org, owner, seq + HINT_ENTRIES);
        b->list_prefix = mola_key_log_prefix(org, owner);
        b->list_at = b->count++;
        b->ops[b->list_at] = (mola_store_op){.verb = MOLA_LIST,
                                             .key = mola_key_str(&b->list_prefix),
                                             .start_after = mola_key_str(&b->keys[WIDTH_MAX])};
    }
    if (!mola_hold_is_fresh(c->name)) { /* cold or expired: one round trip for both */
        b->hold_at = b->count++;
        mola_hold_prepare(c->name, &b->hold, &b->ops[b->hold_at]);
    }
    b->opening_at = b->count;
    b->opening_count = (uint32_t)mola_opening_ops(c->name, c->view, &b->ops[b->opening_at]);
    b->count += b->opening_count;
}

static mola_err take_hint(chase *c, const batch *b)
{
    const mola_store_op *op = &b->ops[b->list_at];
    if (!c->hint) {
        c->hint = mola_alloc(c->ctx->env->heap, sizeof *c->hint);
        if (!c->hint)
            return MOLA_NO_MEMORY;
    }
    c->hint->first = c->hint->until = c->view->seq + 1;
    for (uint32_t i = 0; op->err == MOLA_OK && i < op->entry_count; i++) {
        uint8_t nsid[16];
        uint64_t seq;
        if (!mola_key_parse_entry(c->name->all->org, op->entries[i].key, nsid, &seq) ||
            seq < c->hint->first || seq - c->hint->first >= HINT_ENTRIES)
            continue;
        c->hint->size[seq - c->hint->first] = op->entries[i].size;
        if (c->hint->until <= seq)
            c->hint->until = seq + 1;
    }
    c->hint->more = op->err != MOLA_OK || c->hint->until - c->hint->first >= HINT_ENTRIES - 1;
    return MOLA_OK;
}

static mola_err run(chase *c, batch *b)
{
    mola_ask_run(&b->ask, b->ops, b->count);
    if (b->list_at != NOT_ASKED) {
        mola_err err = take_hint(c, b);
        if (err)
            return err;
    }
    if (b->hold_at != NOT_ASKED) {
        /* Anything but an answer leaves the hold as it is: settling will ask again. */
        mola_err err = mola_hold_absorb(&b->ask.ctx, c->name, &b->hold, &b->ops[b->hold_at]);
        (void)err;
    }
    return MOLA_OK;
}

/* ------------------------------------------------------------------ one entry */
/* The rows of a LARGE entry. MOLA_NOT_FOUND: the object is gone. */
static mola_err read_payload(chase *c, batch *b, mola_record *record)
{
    const mola_payload_ref *large = &record->entry.large;
    mola_name *name = c->name;
    if (large->bytes > name->all->views.heap.limit)
        return mola_fail_room(name, b->ask.ctx.why);
    b->payload_key = mola_key_payload(name->all->org, record->entry.nsid, large->base, large->rand);
    b->suspect = mola_key_str(&b->payload_key);
    mola_err err = MOLA_CORRUPT;
    for (int attempt = 0; attempt < 2 && err == MOLA_CORRUPT; attempt++) {
        mola_store_op op = {.verb = MOLA_GET, .key = b->suspect};
        err = mola_ask_get(&b->ask, &op, 1);
        if (err || op.err == MOLA_NOT_FOUND)
            return err ? err : MOLA_NOT_FOUND;
        err = mola_record_add_payload(name, record, op.bytes, b->ask.ctx.why);
    }
    return err;
}

static mola_err read_entry(chase *c, batch *b, mola_store_op *op, uint64_t seq, mola_record *out)
{
    const uint8_t *owner = mola_log_owner(&c->held->manifest, seq);
    mola_err err = mola_record_decode(c->name, op->bytes, owner, seq, out, b->ask.ctx.why);
    if (err == MOLA_CORRUPT) { /* I14: no byte is believed unchecked */
        MOLA_SOMETIMES(reread_corrupt);
        *op = (mola_store_op){.verb = MOLA_GET, .key = op->key};
        err = mola_ask_get(&b->ask, op, 1);
        if (!err && op->err == MOLA_NOT_FOUND)
            return MOLA_NOT_FOUND;
        if (!err)
            err = mola_record_decode(c->name, op->bytes, owner, seq, out, b->ask.ctx.why);
    }
    return err;
}

/* What a settled entry must be, given all before it. A stray in a collected slot would not have the
 * chain. */
static bool is_next(const mola_view *view, const mola_entry *e)
{
    if (e->prev_chain != view->chain)
        return false;
    if (!view->state && !(e->state && (e->flags & MOLA_ENTRY_CREATE)))
        return false;
    return !(e->flags & MOLA_ENTRY_LARGE) ||
           (e->large.base <= e->seq && e->seq - e->large.base <= MOLA_PAYLOAD_DISTANCE_MAX);
}

/* Judges what the batch said about slot `seq`, its `i`-th. MOLA_NOT_FOUND: it is absent, the view
 * is current. MOLA_CONFLICT: restart. MOLA_OK: the record is the next entry. */
static mola_err judge(chase *c, batch *b, uint32_t i, uint64_t seq)
{
    mola_record *record = &b->records[i];
    mola_err err = b->decoded[i];
    bool absent = err == MOLA_NOT_FOUND, payload_gone = false;
    if (!err && (record->entry.flags & MOLA_ENTRY_LARGE)) {
        err = read_payload(c, b, record);
        payload_gone = err == MOLA_NOT_FOUND;
    }
    if (err && !absent && !payload_gone)
        return err;
    /* I3: what was said about a slot, present or absent, counts only when it is settled, each slot
     * by itself. The answer is processed now, whenever it came. */
    mola_moment seen = mola_moment_now(c->ctx->env);
    if (!mola_hold_settle(&b->ask.ctx, c->name, c->view->nsid, seq, seen)) {
        MOLA_SOMETIMES(restart_below_floor);
        return MOLA_CONFLICT;
    }
    if (absent && !c->view->state) /* the manifest came after it: I8 */
        return mola_fail(b->ask.ctx.why, MOLA_CORRUPT, "the entry of its birth is gone");
    if (absent) { /* a borrowed slot is never the tail */
        const uint8_t *owner = mola_log_owner(&c->held->manifest, seq);
        return mola_same_nsid(owner, c->view->nsid) ? MOLA_NOT_FOUND : MOLA_CONFLICT;
    }
    if (payload_gone)
        return mola_fail(b->ask.ctx.why, MOLA_CORRUPT, "its payload is gone");
    if (!is_next(c->view, &record->entry))
        return mola_fail(b->ask.ctx.why, MOLA_CORRUPT, "it does not follow the entry before it");
    return MOLA_OK;
}

/* A view that is built for itself has what was asked for. */
static bool has_enough(const chase *c)
{
    return c->alone && (c->view->log_bytes >= c->bytes_max || c->view->log_rows >= c->rows_max);
}

static mola_err apply(chase *c, batch *b, mola_record *record, mola_view **next)
{
    mola_ctx *ctx = &b->ask.ctx;
    mola_applying applying = mola_applying_begin(ctx, &record->entry.rows);
    mola_err err = mola_record_apply(ctx, c->name, c->view, record, NULL, next);
    mola_applying_end(ctx, &applying);
    c->ctx->deadline_ns = ctx->deadline_ns;
    return err;
}

/* One slot: judges it, and moves the view over the entry. Errors as judge(). */
static mola_err step(chase *c, batch *b, uint32_t i)
{
    mola_record *record = &b->records[i];
    if (b->decoded[i] != MOLA_CORRUPT) /* else they tell what is wrong with it */
        mola_why_clear(&b->ask.why);
    b->suspect = b->ops[i].key;
    mola_err err = judge(c, b, i, c->view->seq + 1);
    mola_view *next;
    if (!err && c->alone && (record->entry.flags & MOLA_ENTRY_SEAL))
        err = MOLA_NOT_FOUND; /* a SEAL is never indexed */
    if (!err)
        err = apply(c, b, record, &next);
    if (err == MOLA_CORRUPT)
        return mola_fail_object(&b->ask.ctx, err, b->suspect);
    if (err)
        return err;
    mola_view_unref(c->view);
    c->view = next;
    c->found++;
    return MOLA_OK;
}

/* Every slot and every object of the opening has been answered. */
static mola_err settle_answers(batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        bool waited_for = i < b->width || i >= b->opening_at;
        if (!waited_for || b->ops[i].err == MOLA_OK || b->ops[i].err == MOLA_NOT_FOUND)
            continue;
        mola_err err = mola_ask_get(&b->ask, &b->ops[i], 1);
        if (err)
            return err;
    }
    return MOLA_OK;
}

/* Decodes the entries that came, up to the first that did not. */
static uint32_t decode_ahead(chase *c, batch *b)
{
    uint32_t i = 0;
    for (; i < b->width; i++) {
        b->decoded[i] = b->ops[i].err;
        if (!b->decoded[i])
            b->decoded[i] = read_entry(c, b, &b->ops[i], c->view->seq + 1 + i, &b->records[i]);
        if (b->decoded[i])
            break;
    }
    return i;
}

/* What entries replace and patch is looked up in segments: for all that came together at once, so
 * that applying them one by one finds the pages in memory. */
static mola_err foresee(chase *c, batch *b, uint32_t count)
{
    mola_foreseen *rows_ahead = mola_new(&b->ask.arena, mola_foreseen, count);
    if (!rows_ahead)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        rows_ahead[i].rows = &b->records[i].entry.rows;
    return mola_view_foresee(&b->ask.ctx, c->view, rows_ahead, count);
}

static mola_err advance_by(chase *c, batch *b)
{
    prepare(c, b);
    mola_err err = run(c, b);
    if (!err)
        err = settle_answers(b);
    if (!err && c->view->opening)
        err = mola_opening_finish(&b->ask, c->name, c->view);
    if (err)
        return err;
    uint32_t came = decode_ahead(c, b);
    if (came > 1)
        err = foresee(c, b, came);
    for (uint32_t i = 0; i < b->width && !err && !c->view->sealed && !has_enough(c); i++)
        err = step(c, b, i);
    for (uint32_t i = 0; i < came; i++)
        mola_record_free(&b->records[i]);
    return err;
}

/* One batch and what it brought. MOLA_NOT_FOUND: the tail is reached. */
static mola_err advance(chase *c)
{
    size_t size =
        sizeof(batch) + (WIDTH_MAX + 2 + mola_opening_ops_max(c->view)) * sizeof(mola_store_op);
    batch *b = mola_alloc(c->ctx->env->heap, size);
    if (!b)
        return MOLA_NO_MEMORY;
    b->size = size;
    mola_ask_begin(&b->ask, c->ctx);
    mola_err err = advance_by(c, b);
    if (err == MOLA_NOT_FOUND || err == MOLA_CONFLICT)
        mola_why_clear(&b->ask.why); /* not errors of the request */
    err = mola_ask_end(&b->ask, err);
    mola_free(c->ctx->env->heap, b, b->size);
    return err;
}

/* Another thread may have gone further meanwhile. MOLA_CONFLICT: the incarnation is no longer the
 * held one. */
static mola_err look_around(chase *c)
{
    mola_held *held = NULL;
    mola_lock_take(&c->name->lock);
    if (c->name->held)
        mola_ref_take(&(held = c->name->held)->ref);
    mola_lock_give(&c->name->lock);
    mola_held_unref(c->held);
    c->held = held;
    if (!held || held->manifest.deleted || !mola_same_nsid(held->manifest.nsid, c->view->nsid))
        return MOLA_CONFLICT;
    mola_view *other = mola_view_cached(c->name);
    if (other && mola_same_nsid(other->nsid, c->view->nsid) && other->seq > c->view->seq &&
        other->manifest_ver >= c->view->manifest_ver) {
        mola_view *older = c->view;
        c->view = other;
        other = older;
    }
    if (other)
        mola_view_unref(other);
    return MOLA_OK;
}

/* What an older view of the incarnation has seen. */
static uint64_t known_seq(mola_name *name, const mola_view *view)
{
    MOLA_LOCKED(&name->lock);
    return name->view && mola_same_nsid(name->view->nsid, view->nsid) ? name->view->seq : 0;
}

static uint32_t usual_find(mola_name *name)
{
    MOLA_LOCKED(&name->lock);
    return name->found_last;
}

static void note_find(const chase *c)
{
    MOLA_LOCKED(&c->name->lock);
    c->name->found_last = c->found;
}

mola_err mola_catch_up(mola_ctx *ctx, mola_name *name, mola_view **view)
{
    chase c = {.ctx = ctx,
               .name = name,
               .view = *view,
               .usual = usual_find(name),
               .cold = (*view)->opening != NULL,
               .known = known_seq(name, *view)};
    mola_err err;
    do {
        err = look_around(&c);
        if (!err && c.view->sealed)
            err = MOLA_NOT_FOUND;
        if (!err)
            err = advance(&c);
        if (!c.view->opening)
            mola_view_install(name, c.view, err == MOLA_NOT_FOUND); /* what was settled stays */
    } while (!err);
    mola_held_unref(c.held);
    mola_free(ctx->env->heap, c.hint, c.hint ? sizeof *c.hint : 0);
    *view = c.view;
    if (c.found) {
        note_find(&c);
        mola_hint_read(name, c.view);
    }
    return err == MOLA_NOT_FOUND ? MOLA_OK : err;
}

mola_err mola_view_build(mola_ctx *ctx, mola_name *name, mola_held *held, uint64_t bytes_max,
                         uint64_t rows_max, mola_view **out)
{
    MOLA_ASSERT(!held->manifest.deleted);
    chase c = {.ctx = ctx,
               .name = name,
               .held = held,
               .cold = true,
               .alone = true,
               .bytes_max = bytes_max,
               .rows_max = rows_max};
    mola_moment sent;
    mola_held *now = mola_hold_get_sent(name, &sent);
    mola_held_unref(now);
    if (now != held) /* somebody has read a newer one */
        return MOLA_CONFLICT;
    uint64_t until = sent.boot_ns + mola_lease_ns(name->all);
    mola_err err = mola_opening_begin(name, held, until, NULL, &c.view, ctx->why);
    if (err)
        return err;
    do {
        err = advance(&c);
    } while (!err && !has_enough(&c));
    mola_free(ctx->env->heap, c.hint, c.hint ? sizeof *c.hint : 0);
    if (err && err != MOLA_NOT_FOUND) {
        mola_view_unref(c.view);
        return err;
    }
    *out = c.view;
    return MOLA_OK;
}
