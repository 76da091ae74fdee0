/* manifest.c - the sections of a manifest, behind the header that protocol.md maps.
 *
 *      0  u16 kind   2  u16 flags: 1 readers who do not know the kind may ignore it   4  u32 count
 *      8  u64 bytes  16  the data; sections of rising kind, those without data left out
 *
 *     1 LINEAGE   count x { u8[16] nsid, u64 last_seq }
 *     2 SEGMENTS  count x { u8[16] owner, u64 base, u64 rand, u64 seq_from, u64 seq_to,
 *                           u64 dv_base, u64 dv_rand }
 *     3 RETIRED   count x { u8[16] owner, u64 base, u64 rand, u64 at_ver, u64 time_us }
 *     4 HISTORY   count x { u64 ver, u64 time_us }
 *     5 STATE     u64 created_us, u64 updated_us, u64 written_us; count 1: the image of
 *                 state_image.c
 *     6 SEGMENT_INFO  count as SEGMENTS x { u32 rows, u32 deleted, u64 head_bytes, u64 data_bytes,
 *                     u32 object_count, u32 level }
 *     7 INLINE    count x { u8[16] owner, u64 base, u64 rand, u32 kind ('h', 'o', 'x'), u32 number,
 *                           u64 bytes }, then the bytes of all of them in this order
 *
 * body_bytes of the header counts the sections plain. They stand there raw, or as one zstd frame
 * when they take more than 4 KiB and it gains: then less than body_bytes stands between header and
 * sum. header_bytes is 80 in a tombstone: what its sum covers. */
#include "mola/format/manifest.h"
#include "format/image.h"
#include "mola/base/check.h"
#include "mola/codec/block.h"
#include "mola/codec/bytes.h"
#include "mola/format/segment.h"

enum {
    HEADER_BYTES = 160,
    TOMBSTONE_HEADER_BYTES = 80,
    SUM_BYTES = 16,
    SECTION_HEAD_BYTES = 16,
    INLINE_RECORD_BYTES = 48,
    INLINE_BYTES_MIN = 64, /* no image is smaller, and so there are never many */
    BODY_RAW_MAX = 4096,
    ZSTD_RATIO_MAX = 32768,
    FLAG_DELETED = 1,
    FLAG_ENCRYPTED = 2,
    SECTION_MAY_IGNORE = 1,
};
enum {
    LINEAGE = 1,
    SEGMENTS = 2,
    RETIRED = 3,
    HISTORY = 4,
    STATE = 5,
    SEGMENT_INFO = 6,
    INLINE = 7
};

/* Records are copied whole: what stands in the image is what stands in memory. */
_Static_assert(sizeof(mola_lineage) == 24 && offsetof(mola_lineage, last_seq) == 16, "image");
_Static_assert(sizeof(mola_segment_ref) == 64 && offsetof(mola_segment_ref, dv_rand) == 56,
               "image");
_Static_assert(sizeof(mola_segment_info) == 32 && offsetof(mola_segment_info, level) == 28,
               "image");
_Static_assert(sizeof(mola_retired) == 48 && offsetof(mola_retired, time_us) == 40, "image");
_Static_assert(sizeof(mola_history) == 16 && offsetof(mola_history, time_us) == 8, "image");

/* -- what must hold, before writing and after reading -------------------------------------------
 */

static bool segments_tile(const mola_manifest *m)
{
    uint64_t next = 1;
    for (uint32_t i = 0; i < m->segment_count; i++) {
        if (m->segments[i].seq_from != next || m->segments[i].seq_to < next)
            return false;
        next = m->segments[i].seq_to + 1;
    }
    return next == m->indexed_seq + 1;
}

/* The entries of a segment without rows left nothing; any other has a head, and data: its ids. */
static bool info_ok(const mola_segment_info *info, const mola_segment_ref *ref)
{
    bool vector = ref->dv_base || ref->dv_rand;
    if (info->rows == 0) {
        return !info->head_bytes && !info->data_bytes && !info->object_count && !info->deleted &&
               !vector;
    }
    return info->rows <= MOLA_SEGMENT_ROWS_MAX && info->head_bytes && info->data_bytes &&
           info->object_count && info->deleted <= info->rows && vector == (info->deleted > 0);
}

/* Does the table have what the object says it is? The table does not say under which namespace a
 * delete vector lies. */
