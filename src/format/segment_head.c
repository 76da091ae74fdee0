/* segment_head.c - the head object of a segment.
 *
 *      0  char[4] magic "SEG1"   4  u16 fmt   6  u16 min_reader_fmt   8  u32 flags = 0
 *     12  u32 header_bytes = 96   16  u8[16] owner   32  u64 base   40  u64 rand
 *     48  u32 rows   52  u32 reserved, zero   56  u64 body_bytes, plain   64  u8[32] reserved, zero
 *     96  the body: raw, or one zstd frame when that is less; then xxh3-128 of all before
 *
 * The body:
 *      0  u32 objects   4  u32 attributes   8  u32 groups   12  u32 index pages   16  u32 index
 * runs 20  u32 Bloom words   24  u32 Bloom blocks   28  u32 reserved, zero   32  u64 logical_bytes
 *     40  objects x { u64 bytes, u8[16] sum }
 *         places: index runs (units: hash pages), Bloom blocks (words), groups (rows)
 *         attributes, rising ids, the document id first:
 *             0  u32 id   4  u8 form   5  u8 elem   6  u8 layout (PAGES 0, VECTORS 1, DOCUMENTS 2)
 *             7  u8 flags: 1 zones, 2 present   8  u32 dims   12  u32 places (DOCUMENTS: 0)
 *            16  places (rows)
 *                zones      a { u64 least, u64 most } for each window, then a byte for each:
 *                           1 any value, 2 any null               when flagged; PAGES
 *                present    bits of the rows, 8 bytes for 64       when flagged; VECTORS
 *
 * A place is { u32 units, u32 object, u32 gap, u32 bytes }: it holds so many units behind those of
 * the place before, and begins `gap` behind its end, or behind the start of its object when the
 * place before is in an earlier one. */
#include "format/segment_image.h"
#include "mola/base/check.h"

enum {
    HEADER_BYTES = 96,
    SUM_BYTES = 16,
    BODY_HEAD_BYTES = 40,
    PLACE_BYTES = 16,
    OBJECT_BYTES = 24,
    ATTR_BYTES = 16,
    ZSTD_RATIO_MAX = 32768,
    HAS_ZONES = 1,
    HAS_PRESENT = 2,
    ZONE_ANY_VALUE = 1,
    ZONE_ANY_NULL = 2,
};
_Static_assert(sizeof(mola_segment_object) == OBJECT_BYTES &&
                   offsetof(mola_segment_object, sum) == 8,
               "image");

bool mola_segment_id_type_ok(mola_type type)
{
    return mola_type_ok(type) && type.form == MOLA_FORM_SCALAR &&
           (type.elem == MOLA_ELEM_UINT || type.elem == MOLA_ELEM_UUID ||
            type.elem == MOLA_ELEM_STRING);
}

/* -- encoding ---------------------------------------------------------------------------------- */

static void add_place(mola_buf *out, uint32_t units, const mola_extent *before,
                      const mola_extent *at)
{
    bool follows = before && before->object == at->object;
    mola_add_u32(out, units);
    mola_add_u32(out, at->object);
    mola_add_u32(out, at->offset - (follows ? before->offset + before->bytes : 0));
    mola_add_u32(out, at->bytes);
}

static void add_places(mola_buf *out, const mola_segment_page *pages, uint32_t count,
                       uint32_t total)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t until = i + 1 < count ? pages[i + 1].row_first : total;
        add_place(out, until - pages[i].row_first, i ? &pages[i - 1].at : NULL, &pages[i].at);
    }
}

static void add_bloom_places(mola_buf *out, const mola_segment_head *head)
{
    uint32_t left = head->bloom_words;
    for (uint32_t i = 0; i < head->bloom_block_count; i++) {
        uint32_t words = left < MOLA_BLOOM_BLOCK_WORDS ? left : MOLA_BLOOM_BLOCK_WORDS;
        add_place(out, words, i ? &head->bloom_blocks[i - 1] : NULL, &head->bloom_blocks[i]);
        left -= words;
    }
}

