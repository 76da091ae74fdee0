#include "index/table.h"
#include "mola/base/check.h"

static bool same_place(const uint8_t owner_a[16], uint64_t base_a, uint64_t rand_a,
                       const uint8_t owner_b[16], uint64_t base_b, uint64_t rand_b)
{
    return base_a == base_b && rand_a == rand_b && memcmp(owner_a, owner_b, 16) == 0;
}

bool mola_same_segment(const mola_segment_ref *a, const mola_segment_ref *b)
{
    return same_place(a->owner, a->base, a->rand, b->owner, b->base, b->rand);
}

bool mola_table_same_segments(const mola_manifest *a, const mola_manifest *b)
{
    return a->segment_count == b->segment_count &&
           (a->segment_count == 0 ||
            memcmp(a->segments, b->segments, a->segment_count * sizeof *a->segments) == 0);
}

mola_err mola_table_fits(const mola_manifest *now, const uint8_t nsid[16], uint64_t base,
                         mola_why *why)
{
    if (now->deleted || memcmp(now->nsid, nsid, 16) != 0)
        return mola_fail(why, MOLA_NOT_FOUND, "the namespace was deleted meanwhile");
    if (base < now->gc_floor) /* I4 */
        return mola_fail(why, MOLA_CONFLICT, "building took longer than unfinished work is kept");
    return MOLA_OK;
}

/* ------------------------------------------------------------------ copying */
static void *copy(mola_arena *arena, const void *rows, uint32_t count, uint32_t more, size_t size)
{
    void *out = mola_arena_alloc(arena, (size_t)count + more, size, 8);
    if (out && count)
        memcpy(out, rows, count * size);
    return out;
}

mola_err mola_table_copy(const mola_manifest *now, mola_table_room more, mola_arena *arena,
                         mola_manifest *next)
{
    *next = *now;
    next->ver = now->ver + 1;
    uint32_t count = now->segment_count;
    next->segments = copy(arena, now->segments, count, more.segments, sizeof *now->segments);
    next->infos = copy(arena, now->infos, count, more.segments, sizeof *now->infos);
    next->retired =
        copy(arena, now->retired, now->retired_count, more.retired, sizeof *now->retired);
    next->inlines =
        copy(arena, now->inlines, now->inline_count, more.inlines, sizeof *now->inlines);
    return next->segments && next->infos && next->retired && next->inlines ? MOLA_OK
                                                                           : MOLA_NO_MEMORY;
}

/* ------------------------------------------------------------------ leaving */
bool mola_table_is_inline(const mola_manifest *m, const uint8_t owner[16], uint64_t base,
                          uint64_t rand)
{
    for (uint32_t i = 0; i < m->inline_count; i++) {
        const mola_inline_object *o = &m->inlines[i];
        if (same_place(o->owner, o->base, o->rand, owner, base, rand))
            return true;
    }
    return false;
}

static void retire(mola_manifest *next, const uint8_t owner[16], uint64_t base, uint64_t rand,
                   uint64_t now_us)
{
    uint32_t kept = 0, before = next->inline_count;
    for (uint32_t i = 0; i < before; i++) {
        mola_inline_object o = next->inlines[i];
        if (!same_place(o.owner, o.base, o.rand, owner, base, rand))
            next->inlines[kept++] = o;
    }
    next->inline_count = kept;
    if (kept < before) /* who still reads it has the manifest it stands in */
        return;
    mola_retired *row = &next->retired[next->retired_count++];
    *row = (mola_retired){.base = base, .rand = rand, .at_ver = next->ver, .time_us = now_us};
    memcpy(row->owner, owner, sizeof row->owner);
}

void mola_table_retire_segment(mola_manifest *next, const mola_segment_ref *ref, uint32_t rows,
                               uint64_t now_us)
{
    if (rows)
        retire(next, ref->owner, ref->base, ref->rand, now_us);
}

void mola_table_retire_deletes(mola_manifest *next, const mola_segment_ref *ref, uint64_t now_us)
{
    if (ref->dv_base || ref->dv_rand)
        retire(next, next->nsid, ref->dv_base, ref->dv_rand, now_us);
}