static bool inline_is_of(const mola_inline_object *object, const mola_segment_ref *ref,
                         const mola_segment_info *info)
{
    if (object->kind == MOLA_OBJECT_DELETES) {
        return info->deleted && object->base == ref->dv_base && object->rand == ref->dv_rand &&
               object->number == 0;
    }
    if (object->base != ref->base || object->rand != ref->rand ||
        memcmp(object->owner, ref->owner, sizeof ref->owner) != 0)
        return false;
    return object->kind == MOLA_OBJECT_HEAD
               ? object->number == 0 && object->bytes.len == info->head_bytes
               : object->kind == MOLA_OBJECT_DATA && object->number < info->object_count &&
                     object->bytes.len <= info->data_bytes;
}

static bool inline_eq(const mola_inline_object *a, const mola_inline_object *b)
{
    return a->kind == b->kind && a->base == b->base && a->rand == b->rand &&
           a->number == b->number && memcmp(a->owner, b->owner, sizeof a->owner) == 0;
}

static bool inlines_ok(const mola_manifest *m)
{
    size_t total = 0;
    for (uint32_t i = 0; i < m->inline_count; i++) {
        const mola_inline_object *object = &m->inlines[i];
        total += object->bytes.len;
        if (object->bytes.len < INLINE_BYTES_MIN || total > MOLA_INLINE_BYTES_MAX)
            return false;
        uint32_t segment = 0;
        while (segment < m->segment_count &&
               !inline_is_of(object, &m->segments[segment], &m->infos[segment]))
            segment++;
        if (segment == m->segment_count)
            return false;
        for (uint32_t other = 0; other < i; other++) {
            if (inline_eq(object, &m->inlines[other]))
                return false;
        }
    }
    return true;
}

static bool is_consistent(const mola_manifest *m)
{
    for (uint32_t i = 1; i < m->lineage_count; i++) {
        if (m->lineage[i].last_seq <= m->lineage[i - 1].last_seq)
            return false;
    }
    for (uint32_t i = 1; i < m->history_count; i++) {
        if (m->history[i].ver <= m->history[i - 1].ver)
            return false;
    }
    for (uint32_t i = 0; i < m->segment_count; i++) {
        if (!m->infos || !info_ok(&m->infos[i], &m->segments[i]))
            return false;
    }
    return inlines_ok(m) && m->history_count <= MOLA_HISTORY_MAX &&
           m->wal_floor <= m->indexed_seq && m->indexed_seq < INT64_MAX && segments_tile(m) &&
           !m->state == (m->indexed_seq == 0);
}

/* -- encoding ---------------------------------------------------------------------------------- */

static void add_section_head(mola_buf *out, uint16_t kind, uint32_t count, uint64_t bytes)
{
    mola_add_u16(out, kind);
    mola_add_u16(out, 0);
    mola_add_u32(out, count);
    mola_add_u64(out, bytes);
}

static void add_records(mola_buf *out, uint16_t kind, const void *records, uint32_t count,
                        size_t size)
{
    if (count == 0)
        return;
    add_section_head(out, kind, count, count * size);
    mola_buf_add(out, records, count * size);
}

static void add_inlines(mola_buf *out, const mola_manifest *m)
{
    if (m->inline_count == 0)
        return;
    uint64_t bytes = m->inline_count * (uint64_t)INLINE_RECORD_BYTES;
    for (uint32_t i = 0; i < m->inline_count; i++)
        bytes += m->inlines[i].bytes.len;
    add_section_head(out, INLINE, m->inline_count, bytes);
    for (uint32_t i = 0; i < m->inline_count; i++) {
        const mola_inline_object *object = &m->inlines[i];
        mola_buf_add(out, object->owner, sizeof object->owner);
        mola_add_u64(out, object->base);
        mola_add_u64(out, object->rand);
        mola_add_u32(out, object->kind);
        mola_add_u32(out, object->number);
        mola_add_u64(out, object->bytes.len);
    }
    for (uint32_t i = 0; i < m->inline_count; i++)
        mola_buf_add_str(out, m->inlines[i].bytes);
}

static void add_sections(mola_buf *out, const mola_manifest *m)
{
    add_records(out, LINEAGE, m->lineage, m->lineage_count, sizeof *m->lineage);
    add_records(out, SEGMENTS, m->segments, m->segment_count, sizeof *m->segments);
    add_records(out, RETIRED, m->retired, m->retired_count, sizeof *m->retired);
    add_records(out, HISTORY, m->history, m->history_count, sizeof *m->history);
    size_t head = out->len;
    add_section_head(out, STATE, m->state ? 1 : 0, 0);
    size_t data = out->len;
    mola_add_u64(out, m->created_us);
    mola_add_u64(out, m->updated_us);
    mola_add_u64(out, m->written_us);
    if (m->state)
        mola_state_encode(out, m->state);
    if (!out->failed) {
        uint64_t bytes = out->len - data;
        memcpy(out->data + head + 8, &bytes, sizeof bytes);
    }
    add_records(out, SEGMENT_INFO, m->infos, m->segment_count, sizeof *m->infos);
    add_inlines(out, m);
}

