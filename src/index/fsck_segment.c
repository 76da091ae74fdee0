/* A segment as it stands in the store: its head, all bytes of its data objects by their sums, and
 * every block through its decoder. */
#include "index/fsck_run.h"
#include "index/table.h"
#include "mola/format/delete_vector.h"

typedef struct {
    mola_fsck_run *run;
    const mola_segment_ref *ref;
    const mola_segment_info *info;
    mola_segment_id id;
    mola_segment_head head;
    mola_arena arena; /* of the head and the Bloom filter */
    uint64_t *bloom;
    /* the data object that is looked at */
    uint32_t number;
    mola_str bytes;
    mola_key key;
} check;

/* ------------------------------------------------------------------ objects, wherever they stand
 */
static bool is_it(const mola_inline_object *o, const uint8_t owner[16], uint64_t base,
                  uint64_t rand, mola_object_kind kind, uint32_t number)
{
    return o->base == base && o->rand == rand && o->kind == (uint32_t)kind && o->number == number &&
           memcmp(o->owner, owner, 16) == 0;
}

static mola_err read_object(check *c, const uint8_t owner[16], uint64_t base, uint64_t rand,
                            mola_object_kind kind, uint32_t number, mola_arena *arena, bool *found,
                            mola_str *bytes)
{
    const mola_manifest *m = c->run->m;
    mola_str org = c->run->org;
    c->key = kind == MOLA_OBJECT_DELETES
                 ? mola_key_deletes(org, owner, base, rand)
                 : mola_key_segment(org, owner, base, rand, (char)kind, number);
    for (uint32_t i = 0; i < m->inline_count; i++) {
        if (!is_it(&m->inlines[i], owner, base, rand, kind, number))
            continue;
        mola_str stored = m->inlines[i].bytes;
        char *copy = mola_arena_alloc(arena, stored.len, 1, 64);
        if (!copy)
            return MOLA_NO_MEMORY;
        memcpy(copy, stored.data, stored.len);
        *bytes = (mola_str){copy, stored.len};
        *found = true;
        return MOLA_OK;
    }
    return mola_fsck_read(c->run, mola_key_str(&c->key), arena, found, bytes);
}

static mola_err read_segment(check *c, mola_object_kind kind, uint32_t number, mola_arena *arena,
                             bool *found, mola_str *bytes)
{
    return read_object(c, c->id.owner, c->id.base, c->id.rand, kind, number, arena, found, bytes);
}

/* What a decoder said of a block. MOLA_OK unless the look cannot go on. */
static mola_err judge(check *c, mola_err err, const char *what, uint32_t attr, uint32_t block)
{
    if (mola_fsck_is_finding(err)) {
        mola_fsck_damage(c->run, mola_key_str(&c->key), "%s %u of attribute %u is damaged", what,
                         block, attr);
        return MOLA_OK;
    }
    return err;
}

/* ------------------------------------------------------------------ blocks of one data object */
/* The bytes of an extent of this object. false: it lies in another one, or (which is reported)
 * beyond the end. */
static bool bytes_at(check *c, mola_extent at, mola_str *bytes)
{
    if (at.object != c->number)
        return false;
    if (at.offset > c->bytes.len || at.bytes > c->bytes.len - at.offset) {
        mola_fsck_damage(c->run, mola_key_str(&c->key), "the head speaks of bytes behind its end");
        return false;
    }
    *bytes = (mola_str){c->bytes.data + at.offset, at.bytes};
    return true;
}

