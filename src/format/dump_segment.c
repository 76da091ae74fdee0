#include "format/dump.h"
#include "mola/format/delete_vector.h"
#include "mola/format/dictionary.h"

typedef unsigned long long ull;

static void dump_attr(mola_dump *d, const mola_segment_head *h, const mola_segment_attr *a)
{
    static const char *const layouts[] = {"pages", "vectors", "documents"};
    uint64_t bytes = 0, present = 0;
    for (uint32_t i = 0; i < a->page_count; i++)
        bytes += a->pages[i].at.bytes;
    if (!(a->attr & MOLA_ATTR_DERIVED)) {
        mola_buf_print(d->out, "attribute %u ", a->attr);
    } else {
        bool dictionary = a->attr & MOLA_ATTR_DICTIONARY;
        mola_buf_print(d->out, "%s %08x ", dictionary ? "dictionary" : "postings", a->attr);
    }
    mola_dump_type(d, a->type);
    mola_buf_print(d->out, " as %s: %u pieces, %llu bytes", layouts[a->layout], a->page_count,
                   (ull)bytes);
    for (size_t word = 0; a->present && word < mola_words(h->rows); word++)
        present += (uint64_t)__builtin_popcountll(a->present[word]);
    if (a->present)
        mola_buf_print(d->out, ", %llu of %u rows", (ull)present, h->rows);
    mola_buf_print(d->out, "%s\n", a->zones ? ", zones" : "");
}

mola_err mola_dump_segment_head(mola_dump *d, const uint8_t owner[16], uint64_t base, uint64_t rand,
                                mola_str bytes)
{
    mola_segment_head h;
    mola_segment_id id = {.base = base, .rand = rand};
    memcpy(id.owner, owner, sizeof id.owner);
    mola_err err = mola_segment_head_decode(bytes, &id, &d->arena, &h, d->why);
    if (err)
        return err;
    mola_buf_print(d->out, "head of segment %016llx.%016llx, %zu bytes\nowner ", (ull)base,
                   (ull)rand, bytes.len);
    mola_dump_hex(d, owner, 16);
    mola_buf_print(d->out, "\nrows %u, logical bytes %llu\n", h.rows, (ull)h.logical_bytes);
    for (uint32_t i = 0; i < h.object_count; i++) {
        mola_buf_print(d->out, "object %u: %llu bytes, xxh3-128 ", i, (ull)h.objects[i].bytes);
        mola_dump_hex(d, h.objects[i].sum, sizeof h.objects[i].sum);
        mola_buf_add_char(d->out, '\n');
    }
    for (uint32_t i = 0; i < h.attr_count; i++)
        dump_attr(d, &h, &h.attrs[i]);
    mola_buf_print(d->out,
                   "index of ids: %u pages in %u runs\nBloom filter: %u words in %u blocks\n",
                   h.index_page_count, h.index_run_count, h.bloom_words, h.bloom_block_count);
    return MOLA_OK;
}

mola_err mola_dump_deletes(mola_dump *d, const uint8_t owner[16], uint64_t base, uint64_t rand,
                           mola_str bytes)
{
    enum { SEGMENT_AT = 48, ROWS_AT = 80, HEADER_BYTES = 96 }; /* delete_vector.c */
    mola_delete_vector_id id = {.base = base, .rand = rand};
    mola_segment_id of = {.base = 0};
    uint32_t rows = 0, dead_count;
    uint64_t *dead;
    memcpy(id.owner, owner, sizeof id.owner);
    if (bytes.len >= HEADER_BYTES) { /* what the manifest would say is asked of the image itself */
        memcpy(of.owner, bytes.data + SEGMENT_AT, sizeof of.owner);
        of.base = mola_load_u64(bytes.data + SEGMENT_AT + 16);
        of.rand = mola_load_u64(bytes.data + SEGMENT_AT + 24);
        rows = mola_load_u32(bytes.data + ROWS_AT);
    }
    if (rows == 0 || rows > MOLA_SEGMENT_ROWS_MAX)
        return mola_fail(d->why, MOLA_CORRUPT, "not a delete vector");
    mola_err err =
        mola_delete_vector_decode(bytes, &id, &of, rows, &d->arena, &dead, &dead_count, d->why);
    if (err)
        return err;
    mola_buf_print(d->out, "delete vector, %zu bytes\nsegment %016llx.%016llx of ", bytes.len,
                   (ull)of.base, (ull)of.rand);
    mola_dump_hex(d, of.owner, sizeof of.owner);
    mola_buf_print(d->out, "\nrows %u, dead %u\n", rows, dead_count);
    return MOLA_OK;
}