static void add_zones(mola_buf *out, const mola_zone *zones, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        mola_add_u64(out, zones[i].least);
        mola_add_u64(out, zones[i].most);
    }
    for (uint32_t i = 0; i < count; i++) {
        mola_add_u8(out, (uint8_t)((zones[i].any_value ? ZONE_ANY_VALUE : 0) |
                                   (zones[i].any_null ? ZONE_ANY_NULL : 0)));
    }
}

static void add_attr(mola_buf *out, const mola_segment_attr *a, uint32_t rows)
{
    bool own_places = a->layout != MOLA_AS_DOCUMENTS;
    mola_add_u32(out, a->attr);
    mola_add_u8(out, a->type.form);
    mola_add_u8(out, a->type.elem);
    mola_add_u8(out, (uint8_t)a->layout);
    mola_add_u8(out, (uint8_t)((a->zones ? HAS_ZONES : 0) | (a->present ? HAS_PRESENT : 0)));
    mola_add_u32(out, a->type.dims);
    mola_add_u32(out, own_places ? a->page_count : 0);
    if (own_places)
        add_places(out, a->pages, a->page_count, rows);
    if (a->zones)
        add_zones(out, a->zones, mola_segment_windows(rows));
    if (a->present)
        mola_buf_add(out, a->present, mola_words(rows) * 8);
}

/* Any attribute that is laid out so; the groups are the same for all of them. */
static const mola_segment_attr *any_document_attr(const mola_segment_head *head)
{
    for (uint32_t i = 0; i < head->attr_count; i++) {
        if (head->attrs[i].layout == MOLA_AS_DOCUMENTS)
            return &head->attrs[i];
    }
    return NULL;
}

static void add_body(mola_buf *out, const mola_segment_head *head)
{
    const mola_segment_attr *documents = any_document_attr(head);
    uint32_t groups = documents ? documents->page_count : 0;
    mola_add_u32(out, head->object_count);
    mola_add_u32(out, head->attr_count);
    mola_add_u32(out, groups);
    mola_add_u32(out, head->index_page_count);
    mola_add_u32(out, head->index_run_count);
    mola_add_u32(out, head->bloom_words);
    mola_add_u32(out, head->bloom_block_count);
    mola_add_u32(out, 0);
    mola_add_u64(out, head->logical_bytes);
    mola_buf_add(out, head->objects, head->object_count * sizeof *head->objects);
    add_places(out, head->index_runs, head->index_run_count, head->index_page_count);
    add_bloom_places(out, head);
    if (documents)
        add_places(out, documents->pages, groups, head->rows);
    for (uint32_t i = 0; i < head->attr_count; i++)
        add_attr(out, &head->attrs[i], head->rows);
}

void mola_segment_head_encode(mola_buf *out, const mola_segment_head *head)
{
    MOLA_ASSERT(out->len == 0 && head->rows > 0 && head->rows <= MOLA_SEGMENT_ROWS_MAX);
    mola_buf body;
    mola_buf_init(&body, out->heap);
    add_body(&body, head);
    mola_buf_add_str(out, MOLA_STR("SEG1"));
    mola_add_u16(out, MOLA_SEGMENT_FMT);
    mola_add_u16(out, MOLA_SEGMENT_FMT);
    mola_add_u32(out, 0);
    mola_add_u32(out, HEADER_BYTES);
    mola_buf_add(out, head->id.owner, sizeof head->id.owner);
    mola_add_u64(out, head->id.base);
    mola_add_u64(out, head->id.rand);
    mola_add_u32(out, head->rows);
    mola_add_u32(out, 0);
    mola_add_u64(out, body.len);
    mola_buf_add_zeros(out, 32);
    MOLA_ASSERT(out->failed || out->len == HEADER_BYTES);
    bool packed = mola_zstd_pack(out, mola_buf_str(&body), 1) && !out->failed &&
                  out->len - HEADER_BYTES < body.len;
    if (!packed && !out->failed) {
        out->len = HEADER_BYTES;
        mola_buf_add_str(out, mola_buf_str(&body));
    }
    out->failed = out->failed || body.failed;
    mola_buf_free(&body);
    uint8_t sum[SUM_BYTES];
    if (out->failed)
        return;
    mola_sum128(mola_buf_str(out), sum);
    mola_buf_add(out, sum, sizeof sum);
}