void mola_table_replace(mola_manifest *next, uint32_t first, uint32_t count,
                        const mola_segment_ref *ref, const mola_segment_info *info)
{
    MOLA_ASSERT(count >= 1 && first + count <= next->segment_count);
    uint32_t behind = next->segment_count - first - count;
    next->segments[first] = *ref;
    next->infos[first] = *info;
    memmove(&next->segments[first + 1], &next->segments[first + count],
            behind * sizeof *next->segments);
    memmove(&next->infos[first + 1], &next->infos[first + count], behind * sizeof *next->infos);
    next->segment_count -= count - 1;
}

/* ------------------------------------------------------------------ placing new objects */
static bool is_new(mola_new_objects *const *sets, uint32_t set_count, const uint8_t owner[16],
                   uint64_t base, uint64_t rand)
{
    for (uint32_t s = 0; s < set_count; s++) {
        for (uint32_t i = 0; i < sets[s]->held_count; i++) {
            const mola_object_place *p = &sets[s]->held[i].place;
            if (same_place(p->owner, p->base, p->rand, owner, base, rand))
                return true;
        }
    }
    return false;
}

/* Everything that `next` refers to can stand in it. */
static bool is_tiny(const mola_manifest *next, mola_new_objects *const *sets, uint32_t set_count,
                    uint64_t inline_bytes_max)
{
    uint64_t bytes = 0;
    for (uint32_t s = 0; s < set_count; s++) {
        bytes += sets[s]->held_bytes;
        if (sets[s]->any_put)
            return false;
    }
    for (uint32_t i = 0; i < next->inline_count; i++)
        bytes += next->inlines[i].bytes.len;
    if (bytes > inline_bytes_max || bytes > MOLA_INLINE_BYTES_MAX)
        return false;
    for (uint32_t i = 0; i < next->segment_count; i++) {
        const mola_segment_ref *ref = &next->segments[i];
        bool here = next->infos[i].rows == 0 ||
                    mola_table_is_inline(next, ref->owner, ref->base, ref->rand) ||
                    is_new(sets, set_count, ref->owner, ref->base, ref->rand);
        bool deletes_here = next->infos[i].deleted == 0 ||
                            mola_table_is_inline(next, next->nsid, ref->dv_base, ref->dv_rand) ||
                            is_new(sets, set_count, next->nsid, ref->dv_base, ref->dv_rand);
        if (!here || !deletes_here)
            return false;
    }
    return true;
}

static void add_inline(mola_manifest *next, const mola_new_object *object)
{
    mola_inline_object *row = &next->inlines[next->inline_count++];
    *row = (mola_inline_object){.base = object->place.base,
                                .rand = object->place.rand,
                                .kind = object->kind,
                                .number = object->number,
                                .bytes = mola_buf_str(&object->bytes)};
    memcpy(row->owner, object->place.owner, sizeof row->owner);
}

mola_err mola_table_place(mola_manifest *next, mola_new_objects *const *sets, uint32_t set_count,
                          uint64_t inline_bytes_max)
{
    mola_err err = MOLA_OK;
    bool tiny = is_tiny(next, sets, set_count, inline_bytes_max);
    for (uint32_t s = 0; s < set_count && !err; s++) {
        if (!tiny)
            err = mola_new_objects_put(sets[s]);
        for (uint32_t i = 0; i < sets[s]->held_count && tiny; i++)
            add_inline(next, &sets[s]->held[i]);
    }
    return err;
}

/* ------------------------------------------------------------------ views */
uint32_t mola_table_part(const mola_view *view, const mola_segment_ref *ref)
{
    for (uint32_t i = 0; i < view->segment_count; i++) {
        const mola_segment_id *id = &mola_part_segment(view->parts[i].part)->id;
        if (same_place(id->owner, id->base, id->rand, ref->owner, ref->base, ref->rand))
            return i;
    }
    return MOLA_NOWHERE;
}