static void add_common(mola_buf *out, const mola_manifest *m)
{
    mola_buf_add_str(out, MOLA_STR("MNF1"));
    mola_add_u16(out, MOLA_MANIFEST_FMT);
    mola_add_u16(out, MOLA_MANIFEST_FMT);
    mola_add_u32(out, m->deleted ? FLAG_DELETED : 0);
    mola_add_u32(out, m->deleted ? TOMBSTONE_HEADER_BYTES : HEADER_BYTES);
    mola_buf_add(out, m->nsid, sizeof m->nsid);
    mola_add_u64(out, m->epoch);
    mola_add_u64(out, m->ver);
    mola_buf_add(out, m->commit_id, sizeof m->commit_id);
}

static void add_sum(mola_buf *out)
{
    uint8_t sum[SUM_BYTES];
    if (out->failed)
        return;
    mola_sum128(mola_buf_str(out), sum);
    mola_buf_add(out, sum, sizeof sum);
}

static void add_body(mola_buf *out, mola_str body)
{
    size_t from = out->len;
    bool packed = body.len > BODY_RAW_MAX && mola_zstd_pack(out, body, 1) && !out->failed &&
                  out->len - from < body.len;
    if (packed || out->failed)
        return;
    out->len = from;
    mola_buf_add_str(out, body);
}

void mola_manifest_encode(mola_buf *out, const mola_manifest *m)
{
    MOLA_ASSERT(out->len == 0 && !m->newer);
    add_common(out, m);
    if (m->deleted) {
        mola_add_u64(out, m->time_us);
        mola_add_u64(out, 0);
        add_sum(out);
        MOLA_ASSERT(out->failed || out->len == MOLA_TOMBSTONE_BYTES);
        return;
    }
    MOLA_ASSERT(is_consistent(m));
    mola_buf body;
    mola_buf_init(&body, out->heap);
    add_sections(&body, m);
    mola_add_u64(out, m->indexed_seq);
    mola_add_u64(out, m->wal_floor);
    mola_add_u64(out, m->gc_floor);
    mola_add_u64(out, m->indexed_time_us);
    mola_add_u64(out, m->indexed_chain);
    mola_add_u64(out, body.len);
    mola_buf_add_zeros(out, 48);
    MOLA_ASSERT(out->failed || out->len == HEADER_BYTES);
    add_body(out, mola_buf_str(&body));
    out->failed = out->failed || body.failed;
    mola_buf_free(&body);
    add_sum(out);
}

/* -- decoding ---------------------------------------------------------------------------------- */

static mola_err damaged(mola_why *why)
{
    return mola_fail(why, MOLA_CORRUPT, "damaged manifest");
}

static mola_err no_memory(mola_why *why)
{
    return mola_fail(why, MOLA_NO_MEMORY, "out of memory for a manifest");
}

typedef struct {
    uint32_t flags, header_bytes;
} common;

/* The first 64 bytes, and the sum. The cursor then ends before the sum. */
static mola_err decode_common(mola_str image, mola_cursor *c, mola_manifest *m, common *head,
                              mola_why *why)
{
    uint8_t sum[SUM_BYTES];
    if (image.len < MOLA_TOMBSTONE_BYTES || !mola_str_starts(image, MOLA_STR("MNF1")))
        return mola_fail(why, MOLA_CORRUPT, "not a manifest");
    mola_str summed = {image.data, image.len - SUM_BYTES};
    mola_sum128(summed, sum);
    if (memcmp(sum, image.data + summed.len, SUM_BYTES) != 0)
        return mola_fail(why, MOLA_CORRUPT, "checksum mismatch in a manifest");
    c->rest = mola_str_from(summed, 4);
    uint16_t fmt = mola_take_u16(c), min_reader = mola_take_u16(c);
    if (fmt == 0 || min_reader == 0 || min_reader > fmt)
        return damaged(why);
    if (min_reader > MOLA_MANIFEST_FMT) {
        return mola_fail(why, MOLA_INVALID,
                         "format %u of a manifest needs a newer mola (this one reads up to %d)",
                         (unsigned)min_reader, MOLA_MANIFEST_FMT);
    }
    m->newer = fmt > MOLA_MANIFEST_FMT;
    head->flags = mola_take_u32(c);
    head->header_bytes = mola_take_u32(c);
    mola_take_into(c, m->nsid, sizeof m->nsid);
    m->epoch = mola_take_u64(c);
    m->ver = mola_take_u64(c);
    mola_take_into(c, m->commit_id, sizeof m->commit_id);
    if (head->flags & FLAG_ENCRYPTED)
        return mola_fail(why, MOLA_INVALID, "an encrypted namespace needs a newer mola");
    return c->bad || (head->flags & ~(uint32_t)FLAG_DELETED) ? damaged(why) : MOLA_OK;
}

