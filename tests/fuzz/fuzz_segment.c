/* Any bytes as parts of a segment, with right sums around them: what reads is well-formed, and the
 * rest is refused. The first byte says what the others are:
 *   'h' a head as it is, but its sum   'b' the body of a head   'p' the plain bytes of a page
 *   'd' of a group of documents        'i' of a hash page       'r' records without digests
 * For pages, groups and hash pages a type and a number of rows come first. */
#include "format/segment_image.h"
#include "fuzz.h"

enum { HEAP_BYTES = 1 << 26, ARENA_BYTES = 1 << 24, HEADER_BYTES = 96, SUM_BYTES = 16 };

static mola_heap heap;
static const mola_segment_id id = {"owner", 1, 2};

static void known(mola_err err)
{
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID ||
               err == MOLA_NO_MEMORY);
}

/* -- heads ------------------------------------------------------------------------------------- */

static void walk_attr(const mola_segment_head *h, const mola_segment_attr *a)
{
    FUZZ_CHECK(mola_segment_find(h, a->attr) == a);
    uint64_t rows = 0;
    for (uint32_t page = 0; page < a->page_count; page++) {
        const mola_extent *at = &a->pages[page].at;
        FUZZ_CHECK(mola_segment_page_of(a, (uint32_t)rows) == page);
        rows += mola_segment_page_rows(h, a, page);
        FUZZ_CHECK(mola_segment_page_of(a, (uint32_t)rows - 1) == page);
        FUZZ_CHECK((uint64_t)at->offset + at->bytes <= h->objects[at->object].bytes);
    }
    FUZZ_CHECK(rows == h->rows);
    for (uint32_t row = 0; a->layout == MOLA_AS_VECTORS && row < h->rows;) {
        uint32_t some = h->rows - row;
        mola_extent at = mola_segment_records_at(a, row, &some);
        FUZZ_CHECK(some > 0 && (uint64_t)at.offset + at.bytes <= h->objects[at.object].bytes);
        row += some;
    }
    for (uint32_t window = 0; a->zones && window * 4096 < h->rows; window++)
        FUZZ_CHECK(a->zones[window].least <= a->zones[window].most);
}

static void walk_head(const mola_segment_head *h, bool again)
{
    FUZZ_CHECK(h->attr_count > 0 && h->attrs[0].attr == MOLA_ATTR_ID);
    for (uint32_t i = 0; i < h->attr_count; i++)
        walk_attr(h, &h->attrs[i]);
    for (uint32_t page = 0; page < h->index_page_count && page < 1000; page++) {
        mola_extent at = mola_segment_index_at(h, page);
        FUZZ_CHECK((uint64_t)at.offset + at.bytes <= h->objects[at.object].bytes);
    }
    FUZZ_CHECK(mola_segment_index_page(h, h->rows * 0x9e3779b97f4a7c15U) < h->index_page_count);
    if (!again)
        return;
    mola_buf out;
    mola_arena arena;
    mola_segment_head back;
    mola_buf_init(&out, &heap);
    mola_arena_init(&arena, &heap, ARENA_BYTES);
    mola_segment_head_encode(&out, h);
    if (!out.failed) {
        mola_err err = mola_segment_head_decode(mola_buf_str(&out), &h->id, &arena, &back, NULL);
        FUZZ_CHECK(err == MOLA_OK || err == MOLA_NO_MEMORY);
        if (!err)
            walk_head(&back, false);
    }
    mola_arena_reset(&arena);
    mola_buf_free(&out);
}

/* `image` ends in room for the sum. */
static void read_head(char *image, size_t size)
{
    mola_arena arena;
    mola_segment_head h;
    mola_segment_id own = id;
    mola_arena_init(&arena, &heap, ARENA_BYTES);
    if (size >= HEADER_BYTES) {
        memcpy(own.owner, image + 16, sizeof own.owner);
        own.base = mola_load_u64(image + 32);
        own.rand = mola_load_u64(image + 40);
    }
    mola_sum128((mola_str){image, size}, (uint8_t *)image + size);
    mola_err err =
        mola_segment_head_decode((mola_str){image, size + SUM_BYTES}, &own, &arena, &h, NULL);
    known(err);
    if (!err)
        walk_head(&h, true);
    mola_arena_reset(&arena);
}

