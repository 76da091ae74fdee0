/* Any bytes as a log entry or (beginning with "PAY1") as a payload, with the sum they have and with
 * a right one: what reads is well-formed, prints, and is the same after it was written and read
 * again. */
#include "fuzz.h"
#include "mola/codec/block.h"
#include "mola/codec/bytes.h"
#include "mola/format/entry.h"

enum { SUM_BYTES = 16, HEAP_BYTES = 1 << 26 };

static void walk_column(mola_heap *heap, const mola_column *c)
{
    mola_buf text;
    mola_buf_init(&text, heap);
    for (uint32_t r = 0; r < c->rows && text.len < 1 << 20; r++) {
        FUZZ_CHECK(mola_column_has(c, r) || mola_column_row_bytes(c, r) == 0);
        FUZZ_CHECK(mola_column_row_eq(c, r, c, r));
        if (mola_column_has(c, r))
            mola_column_print(&text, c, r, r % 2 ? MOLA_VECTORS_AS_BASE64 : MOLA_VECTORS_AS_FLOATS);
    }
    FUZZ_CHECK(text.failed || mola_utf8_ok(mola_buf_str(&text)));
    mola_buf_free(&text);
}

static void same_rows(const mola_rows *a, const mola_rows *b)
{
    FUZZ_CHECK(a->count == b->count && a->column_count == b->column_count);
    if (a->count)
        FUZZ_CHECK(memcmp(a->ops, b->ops, a->count) == 0);
    for (uint32_t i = 0; i < a->column_count; i++) {
        FUZZ_CHECK(a->columns[i].attr == b->columns[i].attr);
        for (uint32_t r = 0; r < a->count; r++)
            FUZZ_CHECK(mola_column_row_eq(&a->columns[i].column, r, &b->columns[i].column, r));
    }
    for (uint32_t r = 0; r < a->count; r++)
        FUZZ_CHECK(mola_column_row_eq(&a->ids, r, &b->ids, r));
}

static void walk_rows(mola_heap *heap, const mola_rows *rows)
{
    if (rows->count == 0)
        return;
    walk_column(heap, &rows->ids);
    for (uint32_t i = 0; i < rows->column_count; i++)
        walk_column(heap, &rows->columns[i].column);
    mola_rows_builder *b = mola_rows_builder_new(heap);
    mola_rows built;
    if (b && mola_rows_append(b, rows) == MOLA_OK && mola_rows_built(b, &built))
        same_rows(rows, &built);
    mola_rows_builder_free(b);
}

static void read_payload(mola_heap *heap, mola_str image)
{
    mola_payload_ref ref = {.bytes = image.len};
    mola_entry_memory *memory;
    mola_rows rows;
    mola_sum128(image, ref.sum);
    mola_err err = mola_payload_decode(heap, image, &ref, &rows, &memory, NULL);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID ||
               err == MOLA_NO_MEMORY);
    if (err)
        return;
    walk_rows(heap, &rows);
    mola_entry_free(heap, memory);
}

/* Written and read again. An entry of a newer format has flags that we do not write. */
static void again(mola_heap *heap, const mola_entry *e)
{
    mola_buf out;
    mola_entry back;
    mola_entry_memory *memory;
    mola_buf_init(&out, heap);
    mola_entry_encode(&out, e);
    mola_err err = out.failed ? MOLA_NO_MEMORY
                              : mola_entry_decode(heap, mola_buf_str(&out), e->nsid, e->seq, &back,
                                                  &memory, NULL);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_NO_MEMORY);
    if (!err) {
        same_rows(&e->rows, &back.rows);
        FUZZ_CHECK(!e->state == !back.state && mola_str_eq(e->name, back.name));
        FUZZ_CHECK(!e->state || mola_state_eq(e->state, back.state));
        FUZZ_CHECK(mola_entry_chain(e) == mola_entry_chain(&back));
        mola_state_unref(back.state);
        mola_entry_free(heap, memory);
    }
    mola_buf_free(&out);
}

static void read_entry(mola_heap *heap, mola_str image)
{
    uint8_t nsid[16] = {0};
    mola_entry e;
    mola_entry_memory *memory;
    bool whole = image.len >= MOLA_ENTRY_HEADER_BYTES;
    if (whole)
        memcpy(nsid, image.data + 16, sizeof nsid);
    uint64_t seq = whole ? mola_load_u64(image.data + 32) : 0;
    mola_err err = mola_entry_decode(heap, image, nsid, seq, &e, &memory, NULL);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID ||
               err == MOLA_NO_MEMORY);
    if (err)
        return;
    FUZZ_CHECK(mola_entry_memory_bytes(memory) <= HEAP_BYTES);
    walk_rows(heap, &e.rows);
    if (mola_load_u16(image.data + 4) == MOLA_ENTRY_FMT)
        again(heap, &e);
    mola_state_unref(e.state);
    mola_entry_free(heap, memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, HEAP_BYTES);
    char *copy = fuzz_copy(data, size, SUM_BYTES, 0);
    mola_sum128((mola_str){copy, size}, (uint8_t *)copy + size);
    mola_str plain = {copy, size}, summed = {copy, size + SUM_BYTES};
    if (size >= 4 && memcmp(data, "PAY1", 4) == 0) {
        read_payload(&heap, summed);
    } else {
        read_entry(&heap, plain);
        read_entry(&heap, summed);
    }
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