typedef struct {
    mola_arena *arena;
    mola_heap *heap;
    mola_manifest *m;
    mola_why *why;
    uint32_t info_count;
} decoder;

static void *take_records(const decoder *d, mola_str data, uint32_t count, size_t size,
                          uint32_t *out_count, mola_err *err)
{
    if (count == 0 || data.len != count * size) {
        *err = damaged(d->why);
        return NULL;
    }
    void *records = mola_arena_alloc(d->arena, count, size, 8);
    if (!records) {
        *err = no_memory(d->why);
        return NULL;
    }
    memcpy(records, data.data, data.len);
    *out_count = count;
    return records;
}

static mola_err take_state(const decoder *d, mola_str data, uint32_t count)
{
    mola_cursor c = {.rest = data};
    d->m->created_us = mola_take_u64(&c);
    d->m->updated_us = mola_take_u64(&c);
    d->m->written_us = mola_take_u64(&c);
    if (c.bad || count > 1 || (count == 0 && c.rest.len))
        return damaged(d->why);
    if (count == 0)
        return MOLA_OK;
    switch (mola_state_decode(d->heap, c.rest, &d->m->state)) {
    case MOLA_OK:
        return MOLA_OK;
    case MOLA_INVALID:
        return mola_fail(d->why, MOLA_INVALID, "the state in a manifest needs a newer mola");
    case MOLA_NO_MEMORY:
        return no_memory(d->why);
    default:
        return damaged(d->why);
    }
}

static mola_err take_inline(const decoder *d, mola_cursor *records, mola_cursor *bytes,
                            mola_inline_object *object)
{
    mola_take_into(records, object->owner, sizeof object->owner);
    object->base = mola_take_u64(records);
    object->rand = mola_take_u64(records);
    object->kind = mola_take_u32(records);
    object->number = mola_take_u32(records);
    uint64_t size = mola_take_u64(records);
    if (records->bad || size > bytes->rest.len)
        return damaged(d->why);
    mola_str taken = mola_take(bytes, (size_t)size);
    char *copy = mola_arena_alloc(d->arena, taken.len, 1, 64); /* so aligned as an object is */
    if (!copy)
        return no_memory(d->why);
    memcpy(copy, taken.data, taken.len);
    object->bytes = (mola_str){copy, taken.len};
    return MOLA_OK;
}

static mola_err take_inlines(const decoder *d, mola_str data, uint32_t count)
{
    uint64_t records_bytes = count * (uint64_t)INLINE_RECORD_BYTES;
    if (count == 0 || data.len < records_bytes ||
        data.len - records_bytes > MOLA_INLINE_BYTES_MAX ||
        (data.len - records_bytes) / INLINE_BYTES_MIN < count)
        return damaged(d->why);
    mola_cursor records = {.rest = {data.data, (size_t)records_bytes}};
    mola_cursor bytes = {.rest = mola_str_from(data, (size_t)records_bytes)};
    d->m->inlines = mola_new(d->arena, mola_inline_object, count);
    if (!d->m->inlines)
        return no_memory(d->why);
    d->m->inline_count = count;
    for (uint32_t i = 0; i < count; i++) {
        mola_err err = take_inline(d, &records, &bytes, &d->m->inlines[i]);
        if (err)
            return err;
    }
    return bytes.rest.len ? damaged(d->why) : MOLA_OK;
}

