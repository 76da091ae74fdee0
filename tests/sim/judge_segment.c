/* judge_segment.c - the rows of a segment, decoded in the plainest way: every page, every id
 * through the index, every delete vector. */
#include "history.h"
#include "mola/format/delete_vector.h"
#include "mola/format/segment.h"
#include <stdlib.h>

typedef struct known {
    struct known *next;
    object_ref ref;
    judge_segment is;
} known;
enum { BUCKETS = 256 };
static known *buckets[BUCKETS];

void judge_segment_reset(void)
{
    for (int i = 0; i < BUCKETS; i++)
        while (buckets[i]) {
            known *k = buckets[i];
            buckets[i] = k->next;
            free(k->is.index);
            free(k->is.cells);
            free(k->is.dead);
            free(k);
        }
}

/* One decoding and what it stands on. */
typedef struct {
    const mola_manifest *m;
    const mola_segment_ref *ref;
    const mola_segment_info *info;
    mola_segment_id id;
    mola_segment_head head;
    mola_arena arena;
    judge_segment *out;
} decoding;

static mola_str object_of(const decoding *d, char kind, uint32_t number)
{
    for (uint32_t i = 0; i < d->m->inline_count; i++) {
        const mola_inline_object *o = &d->m->inlines[i];
        if (o->kind == (uint32_t)kind && o->number == number && o->base == d->id.base &&
            o->rand == d->id.rand && memcmp(o->owner, d->id.owner, 16) == 0)
            return o->bytes;
    }
    const world_object *o = world_find_key(
        mola_key_segment((mola_str){0}, d->id.owner, d->id.base, d->id.rand, kind, number));
    if (!o)
        judge_violation("version %llu refers to object %c.%u of a segment, which is not there",
                        (unsigned long long)d->m->ver, kind, number);
    return o ? o->body : (mola_str){0};
}

static mola_str extent_of(const decoding *d, mola_extent at)
{
    mola_str object = object_of(d, 'o', at.object);
    if (!history.failed && (at.offset > object.len || at.bytes > object.len - at.offset)) {
        judge_violation("a segment has an extent beyond the end of its object");
        return (mola_str){0};
    }
    return history.failed ? (mola_str){0} : (mola_str){object.data + at.offset, at.bytes};
}

static void bad(const decoding *d, const char *what, uint32_t row)
{
    judge_violation("segment %llu.%016llx of version %llu: %s (row %u)",
                    (unsigned long long)d->id.base, (unsigned long long)d->id.rand,
                    (unsigned long long)d->m->ver, what, row);
}

/* The number behind the id, when the index leads from it to this row. */
static void take_id(decoding *d, const mola_value *id, uint32_t row, const uint64_t *bloom)
{
    int index = sim_row_of(id->u);
    uint64_t hash = mola_value_hash(id);
    uint32_t page = mola_segment_index_page(&d->head, hash), found_row = UINT32_MAX;
    mola_str bytes = extent_of(d, mola_segment_index_at(&d->head, page));
    bool found = false;
    if (index < 0)
        bad(d, "a document that nobody wrote", row);
    else if (!mola_bloom_may_have(bloom, d->head.bloom_words, hash))
        bad(d, "the filter denies an id", row);
    else if (!history.failed &&
             (mola_segment_index_find(&d->head, page, bytes, id, &found, &found_row) || !found ||
              found_row != row))
        bad(d, "the index does not lead to the row of an id", row);
    if (history.failed)
        return;
    d->out->index[row] = (uint8_t)index;
    d->out->cells[row].exists = true;
}

static void take_ids(decoding *d, const mola_column *ids, uint32_t row)
{
    uint64_t *bloom = mola_new(&d->arena, uint64_t, d->head.bloom_words);
    for (uint32_t b = 0; b < d->head.bloom_block_count && !history.failed; b++)
        if (mola_segment_bloom_decode(&d->head, b, extent_of(d, d->head.bloom_blocks[b]), bloom))
            bad(d, "a block of the filter is corrupt", b);
    for (uint32_t r = 0; r < ids->rows && !history.failed; r++) {
        mola_value id = mola_column_cell(ids, r);
        take_id(d, &id, row + r, bloom);
    }
}

static void take_cell(const incarnation *n, sim_row *row, uint32_t attr, const mola_value *value)
{
    if (attr == n->v_attr)
        row->v = value->i;
    if (attr == n->w_attr) {
        row->has_w = true;
        row->w = value->i;
    }
    if (attr == n->x_attr)
        row->x = value->elem == MOLA_ELEM_INT ? 1 : 2;
}