/* -- decoding ---------------------------------------------------------------------------------- */

typedef struct {
    mola_cursor c;
    mola_arena *arena;
    mola_segment_head *head;
    uint32_t groups;
    mola_segment_page *group_pages;
    bool newer;
} decoder;

/* Where a place may be: sections begin on 4,096 bytes, blocks within one on 8, or side by side. */
static bool place_ok(const decoder *d, const mola_extent *before, const mola_extent *at,
                     uint32_t gap)
{
    bool follows = before && before->object == at->object;
    if (at->object >= d->head->object_count || (before && before->object > at->object) ||
        at->bytes == 0)
        return false;
    if (follows && (gap >= MOLA_PAGE_ALIGN || at->offset % MOLA_PAGE_ALIGN))
        return false;
    return (follows || at->offset % MOLA_SECTION_ALIGN == 0) &&
           (uint64_t)at->offset + at->bytes <= d->head->objects[at->object].bytes;
}

static bool take_place(decoder *d, const mola_extent *before, uint32_t *units, mola_extent *at)
{
    *units = mola_take_u32(&d->c);
    at->object = mola_take_u32(&d->c);
    uint32_t gap = mola_take_u32(&d->c);
    at->bytes = mola_take_u32(&d->c);
    bool follows = before && before->object == at->object;
    if (__builtin_add_overflow(gap, follows ? before->offset + before->bytes : 0, &at->offset))
        return false;
    return !d->c.bad && *units > 0 && place_ok(d, before, at, gap);
}

/* Places of `total` units in all. */
static mola_err take_places(decoder *d, uint32_t count, uint32_t total, mola_segment_page **out)
{
    if (count == 0 || count > d->c.rest.len / PLACE_BYTES)
        return MOLA_CORRUPT;
    mola_segment_page *pages = mola_new(d->arena, mola_segment_page, count);
    if (!pages)
        return MOLA_NO_MEMORY;
    *out = pages;
    uint32_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t units;
        if (!take_place(d, i ? &pages[i - 1].at : NULL, &units, &pages[i].at) ||
            units > total - first)
            return MOLA_CORRUPT;
        pages[i].row_first = first;
        first += units;
    }
    return first == total ? MOLA_OK : MOLA_CORRUPT;
}

static uint32_t until(const mola_segment_page *pages, uint32_t count, uint32_t total, uint32_t i)
{
    return i + 1 < count ? pages[i + 1].row_first : total;
}

/* Units of one size side by side: a run for each object. */
static bool runs_ok(const mola_segment_page *runs, uint32_t count, uint32_t total, size_t unit)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t units = until(runs, count, total, i) - runs[i].row_first;
        if (runs[i].at.bytes != units * unit || (i && runs[i].at.object == runs[i - 1].at.object))
            return false;
    }
    return true;
}

/* Pages and groups stay within a window; pages begin at multiples of 64 rows. */
static bool pages_ok(const mola_segment_page *pages, uint32_t count, uint32_t rows,
                     uint32_t multiple)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t last = until(pages, count, rows, i) - 1;
        if (pages[i].row_first % multiple ||
            pages[i].row_first / MOLA_SEGMENT_WINDOW != last / MOLA_SEGMENT_WINDOW)
            return false;
    }
    return true;
}

static mola_err take_objects(decoder *d)
{
    uint32_t count = d->head->object_count;
    if (count == 0 || count > d->c.rest.len / OBJECT_BYTES)
        return MOLA_CORRUPT;
    mola_segment_object *objects = mola_new(d->arena, mola_segment_object, count);
    if (!objects)
        return MOLA_NO_MEMORY;
    mola_take_into(&d->c, objects, count * sizeof *objects);
    d->head->objects = objects;
    return MOLA_OK;
}