static void read_body(const uint8_t *data, size_t size)
{
    if (size < 4)
        return;
    size_t body = size - 4;
    char *image = malloc(HEADER_BYTES + body + SUM_BYTES);
    FUZZ_CHECK(image != NULL);
    memset(image, 0, HEADER_BYTES);
    memcpy(image, "SEG1\1\0\1\0", 8);
    image[12] = HEADER_BYTES;
    memcpy(image + 16, &id, sizeof id);
    memcpy(image + 48, data, 4); /* rows */
    memcpy(image + 56, &body, 8);
    if (body)
        memcpy(image + HEADER_BYTES, data + 4, body);
    read_head(image, HEADER_BYTES + body);
    free(image);
}

/* -- what a head would lead to ----------------------------------------------------------------- */

static void walk_column(const mola_column *c)
{
    mola_buf text;
    mola_zone zone = {0};
    mola_buf_init(&text, &heap);
    for (uint32_t r = 0; r < c->rows && text.len < 1 << 20; r++) {
        FUZZ_CHECK(mola_column_has(c, r) || mola_column_row_bytes(c, r) == 0);
        if (mola_column_has(c, r))
            mola_column_print(&text, c, r, r % 2 ? MOLA_VECTORS_AS_BASE64 : MOLA_VECTORS_AS_FLOATS);
    }
    FUZZ_CHECK(text.failed || mola_utf8_ok(mola_buf_str(&text)));
    if (mola_zone_has(c->type))
        mola_zone_widen(&zone, c);
    mola_buf_free(&text);
}

/* What reads is written as the same bytes again. */
static void same_again(const mola_column *c, uint32_t attr, mola_str plain)
{
    mola_buf out;
    mola_buf_init(&out, &heap);
    mola_segment_add_column(&out, attr, c);
    FUZZ_CHECK(out.failed || out.len <= plain.len); /* a bitmap of ones only is left out */
    mola_buf_free(&out);
}

typedef struct {
    mola_segment_head head;
    mola_segment_attr attrs[3];
    mola_segment_page page;
} one_page;

/* A head with an attribute, and the ids, of one page: as the first bytes say. */
static bool take_head(mola_cursor *c, mola_segment_layout layout, one_page *out)
{
    mola_type type = {.form = mola_take_u8(c), .elem = mola_take_u8(c)};
    uint16_t dims = mola_take_u16(c), rows = mola_take_u16(c);
    type.dims = dims;
    if (c->bad || !mola_type_ok(type) || rows == 0 || rows > 4096)
        return false;
    *out = (one_page){.head = {.id = id, .rows = rows, .attr_count = 3, .index_page_count = 1}};
    for (uint32_t i = 0; i < 3; i++)
        out->attrs[i] = (mola_segment_attr){
            .attr = i, .type = type, .layout = layout, .page_count = 1, .pages = &out->page};
    out->head.attrs = out->attrs;
    return true;
}

