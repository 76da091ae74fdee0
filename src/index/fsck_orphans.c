/* What lies under an incarnation and is not, or not any more, a part of it. */
#include "index/fsck_run.h"
#include "index/table.h"
#include "mola/format/entry.h"

enum {
    PAYLOAD_DISTANCE = 1024
}; /* slots between an entry and the base of its payload, section 6 */

typedef enum { IN_USE, COLLECTABLE, ORPHAN, YOUNG, HOLDER } standing;

static bool is_retired(const mola_manifest *m, uint64_t base, uint64_t rand)
{
    for (uint32_t i = 0; i < m->retired_count; i++) {
        const mola_retired *r = &m->retired[i];
        if (r->base == base && r->rand == rand && memcmp(r->owner, m->nsid, 16) == 0)
            return true;
    }
    return false;
}

/* "/h.00000000", "/o.0000002a": one of the objects of a segment with so many. */
static bool is_object_of(const mola_segment_info *info, mola_str tail)
{
    if (tail.len != 11 || tail.data[0] != '/' || tail.data[2] != '.')
        return false;
    uint64_t number = 0;
    for (size_t i = 3; i < tail.len; i++) {
        char c = tail.data[i];
        uint64_t digit = c >= '0' && c <= '9' ? (uint64_t)(c - '0') : (uint64_t)(c - 'a') + 10;
        if (digit > 15)
            return false;
        number = number << 4 | digit;
    }
    return tail.data[1] == MOLA_OBJECT_HEAD   ? number == 0
           : tail.data[1] == MOLA_OBJECT_DATA ? number < info->object_count
                                              : false;
}

static bool is_segment(const mola_manifest *m, uint64_t base, uint64_t rand, mola_str tail)
{
    for (uint32_t i = 0; i < m->segment_count; i++) {
        const mola_segment_ref *ref = &m->segments[i];
        if (ref->base == base && ref->rand == rand && memcmp(ref->owner, m->nsid, 16) == 0) {
            return is_object_of(&m->infos[i], tail) &&
                   !mola_table_is_inline(m, ref->owner, base, rand);
        }
    }
    return false;
}

static bool is_deletes(const mola_manifest *m, uint64_t base, uint64_t rand)
{
    for (uint32_t i = 0; i < m->segment_count; i++) {
        const mola_segment_ref *ref = &m->segments[i];
        if (m->infos[i].deleted && ref->dv_base == base && ref->dv_rand == rand)
            return !mola_table_is_inline(m, m->nsid, base, rand);
    }
    return false;
}

static bool is_payload(const mola_fsck_run *run, uint64_t base, uint64_t rand)
{
    for (size_t at = 0; at < run->payloads.len; at += sizeof(mola_payload_ref)) {
        mola_payload_ref ref;
        memcpy(&ref, run->payloads.data + at, sizeof ref);
        if (ref.base == base && ref.rand == rand)
            return true;
    }
    return false;
}

static standing judge(const mola_fsck_run *run, mola_str key)
{
    const mola_manifest *m = run->m;
    uint8_t nsid[16];
    uint64_t seq, base, rand;
    mola_str rest, tail;
    if (mola_key_parse_entry(run->org, key, nsid, &seq))
        return seq <= m->wal_floor ? COLLECTABLE : IN_USE;
    if (!mola_key_parse_incarnation(run->org, key, nsid, &rest))
        return ORPHAN;
    if (mola_str_starts(rest, MOLA_STR("r/")))
        return HOLDER;
    if (mola_key_parse_object(rest, 'p', &base, &rand, &tail)) {
        return is_payload(run, base, rand)               ? IN_USE
               : base + PAYLOAD_DISTANCE <= m->wal_floor ? COLLECTABLE
                                                         : YOUNG;
    }
    bool used;
    if (mola_key_parse_object(rest, 's', &base, &rand, &tail)) {
        used = is_segment(m, base, rand, tail);
    } else if (mola_key_parse_object(rest, 'x', &base, &rand, &tail)) {
        used = is_deletes(m, base, rand);
    } else {
        return ORPHAN;
    }
    return used                        ? IN_USE
           : is_retired(m, base, rand) ? COLLECTABLE
           : base < m->gc_floor        ? ORPHAN
                                       : YOUNG;
}

static void see_key(mola_fsck_run *run, mola_str key)
{
    switch (judge(run, key)) {
    case COLLECTABLE:
        run->totals->collectable++;
        break;
    case HOLDER: /* listed before segments and delete vectors: a branch may need those */
        run->held = true;
        break;
    case ORPHAN:
        if (run->held)
            break;
        run->totals->orphans++;
        mola_buf_print(run->report, "orphan ns/%.*s %.*s: nothing refers to it\n",
                       MOLA_ARG(run->name), MOLA_ARG(key));
        break;
    case YOUNG:
        run->totals->young++;
        mola_buf_print(run->report, "young ns/%.*s %.*s: nothing refers to it yet\n",
                       MOLA_ARG(run->name), MOLA_ARG(key));
        break;
    default:
        break;
    }
}

/* Key after key of one page; the last one stays in `after`. */
static mola_err see_page(mola_fsck_run *run, mola_str prefix, mola_buf *after, bool *more)
{
    mola_arena arena;
    mola_arena_init(&arena, run->ctx->env->heap, SIZE_MAX);
    mola_store_op op = {.verb = MOLA_LIST, .key = prefix, .start_after = mola_buf_str(after)};
    mola_err err = mola_fsck_ask(run, &op, &arena);
    if (!err)
        err = op.err;
    for (uint32_t i = 0; !err && i < op.entry_count; i++)
        see_key(run, op.entries[i].key);
    *more = !err && op.truncated && op.entry_count;
    if (*more) {
        after->len = 0;
        mola_buf_add_str(after, op.entries[op.entry_count - 1].key);
        if (after->failed)
            err = MOLA_NO_MEMORY;
    }
    mola_arena_reset(&arena);
    return err;
}

mola_err mola_fsck_orphans(mola_fsck_run *run)
{
    run->held = false;
    mola_key prefix = mola_key_folder(run->org, run->m->nsid, 0);
    mola_buf after;
    mola_buf_init(&after, run->ctx->env->heap);
    mola_err err = MOLA_OK;
    for (bool more = true; more && !err;)
        err = see_page(run, mola_key_str(&prefix), &after, &more);
    mola_buf_free(&after);
    return err;
}