static mola_err take_index(decoder *d)
{
    mola_segment_head *h = d->head;
    mola_segment_page *runs;
    mola_err err = take_places(d, h->index_run_count, h->index_page_count, &runs);
    if (err)
        return err;
    h->index_runs = runs;
    return runs_ok(runs, h->index_run_count, h->index_page_count, MOLA_INDEX_PAGE_BYTES)
               ? MOLA_OK
               : MOLA_CORRUPT;
}

static mola_err take_bloom(decoder *d)
{
    enum { AROUND = MOLA_BLOCK_HEAD_BYTES + MOLA_BLOCK_TRAILER_BYTES };
    mola_segment_head *h = d->head;
    mola_segment_page *places;
    if (h->bloom_words % 8)
        return MOLA_CORRUPT;
    mola_err err = take_places(d, h->bloom_block_count, h->bloom_words, &places);
    if (err)
        return err;
    mola_extent *blocks = mola_new(d->arena, mola_extent, h->bloom_block_count);
    if (!blocks)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < h->bloom_block_count; i++) {
        uint32_t words =
            until(places, h->bloom_block_count, h->bloom_words, i) - places[i].row_first;
        blocks[i] = places[i].at;
        if (places[i].row_first != i * (uint64_t)MOLA_BLOOM_BLOCK_WORDS ||
            words > MOLA_BLOOM_BLOCK_WORDS || blocks[i].bytes != words * 8 + AROUND)
            return MOLA_CORRUPT;
    }
    h->bloom_blocks = blocks;
    return MOLA_OK;
}

static mola_err take_groups(decoder *d)
{
    if (d->groups == 0)
        return MOLA_OK;
    mola_err err = take_places(d, d->groups, d->head->rows, &d->group_pages);
    if (err)
        return err;
    return pages_ok(d->group_pages, d->groups, d->head->rows, 1) ? MOLA_OK : MOLA_CORRUPT;
}

static mola_err take_zones(decoder *d, mola_segment_attr *a)
{
    uint32_t count = mola_segment_windows(d->head->rows);
    mola_cursor keys = {.rest = mola_take(&d->c, (size_t)count * 16)};
    mola_str flags = mola_take(&d->c, count);
    if (d->c.bad)
        return MOLA_CORRUPT;
    mola_zone *zones = mola_new(d->arena, mola_zone, count);
    if (!zones)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t least = mola_take_u64(&keys), most = mola_take_u64(&keys);
        uint8_t any = (uint8_t)flags.data[i];
        if (any > (ZONE_ANY_VALUE | ZONE_ANY_NULL) || least > most ||
            (!(any & ZONE_ANY_VALUE) && most))
            return MOLA_CORRUPT;
        zones[i] = (mola_zone){least, most, any & ZONE_ANY_VALUE, any & ZONE_ANY_NULL};
    }
    a->zones = zones;
    return MOLA_OK;
}

static mola_err take_present(decoder *d, mola_segment_attr *a)
{
    uint32_t rows = d->head->rows;
    size_t words = mola_words(rows);
    mola_str bits = mola_take(&d->c, words * 8);
    if (d->c.bad)
        return MOLA_CORRUPT;
    uint64_t *present = mola_new(d->arena, uint64_t, words);
    if (!present)
        return MOLA_NO_MEMORY;
    memcpy(present, bits.data, bits.len);
    a->present = present;
    uint64_t ones = 0;
    for (size_t i = 0; i < words; i++)
        ones += (uint64_t)__builtin_popcountll(present[i]);
    bool tail = rows % 64 && present[words - 1] >> rows % 64;
    return ones == 0 || ones == rows || tail ? MOLA_CORRUPT : MOLA_OK;
}

