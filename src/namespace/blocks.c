/* Reading bytes of segments: what one step needs becomes one batch of ranged GETs. */
#include "mola/store/cache.h"
#include "namespace/segment.h"
#include <stdlib.h>

/* What lies between two blocks is read along, when it is little: of the store, which is asked for a
 * range as slowly as for 64 KiB; and of the disk cache, which reads pages. */
enum { GAP_MAX = 64 << 10, CACHED_GAP_MAX = 4 << 10, RANGE_MAX = 8 << 20 };

typedef struct {
    mola_segment_block *block;
    bool cached; /* on this node's disk, or so it seemed */
} by_place_entry;

/* Those in the cache first. */
static int by_place(const void *a, const void *b)
{
    const by_place_entry *left = a, *right = b;
    const mola_segment_block *x = left->block, *y = right->block;
    if (left->cached != right->cached)
        return left->cached ? -1 : 1;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    if (x->at.object != y->at.object)
        return x->at.object < y->at.object ? -1 : 1;
    if (x->at.offset != y->at.offset)
        return x->at.offset < y->at.offset ? -1 : 1;
    return (x->at.bytes > y->at.bytes) - (x->at.bytes < y->at.bytes);
}

static mola_err take_inline(mola_ask *ask, mola_segment_block *b)
{
    mola_str object = b->segment->objects[b->at.object];
    if (b->at.offset > object.len || b->at.bytes > object.len - b->at.offset)
        return mola_segment_fail(ask, b, MOLA_CORRUPT);
    b->bytes = (mola_str){object.data + b->at.offset, b->at.bytes};
    return MOLA_OK;
}

static mola_key key_of(const mola_segment_block *b)
{
    const mola_segment_id *id = &b->segment->head.id;
    return mola_key_segment(b->segment->all->org, id->owner, id->base, id->rand, MOLA_OBJECT_DATA,
                            b->at.object);
}

mola_err mola_segment_fail(mola_ask *ask, const mola_segment_block *block, mola_err err)
{
    if (err != MOLA_CORRUPT)
        return err;
    mola_key key = key_of(block);
    return mola_fail_object(&ask->ctx, err, mola_key_str(&key));
}

mola_err mola_segment_reread(mola_ask *ask, mola_segment_block *block)
{
    if (block->segment->objects)
        return mola_segment_fail(ask, block, MOLA_CORRUPT);
    MOLA_SOMETIMES(reread_section);
    mola_key key = key_of(block);
    mola_store_op op = {.verb = MOLA_GET,
                        .key = mola_key_str(&key),
                        .offset = block->at.offset,
                        .length = block->at.bytes};
    mola_err err = mola_ask_get(ask, &op, 1);
    if (!err && op.err == MOLA_NOT_FOUND)
        return MOLA_CONFLICT;
    if (!err && op.bytes.len != block->at.bytes)
        err = mola_segment_fail(ask, block, MOLA_CORRUPT);
    if (!err)
        block->bytes = op.bytes;
    return err;
}

typedef struct {
    mola_key key;
    size_t first, count; /* of the sorted blocks */
} range;

/* The block goes into the same GET as those before it. */
static bool joins(const by_place_entry *from, const by_place_entry *entry, uint64_t end)
{
    const mola_segment_block *first = from->block, *b = entry->block;
    if (entry->cached != from->cached || b->segment != first->segment ||
        b->at.object != first->at.object)
        return false;
    uint64_t grown = (uint64_t)b->at.offset + b->at.bytes - first->at.offset;
    uint64_t gap = from->cached ? CACHED_GAP_MAX : GAP_MAX;
    return b->at.offset <= end + gap && grown <= RANGE_MAX;
}

/* Marks what the disk cache holds: that is read by itself, so that a few blocks of what is there do
 * not cost all that lies between them. */
static void look_into_cache(const mola_ask *ask, by_place_entry *entries, size_t count)
{
    mola_cache *cache = ask->ctx.env->cache;
    for (size_t i = 0; cache && i < count; i++) {
        const mola_segment_block *b = entries[i].block;
        mola_key key = key_of(b);
        mola_store_op op = {.verb = MOLA_GET,
                            .key = mola_key_str(&key),
                            .offset = b->at.offset,
                            .length = b->at.bytes,
                            .immutable = true};
        entries[i].cached = mola_cache_coverage(cache, &op, 1) >= 1;
    }
}

static size_t plan(by_place_entry *sorted, size_t count, range *ranges, mola_store_op *ops)
{
    size_t n = 0;
    for (size_t i = 0; i < count;) {
        const mola_segment_block *first = sorted[i].block;
        uint64_t end = (uint64_t)first->at.offset + first->at.bytes;
        size_t next = i + 1;
        for (; next < count && joins(&sorted[i], &sorted[next], end); next++) {
            uint64_t last = (uint64_t)sorted[next].block->at.offset + sorted[next].block->at.bytes;
            end = last > end ? last : end;
        }
        ranges[n] = (range){.key = key_of(first), .first = i, .count = next - i};
        ops[n] = (mola_store_op){.verb = MOLA_GET,
                                 .key = mola_key_str(&ranges[n].key),
                                 .offset = first->at.offset,
                                 .length = end - first->at.offset,
                                 .immutable = true};
        n++;
        i = next;
    }
    return n;
}

static mola_err hand_out(mola_ask *ask, const by_place_entry *sorted, const range *r,
                         const mola_store_op *op)
{
    for (size_t i = r->first; i < r->first + r->count; i++) {
        mola_segment_block *b = sorted[i].block;
        uint64_t from = b->at.offset - op->offset;
        if (from + b->at.bytes > op->bytes.len) {
            mola_err err = mola_segment_reread(ask, b);
            if (err)
                return err;
        } else {
            b->bytes = (mola_str){op->bytes.data + from, b->at.bytes};
        }
    }
    return MOLA_OK;
}

static mola_err read_keyed(mola_ask *ask, by_place_entry *sorted, size_t count)
{
    range *ranges = mola_new(&ask->arena, range, count);
    mola_store_op *ops = mola_new(&ask->arena, mola_store_op, count);
    if (!ranges || !ops)
        return MOLA_NO_MEMORY;
    look_into_cache(ask, sorted, count);
    qsort(sorted, count, sizeof *sorted, by_place);
    size_t n = plan(sorted, count, ranges, ops);
    mola_err err = mola_ask_get(ask, ops, n);
    for (size_t i = 0; i < n && !err; i++) {
        if (ops[i].err == MOLA_NOT_FOUND) { /* the collector outran the view */
            MOLA_SOMETIMES(section_was_collected);
            return MOLA_CONFLICT;
        }
        err = hand_out(ask, sorted, &ranges[i], &ops[i]);
    }
    return err;
}

mola_err mola_segment_read(mola_ask *ask, const mola_view *view, mola_segment_block *blocks,
                           size_t count)
{
    by_place_entry *sorted = mola_new(&ask->arena, by_place_entry, count);
    size_t keyed = 0;
    mola_err err = sorted ? MOLA_OK : MOLA_NO_MEMORY;
    for (size_t i = 0; i < count && !err; i++) {
        if (blocks[i].segment->objects) {
            err = take_inline(ask, &blocks[i]);
        } else {
            sorted[keyed++].block = &blocks[i];
        }
    }
    if (err || keyed == 0)
        return err;
    /* I7: what a manifest names is kept for L after its GET was sent, no longer. */
    if (mola_boot_ns(ask->ctx.env) > view->leased_until_ns) {
        MOLA_SOMETIMES(lease_was_over);
        return MOLA_CONFLICT;
    }
    return read_keyed(ask, sorted, keyed);
}