/* The plain bytes as a block in their place. */
static void read_block(const one_page *p, char kind, uint32_t attr, mola_str plain)
{
    mola_buf block;
    mola_arena arena;
    mola_column columns[3];
    mola_value want = {.elem = p->attrs[0].type.elem};
    bool found;
    uint32_t row;
    mola_buf_init(&block, &heap);
    mola_arena_init(&arena, &heap, ARENA_BYTES);
    mola_block_place place = mola_segment_place(&id, kind, attr, 0);
    mola_block_write(&block, &place, MOLA_BLOCK_RAW, plain);
    FUZZ_CHECK(!block.failed);
    mola_str bytes = mola_buf_str(&block);
    if (kind == MOLA_KIND_INDEX) {
        if (want.elem == MOLA_ELEM_STRING)
            want.s = MOLA_STR("id");
        known(mola_segment_index_find(&p->head, 0, bytes, &want, &found, &row));
    } else if (kind == MOLA_KIND_PAGE) {
        mola_err err =
            mola_segment_page_decode(&p->head, &p->attrs[attr], 0, bytes, &arena, columns);
        known(err);
        if (!err) {
            walk_column(&columns[0]);
            same_again(&columns[0], attr, plain);
        }
    } else {
        mola_err err = mola_segment_group_decode(&p->head, 0, bytes, &arena, columns);
        known(err);
        for (uint32_t i = 0; !err && i < 3; i++) {
            FUZZ_CHECK(columns[i].rows == 0 || columns[i].rows == p->head.rows);
            if (columns[i].rows) /* else it is no column at all */
                walk_column(&columns[i]);
        }
    }
    mola_arena_reset(&arena);
    mola_buf_free(&block);
}

static void read_records(const one_page *p, mola_str vectors)
{
    const mola_segment_attr *a = &p->attrs[1];
    size_t size = mola_segment_record_bytes(a) - SUM_BYTES;
    uint32_t rows = (uint32_t)(vectors.len / size);
    if (rows > p->head.rows)
        rows = p->head.rows;
    mola_buf records;
    mola_buf_init(&records, &heap);
    for (uint32_t row = 0; row < rows; row++) {
        uint8_t sum[SUM_BYTES];
        mola_str vector = {vectors.data + row * size, size};
        mola_block_place place = mola_segment_place(&id, MOLA_KIND_VECTOR, a->attr, row);
        mola_block_sum(&place, vector, sum);
        mola_buf_add_str(&records, vector);
        mola_buf_add(&records, sum, sizeof sum);
    }
    char *out = malloc(rows * size + 1);
    FUZZ_CHECK(out && !records.failed);
    mola_err err = mola_segment_records_decode(&p->head, a, 0, rows, mola_buf_str(&records), out);
    known(err);
    if (!err) {
        FUZZ_CHECK(rows == 0 || memcmp(out, vectors.data, rows * size) == 0);
        walk_column(&(mola_column){.type = a->type, .rows = rows, .data = (const uint8_t *)out});
    }
    if (rows) {
        records.data[vectors.len % records.len] ^= 1;
        err = mola_segment_records_decode(&p->head, a, 0, rows, mola_buf_str(&records), out);
        FUZZ_CHECK(err == MOLA_CORRUPT);
    }
    free(out);
    mola_buf_free(&records);
}

static void read_part(char what, mola_str bytes)
{
    one_page p;
    mola_cursor c = {.rest = bytes};
    mola_segment_layout layout = what == 'r'   ? MOLA_AS_VECTORS
                                 : what == 'd' ? MOLA_AS_DOCUMENTS
                                               : MOLA_AS_PAGES;
    if (!take_head(&c, layout, &p))
        return;
    bool dense = p.attrs[0].type.form == MOLA_FORM_DENSE;
    if (what == 'r' && dense) {
        read_records(&p, c.rest);
    } else if (what == 'i' && mola_segment_id_type_ok(p.attrs[0].type)) {
        read_block(&p, MOLA_KIND_INDEX, 0, c.rest);
    } else if (what == 'p' && !dense) {
        read_block(&p, MOLA_KIND_PAGE, 1, c.rest);
        if (mola_segment_id_type_ok(p.attrs[0].type))
            read_block(&p, MOLA_KIND_PAGE, 0, c.rest);
    } else if (what == 'd' && !dense) {
        read_block(&p, MOLA_KIND_GROUP, 0, c.rest);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    mola_heap_init(&heap, HEAP_BYTES);
    char what = (char)data[0];
    char *copy = fuzz_copy(data + 1, size - 1, SUM_BYTES, 0);
    if (what == 'h')
        read_head(copy, size - 1);
    else if (what == 'b')
        read_body(data + 1, size - 1);
    else
        read_part(what, (mola_str){copy, size - 1});
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