static bool layout_fits(const mola_segment_attr *a, uint8_t flags, uint32_t places)
{
    bool vectors = a->type.form == MOLA_FORM_DENSE;
    if (!mola_type_ok(a->type) || vectors != (a->layout == MOLA_AS_VECTORS))
        return false;
    switch (a->layout) {
    case MOLA_AS_PAGES:
        return !(flags & ~HAS_ZONES) && (!(flags & HAS_ZONES) || mola_zone_has(a->type));
    case MOLA_AS_VECTORS:
        return !(flags & ~HAS_PRESENT);
    default:
        return a->layout == MOLA_AS_DOCUMENTS && flags == 0 && places == 0 &&
               a->type.form != MOLA_FORM_MULTI;
    }
}

static mola_err take_attr_places(decoder *d, mola_segment_attr *a)
{
    uint32_t rows = d->head->rows;
    if (a->layout == MOLA_AS_DOCUMENTS) {
        a->pages = d->group_pages;
        a->page_count = d->groups;
        return d->groups ? MOLA_OK : MOLA_CORRUPT;
    }
    mola_segment_page *pages;
    mola_err err = take_places(d, a->page_count, rows, &pages);
    if (err)
        return err;
    a->pages = pages;
    bool good = a->layout == MOLA_AS_PAGES
                    ? pages_ok(pages, a->page_count, rows, 64)
                    : runs_ok(pages, a->page_count, rows, mola_segment_record_bytes(a));
    return good ? MOLA_OK : MOLA_CORRUPT;
}

static mola_err take_attr(decoder *d, mola_segment_attr *a)
{
    a->attr = mola_take_u32(&d->c);
    a->type.form = mola_take_u8(&d->c);
    a->type.elem = mola_take_u8(&d->c);
    a->layout = mola_take_u8(&d->c);
    uint8_t flags = mola_take_u8(&d->c);
    a->type.dims = mola_take_u32(&d->c);
    a->page_count = mola_take_u32(&d->c);
    a->any_value = true;
    if (d->c.bad || !layout_fits(a, flags, a->page_count))
        return MOLA_CORRUPT;
    mola_err err = take_attr_places(d, a);
    if (!err && (flags & HAS_ZONES))
        err = take_zones(d, a);
    if (!err && (flags & HAS_PRESENT))
        err = take_present(d, a);
    return err;
}

static mola_err take_attrs(decoder *d)
{
    uint32_t count = d->head->attr_count;
    if (count == 0 || count > d->c.rest.len / ATTR_BYTES)
        return MOLA_CORRUPT;
    mola_segment_attr *attrs = mola_new(d->arena, mola_segment_attr, count);
    if (!attrs)
        return MOLA_NO_MEMORY;
    d->head->attrs = attrs;
    for (uint32_t i = 0; i < count; i++) {
        mola_err err = take_attr(d, &attrs[i]);
        if (err)
            return err;
        if (i && attrs[i].attr <= attrs[i - 1].attr)
            return MOLA_CORRUPT;
    }
    bool ids = attrs[0].attr == MOLA_ATTR_ID && attrs[0].layout == MOLA_AS_PAGES &&
               mola_segment_id_type_ok(attrs[0].type);
    return ids && (d->groups == 0 || any_document_attr(d->head)) ? MOLA_OK : MOLA_CORRUPT;
}

static mola_err take_body(decoder *d)
{
    mola_segment_head *h = d->head;
    h->object_count = mola_take_u32(&d->c);
    h->attr_count = mola_take_u32(&d->c);
    d->groups = mola_take_u32(&d->c);
    h->index_page_count = mola_take_u32(&d->c);
    h->index_run_count = mola_take_u32(&d->c);
    h->bloom_words = mola_take_u32(&d->c);
    h->bloom_block_count = mola_take_u32(&d->c);
    bool reserved = mola_take_u32(&d->c) == 0 || d->newer;
    h->logical_bytes = mola_take_u64(&d->c);
    if (d->c.bad || !reserved)
        return MOLA_CORRUPT;
    mola_err err = take_objects(d);
    if (!err)
        err = take_index(d);
    if (!err)
        err = take_bloom(d);
    if (!err)
        err = take_groups(d);
    if (!err)
        err = take_attrs(d);
    return err || d->c.rest.len == 0 || d->newer ? err : MOLA_CORRUPT;
}