static mola_err check_vectors(check *c, const mola_segment_attr *attr, uint32_t run, mola_str bytes,
                              mola_arena *arena)
{
    size_t record = mola_segment_record_bytes(attr), step = MOLA_SEGMENT_WINDOW;
    uint32_t row = attr->pages[run].row_first;
    uint32_t left = mola_segment_page_rows(&c->head, attr, run);
    void *out = mola_arena_alloc(arena, step, record, 64);
    if (!out)
        return MOLA_NO_MEMORY;
    if (bytes.len != left * record)
        return judge(c, MOLA_CORRUPT, "run", attr->attr, run);
    mola_err err = MOLA_OK;
    while (left && !err) {
        uint32_t rows = left < step ? left : (uint32_t)step;
        err = mola_segment_records_decode(&c->head, attr, row, rows,
                                          (mola_str){bytes.data, rows * record}, out);
        bytes = mola_str_from(bytes, rows * record);
        row += rows;
        left -= rows;
    }
    return judge(c, err, "run", attr->attr, run);
}

static mola_err check_page(check *c, const mola_segment_attr *attr, uint32_t page)
{
    mola_str bytes;
    if (!bytes_at(c, attr->pages[page].at, &bytes))
        return MOLA_OK;
    mola_arena arena;
    mola_arena_init(&arena, c->run->ctx->env->heap, SIZE_MAX);
    mola_err err;
    if (attr->layout == MOLA_AS_VECTORS) {
        err = check_vectors(c, attr, page, bytes, &arena);
    } else if (attr->layout == MOLA_AS_DOCUMENTS) {
        mola_column *columns = mola_new(&arena, mola_column, mola_segment_document_attrs(&c->head));
        err = columns ? mola_segment_group_decode(&c->head, page, bytes, &arena, columns)
                      : MOLA_NO_MEMORY;
        err = judge(c, err, "group", attr->attr, page);
    } else {
        mola_column column;
        err = mola_segment_page_decode(&c->head, attr, page, bytes, &arena, &column);
        err = judge(c, err, "page", attr->attr, page);
    }
    mola_arena_reset(&arena);
    return err;
}

static mola_err check_attrs(check *c)
{
    mola_err err = MOLA_OK;
    bool groups_seen = false; /* they are the same for all attributes that are kept in documents */
    for (uint32_t i = 0; i < c->head.attr_count && !err; i++) {
        const mola_segment_attr *attr = &c->head.attrs[i];
        bool skip = attr->layout == MOLA_AS_DOCUMENTS && groups_seen;
        groups_seen |= attr->layout == MOLA_AS_DOCUMENTS && attr->page_count;
        for (uint32_t page = 0; page < attr->page_count && !skip && !err; page++)
            err = check_page(c, attr, page);
    }
    return err;
}

/* Any id will do: a hash page is verified whole before it is searched. */
static mola_err check_index(check *c)
{
    mola_value id = {.elem = c->head.attrs[0].type.elem};
    mola_err err = MOLA_OK;
    for (uint32_t page = 0; page < c->head.index_page_count && !err; page++) {
        mola_str bytes;
        bool found;
        uint32_t row;
        if (!bytes_at(c, mola_segment_index_at(&c->head, page), &bytes))
            continue;
        err = mola_segment_index_find(&c->head, page, bytes, &id, &found, &row);
        err = judge(c, err, "hash page", MOLA_ATTR_ID, page);
    }
    for (uint32_t block = 0; block < c->head.bloom_block_count && !err; block++) {
        mola_str bytes;
        if (!bytes_at(c, c->head.bloom_blocks[block], &bytes))
            continue;
        err = mola_segment_bloom_decode(&c->head, block, bytes, c->bloom);
        err = judge(c, err, "block of the Bloom filter", MOLA_ATTR_ID, block);
    }
    return err;
}

static mola_err check_object(check *c, uint32_t number, mola_arena *arena)
{
    bool found;
    mola_err err = read_segment(c, MOLA_OBJECT_DATA, number, arena, &found, &c->bytes);
    if (err || !found)
        return err;
    const mola_segment_object *object = &c->head.objects[number];
    mola_str key = mola_key_str(&c->key);
    uint8_t sum[16];
    mola_sum128(c->bytes, sum);
    if (c->bytes.len != object->bytes) {
        mola_fsck_damage(c->run, key, "it has %zu bytes, not %llu", c->bytes.len,
                         (unsigned long long)object->bytes);
        return MOLA_OK;
    }
    if (memcmp(sum, object->sum, sizeof sum) != 0)
        mola_fsck_damage(c->run, key, "its bytes do not match their sum");
    c->number = number;
    err = check_attrs(c);
    return err ? err : check_index(c);
}