static void take_page(decoding *d, const incarnation *n, const mola_segment_attr *attr,
                      uint32_t page)
{
    mola_column column;
    uint32_t first = attr->pages[page].row_first;
    mola_str bytes = extent_of(d, attr->pages[page].at);
    if (history.failed)
        return;
    if (mola_segment_page_decode(&d->head, attr, page, bytes, &d->arena, &column) ||
        first + column.rows > d->head.rows) {
        bad(d, "a page cannot be decoded", first);
        return;
    }
    if (attr->attr == MOLA_ATTR_ID) {
        take_ids(d, &column, first);
        return;
    }
    for (uint32_t r = 0; r < column.rows; r++)
        if (mola_column_has(&column, r)) {
            mola_value value = mola_column_cell(&column, r);
            take_cell(n, &d->out->cells[first + r], attr->attr, &value);
        }
}

static void decode(decoding *d, const incarnation *n)
{
    mola_why why = {0};
    mola_str image = object_of(d, 'h', 0);
    if (history.failed)
        return;
    if (mola_segment_head_decode(image, &d->id, &d->arena, &d->head, &why)) {
        bad(d, "its head cannot be decoded", 0);
        return;
    }
    if (d->head.rows != d->info->rows || image.len != d->info->head_bytes ||
        d->head.object_count != d->info->object_count)
        bad(d, "the table says another size", d->head.rows);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < d->head.object_count && !history.failed; i++)
        bytes += object_of(d, 'o', i).len;
    if (bytes != d->info->data_bytes)
        bad(d, "the table says another number of bytes", d->head.rows);
    *d->out = (judge_segment){.rows = d->head.rows,
                              .index = calloc(d->head.rows, 1),
                              .cells = calloc(d->head.rows, sizeof(sim_row)),
                              .dead = calloc(d->head.rows, sizeof(bool))};
    for (uint32_t a = 0; a < d->head.attr_count; a++) {
        const mola_segment_attr *attr = &d->head.attrs[a];
        if (attr->layout != MOLA_AS_PAGES)
            bad(d, "an attribute has an unexpected layout", a);
        for (uint32_t p = 0; p < attr->page_count && !history.failed; p++)
            take_page(d, n, attr, p);
    }
}

/* Which of its rows this manifest holds dead. */
static void take_deletes(decoding *d)
{
    memset(d->out->dead, 0, d->out->rows * sizeof(bool));
    if (!d->info->deleted)
        return;
    mola_delete_vector_id id = {.base = d->ref->dv_base, .rand = d->ref->dv_rand};
    memcpy(id.owner, d->m->nsid, 16);
    mola_str image = {0};
    for (uint32_t i = 0; i < d->m->inline_count; i++) {
        const mola_inline_object *o = &d->m->inlines[i];
        if (o->kind == MOLA_OBJECT_DELETES && o->base == id.base && o->rand == id.rand)
            image = o->bytes;
    }
    const world_object *object =
        image.len ? NULL
                  : world_find_key(mola_key_deletes((mola_str){0}, id.owner, id.base, id.rand));
    if (object)
        image = object->body;
    uint64_t *dead;
    uint32_t count;
    mola_why why = {0};
    if (!image.len)
        bad(d, "its delete vector is not there", d->info->deleted);
    else if (mola_delete_vector_decode(image, &id, &d->id, d->out->rows, &d->arena, &dead, &count,
                                       &why))
        bad(d, "its delete vector cannot be decoded", d->info->deleted);
    else if (count != d->info->deleted)
        bad(d, "the table says another number of dead rows", count);
    for (uint32_t r = 0; r < d->out->rows && !history.failed; r++)
        d->out->dead[r] = mola_bit(dead, r);
}

judge_segment *judge_segment_load(const incarnation *n, const mola_manifest *m, uint32_t i)
{
    static judge_segment empty;
    if (!m->infos[i].rows)
        return &empty;
    decoding d = {.m = m, .ref = &m->segments[i], .info = &m->infos[i]};
    d.id = (mola_segment_id){.base = d.ref->base, .rand = d.ref->rand};
    memcpy(d.id.owner, d.ref->owner, 16);
    object_ref ref = {.base = d.id.base, .rand = d.id.rand};
    memcpy(ref.owner, d.id.owner, 16);
    mola_arena_init(&d.arena, &history.heap, SIZE_MAX);
    known *k = buckets[ref.rand % BUCKETS];
    while (k && !judge_same_object(&k->ref, &ref))
        k = k->next;
    bool fresh = !k;
    if (fresh) {
        k = calloc(1, sizeof *k);
        if (!k)
            abort();
        *k = (known){.next = buckets[ref.rand % BUCKETS], .ref = ref};
        buckets[ref.rand % BUCKETS] = k;
    }
    d.out = &k->is;
    if (fresh)
        decode(&d, n);
    else /* it is still there */
        for (uint32_t o = 0; o <= d.info->object_count && !history.failed; o++)
            (void)object_of(&d, o ? 'o' : 'h', o ? o - 1 : 0);
    if (!history.failed)
        take_deletes(&d);
    mola_arena_reset(&d.arena);
    return history.failed ? NULL : &k->is;
}
