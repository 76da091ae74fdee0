/* Any bytes as a manifest, with the sum they have and with a right one: what reads can be written,
 * and then reads as the same. */
#include "fuzz.h"
#include "mola/codec/block.h"
#include "mola/format/manifest.h"

enum { SUM_BYTES = 16 };

static void same(const mola_manifest *a, const mola_manifest *b)
{
    FUZZ_CHECK(a->deleted == b->deleted && a->epoch == b->epoch && a->ver == b->ver);
    FUZZ_CHECK(memcmp(a->nsid, b->nsid, 16) == 0 && memcmp(a->commit_id, b->commit_id, 16) == 0);
    FUZZ_CHECK(a->indexed_seq == b->indexed_seq && a->wal_floor == b->wal_floor);
    FUZZ_CHECK(a->lineage_count == b->lineage_count && a->segment_count == b->segment_count);
    FUZZ_CHECK(a->retired_count == b->retired_count && a->history_count == b->history_count);
    FUZZ_CHECK(!a->segment_count ||
               memcmp(a->segments, b->segments, a->segment_count * sizeof *a->segments) == 0);
    FUZZ_CHECK(!a->segment_count ||
               memcmp(a->infos, b->infos, a->segment_count * sizeof *a->infos) == 0);
    FUZZ_CHECK(a->inline_count == b->inline_count);
    for (uint32_t i = 0; i < a->inline_count; i++)
        FUZZ_CHECK(mola_str_eq(a->inlines[i].bytes, b->inlines[i].bytes));
    FUZZ_CHECK(!a->state == !b->state && (!a->state || mola_state_eq(a->state, b->state)));
}

static void read_manifest(mola_heap *heap, mola_str image)
{
    mola_arena arena;
    mola_arena_init(&arena, heap, 1 << 24);
    mola_manifest m, back;
    mola_err err = mola_manifest_decode(image, &arena, heap, &m, NULL);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID ||
               err == MOLA_NO_MEMORY);
    if (!err) {
        FUZZ_CHECK(m.deleted == (image.len == MOLA_TOMBSTONE_BYTES));
        if (!m.newer) {
            mola_buf out;
            mola_buf_init(&out, heap);
            mola_manifest_encode(&out, &m);
            FUZZ_CHECK(!out.failed);
            FUZZ_CHECK(mola_manifest_decode(mola_buf_str(&out), &arena, heap, &back, NULL) ==
                       MOLA_OK);
            same(&m, &back);
            mola_state_unref(back.state);
            mola_buf_free(&out);
        }
        mola_state_unref(m.state);
    }
    mola_arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, 1 << 27);
    char *copy = fuzz_copy(data, size, SUM_BYTES, 0);
    mola_sum128((mola_str){copy, size}, (uint8_t *)copy + size);
    read_manifest(&heap, (mola_str){copy, size});
    read_manifest(&heap, (mola_str){copy, size + SUM_BYTES});
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