/* ------------------------------------------------------------------ the head, the delete vector */
static void compare_head(check *c, size_t head_bytes)
{
    uint64_t data_bytes = 0;
    for (uint32_t i = 0; i < c->head.object_count; i++)
        data_bytes += c->head.objects[i].bytes;
    if (c->head.rows != c->info->rows || c->head.object_count != c->info->object_count ||
        data_bytes != c->info->data_bytes || head_bytes != c->info->head_bytes)
        mola_fsck_damage(c->run, mola_key_str(&c->key), "it is not what the manifest says");
}

static mola_err check_deletes(check *c)
{
    if (c->info->deleted == 0)
        return MOLA_OK;
    mola_delete_vector_id id = {.base = c->ref->dv_base, .rand = c->ref->dv_rand};
    memcpy(id.owner, c->run->m->nsid, sizeof id.owner);
    mola_arena arena;
    mola_arena_init(&arena, c->run->ctx->env->heap, SIZE_MAX);
    mola_str bytes;
    bool found;
    mola_err err =
        read_object(c, id.owner, id.base, id.rand, MOLA_OBJECT_DELETES, 0, &arena, &found, &bytes);
    if (!err && found) {
        mola_why why = {0};
        uint64_t *dead;
        uint32_t dead_count;
        err = mola_delete_vector_decode(bytes, &id, &c->id, c->info->rows, &arena, &dead,
                                        &dead_count, &why);
        if (mola_fsck_is_finding(err)) {
            mola_fsck_bad(c->run, mola_key_str(&c->key), err, &why);
            err = MOLA_OK;
        } else if (!err && dead_count != c->info->deleted) {
            mola_fsck_damage(c->run, mola_key_str(&c->key),
                             "it holds %u rows dead, the manifest says %u", dead_count,
                             c->info->deleted);
        }
    }
    mola_arena_reset(&arena);
    return err;
}

static mola_err check_objects(check *c)
{
    mola_err err = MOLA_OK;
    for (uint32_t number = 0; number < c->head.object_count && !err; number++) {
        mola_arena arena;
        mola_arena_init(&arena, c->run->ctx->env->heap, SIZE_MAX);
        err = check_object(c, number, &arena);
        mola_arena_reset(&arena);
    }
    return err;
}

static mola_err check_segment(check *c)
{
    mola_str image;
    bool found;
    mola_why why = {0};
    mola_err err = read_segment(c, MOLA_OBJECT_HEAD, 0, &c->arena, &found, &image);
    if (err || !found)
        return err;
    err = mola_segment_head_decode(image, &c->id, &c->arena, &c->head, &why);
    if (mola_fsck_is_finding(err)) {
        mola_fsck_bad(c->run, mola_key_str(&c->key), err, &why);
        return MOLA_OK;
    }
    if (err)
        return err;
    compare_head(c, image.len);
    c->bloom = mola_new(&c->arena, uint64_t, c->head.bloom_words);
    return c->bloom ? check_objects(c) : MOLA_NO_MEMORY;
}

mola_err mola_fsck_segment(mola_fsck_run *run, uint32_t index)
{
    check c = {.run = run, .ref = &run->m->segments[index], .info = &run->m->infos[index]};
    run->totals->segments++;
    if (c.info->rows == 0)
        return MOLA_OK;
    c.id = (mola_segment_id){.base = c.ref->base, .rand = c.ref->rand};
    memcpy(c.id.owner, c.ref->owner, sizeof c.id.owner);
    mola_arena_init(&c.arena, run->ctx->env->heap, SIZE_MAX);
    mola_err err = check_segment(&c);
    mola_arena_reset(&c.arena);
    return err ? err : check_deletes(&c);
}