static mola_err unpack(decoder *d, uint64_t plain_bytes)
{
    mola_str stored = d->c.rest;
    if (stored.len == plain_bytes)
        return MOLA_OK;
    if (stored.len > plain_bytes || plain_bytes / ZSTD_RATIO_MAX > stored.len)
        return MOLA_CORRUPT;
    char *plain = mola_arena_alloc(d->arena, 1, (size_t)plain_bytes, 8);
    if (!plain)
        return MOLA_NO_MEMORY;
    d->c.rest = (mola_str){plain, (size_t)plain_bytes};
    return mola_zstd_unpack(stored, plain, (size_t)plain_bytes);
}

/* The first 12 bytes, and the sum. The cursor then ends before the sum. */
static mola_err open_image(decoder *d, mola_str image, mola_why *why)
{
    uint8_t sum[SUM_BYTES];
    if (image.len < HEADER_BYTES + SUM_BYTES || !mola_str_starts(image, MOLA_STR("SEG1")))
        return mola_fail(why, MOLA_CORRUPT, "not the head of a segment");
    mola_str summed = {image.data, image.len - SUM_BYTES};
    mola_sum128(summed, sum);
    if (memcmp(sum, image.data + summed.len, SUM_BYTES) != 0)
        return mola_fail(why, MOLA_CORRUPT, "checksum mismatch in the head of a segment");
    d->c.rest = mola_str_from(summed, 4);
    uint16_t fmt = mola_take_u16(&d->c), min_reader = mola_take_u16(&d->c);
    if (fmt == 0 || min_reader == 0 || min_reader > fmt)
        return MOLA_CORRUPT;
    if (min_reader > MOLA_SEGMENT_FMT) {
        return mola_fail(why, MOLA_INVALID,
                         "format %u of a segment needs a newer mola (this one reads up to %d)",
                         (unsigned)min_reader, MOLA_SEGMENT_FMT);
    }
    d->newer = fmt > MOLA_SEGMENT_FMT;
    uint32_t flags = mola_take_u32(&d->c), header_bytes = mola_take_u32(&d->c);
    return header_bytes != HEADER_BYTES || (flags && !d->newer) ? MOLA_CORRUPT : MOLA_OK;
}

static mola_err decode(decoder *d, mola_str image, const mola_segment_id *id, mola_why *why)
{
    mola_segment_head *h = d->head;
    mola_err err = open_image(d, image, why);
    if (err)
        return err;
    mola_take_into(&d->c, h->id.owner, sizeof h->id.owner);
    h->id.base = mola_take_u64(&d->c);
    h->id.rand = mola_take_u64(&d->c);
    if (memcmp(h->id.owner, id->owner, sizeof id->owner) != 0 || h->id.base != id->base ||
        h->id.rand != id->rand)
        return mola_fail(why, MOLA_CORRUPT, "the head of another segment");
    h->rows = mola_take_u32(&d->c);
    bool reserved = mola_take_u32(&d->c) == 0;
    uint64_t body_bytes = mola_take_u64(&d->c);
    reserved = mola_take_zeros(&d->c, 32) && reserved;
    if ((!reserved && !d->newer) || h->rows == 0 || h->rows > MOLA_SEGMENT_ROWS_MAX)
        return MOLA_CORRUPT;
    err = unpack(d, body_bytes);
    return err ? err : take_body(d);
}

mola_err mola_segment_head_decode(mola_str image, const mola_segment_id *id, mola_arena *arena,
                                  mola_segment_head *out, mola_why *why)
{
    mola_segment_head head = {0};
    decoder d = {.arena = arena, .head = &head};
    mola_err err = decode(&d, image, id, why);
    if (err == MOLA_CORRUPT)
        return mola_fail(why, err, "damaged head of a segment");
    if (err == MOLA_NO_MEMORY)
        return mola_fail(why, err, "out of memory for the head of a segment");
    if (!err)
        *out = head;
    return err;
}