static mola_err take_section(decoder *d, uint16_t kind, uint16_t flags, uint32_t count,
                             mola_str data)
{
    mola_manifest *m = d->m;
    if (kind > INLINE) {
        if (flags & SECTION_MAY_IGNORE) {
            m->newer = true;
            return MOLA_OK;
        }
        return mola_fail(d->why, MOLA_INVALID, "section %u of a manifest needs a newer mola",
                         (unsigned)kind);
    }
    if (flags != 0 && !m->newer)
        return damaged(d->why);
    mola_err err = MOLA_OK;
    switch (kind) {
    case LINEAGE:
        m->lineage = take_records(d, data, count, sizeof *m->lineage, &m->lineage_count, &err);
        return err;
    case SEGMENTS:
        m->segments = take_records(d, data, count, sizeof *m->segments, &m->segment_count, &err);
        return err;
    case RETIRED:
        m->retired = take_records(d, data, count, sizeof *m->retired, &m->retired_count, &err);
        return err;
    case HISTORY:
        m->history = take_records(d, data, count, sizeof *m->history, &m->history_count, &err);
        return err;
    case SEGMENT_INFO:
        m->infos = take_records(d, data, count, sizeof *m->infos, &d->info_count, &err);
        return err;
    case INLINE:
        return take_inlines(d, data, count);
    case STATE:
        return take_state(d, data, count);
    default:
        return damaged(d->why);
    }
}

static mola_err take_sections(decoder *d, mola_str body)
{
    mola_cursor c = {.rest = body};
    uint16_t before = 0;
    bool has_state = false;
    while (c.rest.len) {
        uint16_t kind = mola_take_u16(&c), flags = mola_take_u16(&c);
        uint32_t count = mola_take_u32(&c);
        uint64_t bytes = mola_take_u64(&c);
        if (c.bad || bytes > c.rest.len || kind <= before)
            return damaged(d->why);
        before = kind;
        has_state = has_state || kind == STATE;
        mola_err err = take_section(d, kind, flags, count, mola_take(&c, (size_t)bytes));
        if (err)
            return err;
    }
    bool good = has_state && d->info_count == d->m->segment_count && is_consistent(d->m);
    return good ? MOLA_OK : damaged(d->why);
}

/* The sections plain: in the image, or unpacked into the arena. */
static mola_err unpack_body(const decoder *d, mola_str stored, uint64_t plain_bytes, mola_str *body)
{
    *body = stored;
    if (stored.len == plain_bytes)
        return MOLA_OK;
    if (stored.len > plain_bytes || plain_bytes <= BODY_RAW_MAX ||
        plain_bytes / ZSTD_RATIO_MAX > stored.len)
        return damaged(d->why);
    char *plain = mola_arena_alloc(d->arena, 1, (size_t)plain_bytes, 8);
    if (!plain)
        return no_memory(d->why);
    *body = (mola_str){plain, (size_t)plain_bytes};
    mola_err err = mola_zstd_unpack(stored, plain, (size_t)plain_bytes);
    return err == MOLA_NO_MEMORY ? no_memory(d->why) : err ? damaged(d->why) : MOLA_OK;
}

static mola_err decode_live(decoder *d, mola_cursor *c)
{
    mola_manifest *m = d->m;
    mola_str body;
    m->indexed_seq = mola_take_u64(c);
    m->wal_floor = mola_take_u64(c);
    m->gc_floor = mola_take_u64(c);
    m->indexed_time_us = mola_take_u64(c);
    m->indexed_chain = mola_take_u64(c);
    uint64_t body_bytes = mola_take_u64(c);
    bool reserved = mola_take_zeros(c, 48) || m->newer;
    if (c->bad || !reserved)
        return damaged(d->why);
    mola_err err = unpack_body(d, c->rest, body_bytes, &body);
    if (!err)
        err = take_sections(d, body);
    if (err) {
        mola_state_unref(m->state);
        m->state = NULL;
    }
    return err;
}

mola_err mola_manifest_decode(mola_str image, mola_arena *arena, mola_heap *heap,
                              mola_manifest *out, mola_why *why)
{
    mola_cursor c = {0};
    mola_manifest m = {0};
    common head = {0};
    mola_err err = decode_common(image, &c, &m, &head, why);
    if (err)
        return err;
    m.deleted = head.flags & FLAG_DELETED;
    if (m.deleted) {
        m.time_us = mola_take_u64(&c);
        bool zero = mola_take_zeros(&c, 8);
        if (c.bad || !zero || c.rest.len || head.header_bytes != TOMBSTONE_HEADER_BYTES)
            return damaged(why);
    } else {
        decoder d = {arena, heap, &m, why, 0};
        if (head.header_bytes != HEADER_BYTES)
            return damaged(why);
        err = decode_live(&d, &c);
        if (err)
            return err;
    }
    *out = m;
    return MOLA_OK;
}
