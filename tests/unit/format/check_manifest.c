#include "golden.h"
#include "mola/codec/block.h"
#include "mola/codec/bytes.h"
#include "mola/format/manifest.h"

/* The one object that says which incarnation lives and where its data is: every byte counts. */

static mola_state *state_of(const char *schema)
{
    mola_state *empty = mola_state_new(&heap), *state = mola_state_copy(&heap, empty, 2000);
    mola_state_unref(empty);
    ck_assert_int_eq(mola_schema_apply(state, json(schema), NULL, &arena, &why), MOLA_OK);
    return state;
}

static mola_manifest blank(void)
{
    mola_manifest m = {.epoch = 3, .ver = 17, .gc_floor = 5};
    memcpy(m.nsid, "namespace number", 16);
    memcpy(m.commit_id, "commit identifier", 16);
    return m;
}

static mola_lineage lineage[] = {{"parent of parent", 10}, {"parent namespace", 99}};
static mola_segment_ref segments[] = {{"parent of parent", 1, 0xfeed, 1, 10, 0, 0},
                                      {"namespace number", 4, 0xbeef, 11, 11, 6, 0xdead},
                                      {"namespace number", 9, 0xcafe, 12, 400, 0, 0}};
static mola_segment_info infos[] = {
    {70000, 0, 900, 12345678, 2, 3}, {80, 5, 320, 8192, 1, 0}, {0, 0, 0, 0, 0, 0}};
static mola_retired retired[] = {{"namespace number", 2, 0xabba, 9, 1767225600000000U}};
static mola_history history[] = {
    {15, 1767225600000000U}, {16, 1767225601000000U}, {17, 1767225602000000U}};

static mola_manifest full(mola_state *state)
{
    mola_manifest m = blank();
    m.indexed_seq = 400;
    m.wal_floor = 390;
    m.indexed_time_us = 1767225600000001U;
    m.indexed_chain = 0x0123456789abcdefU;
    m.lineage = lineage;
    m.lineage_count = 2;
    m.segments = segments;
    m.segment_count = 3;
    m.infos = infos;
    m.retired = retired;
    m.retired_count = 1;
    m.history = history;
    m.history_count = 3;
    m.created_us = 1;
    m.updated_us = 2;
    m.written_us = 3;
    m.state = state;
    return m;
}

/* The second segment stands in the manifest with its delete vector. */
static mola_manifest tiny(mola_state *state)
{
    static char bytes[8192];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    static mola_inline_object inlines[] = {
        {"namespace number", 4, 0xbeef, MOLA_OBJECT_HEAD, 0, {bytes, 320}},
        {"namespace number", 4, 0xbeef, MOLA_OBJECT_DATA, 0, {bytes, 8192}},
        {"namespace number", 6, 0xdead, MOLA_OBJECT_DELETES, 0, {bytes + 100, 100}}};
    mola_manifest m = full(state);
    m.inlines = inlines;
    m.inline_count = 3;
    return m;
}

static mola_manifest tombstone(void)
{
    mola_manifest m = blank();
    m.gc_floor = 0;
    m.deleted = true;
    m.time_us = 1767225600000000U;
    return m;
}

static mola_err decode(mola_str image, mola_manifest *m)
{
    return mola_manifest_decode(image, &arena, &heap, m, &why);
}

static void assert_manifest_eq(const mola_manifest *a, const mola_manifest *b)
{
    ck_assert_int_eq(a->deleted, b->deleted);
    ck_assert_int_eq(a->newer, b->newer);
    ck_assert_mem_eq(a->nsid, b->nsid, 16);
    ck_assert_mem_eq(a->commit_id, b->commit_id, 16);
    ck_assert_uint_eq(a->epoch, b->epoch);
    ck_assert_uint_eq(a->ver, b->ver);
    ck_assert_uint_eq(a->time_us, b->time_us);
    ck_assert_uint_eq(a->indexed_seq, b->indexed_seq);
    ck_assert_uint_eq(a->wal_floor, b->wal_floor);
    ck_assert_uint_eq(a->gc_floor, b->gc_floor);
    ck_assert_uint_eq(a->indexed_time_us, b->indexed_time_us);
    ck_assert_uint_eq(a->indexed_chain, b->indexed_chain);
    ck_assert_uint_eq(a->created_us, b->created_us);
    ck_assert_uint_eq(a->updated_us, b->updated_us);
    ck_assert_uint_eq(a->written_us, b->written_us);
    ck_assert_uint_eq(a->lineage_count, b->lineage_count);
    ck_assert_uint_eq(a->segment_count, b->segment_count);
    ck_assert_uint_eq(a->retired_count, b->retired_count);
    ck_assert_uint_eq(a->history_count, b->history_count);
    if (a->lineage_count)
        ck_assert_mem_eq(a->lineage, b->lineage, a->lineage_count * sizeof *a->lineage);
    if (a->segment_count)
        ck_assert_mem_eq(a->segments, b->segments, a->segment_count * sizeof *a->segments);
    if (a->segment_count)
        ck_assert_mem_eq(a->infos, b->infos, a->segment_count * sizeof *a->infos);
    ck_assert_uint_eq(a->inline_count, b->inline_count);
    for (uint32_t i = 0; i < a->inline_count; i++) {
        const mola_inline_object *x = &a->inlines[i], *y = &b->inlines[i];
        ck_assert_mem_eq(x->owner, y->owner, 16);
        ck_assert(x->base == y->base && x->rand == y->rand);
        ck_assert(x->kind == y->kind && x->number == y->number);
        ck_assert(mola_str_eq(x->bytes, y->bytes));
    }
    if (a->retired_count)
        ck_assert_mem_eq(a->retired, b->retired, a->retired_count * sizeof *a->retired);
    if (a->history_count)
        ck_assert_mem_eq(a->history, b->history, a->history_count * sizeof *a->history);
    ck_assert_int_eq(!a->state, !b->state);
    ck_assert(!a->state || mola_state_eq(a->state, b->state));
}

START_TEST(golden_images_read_and_are_written_the_same)
{
    mola_state *state = state_of(
        "{\"id\":\"uint\",\"a\":\"string\",\"vector\":{\"type\":\"[2]f32\",\"ann\":true}}");
    mola_manifest cases[] = {full(state), tombstone(), blank()}, back;
    static const char *const names[] = {"manifest_1.bin", "tombstone_1.bin", "manifest_new_1.bin"};
    for (int i = 0; i < 3; i++) {
        out.len = 0;
        mola_manifest_encode(&out, &cases[i]);
        ck_assert(!out.failed);
        mola_str image = golden(names[i], mola_buf_str(&out));
        ck_assert_int_eq(decode(image, &back), MOLA_OK);
        assert_manifest_eq(&cases[i], &back);
        mola_state_unref(back.state);
        ck_assert(mola_str_eq(image, mola_buf_str(&out)));
        if (cases[i].deleted)
            ck_assert_uint_eq(image.len, MOLA_TOMBSTONE_BYTES);
        else
            ck_assert_uint_ge(image.len, 176);
    }
    mola_state_unref(state);
}
END_TEST

/* What zstd makes may change with its version; what it made must read for ever. */
START_TEST(the_golden_tiny_namespace_reads)
{
    mola_state *state = state_of("{\"id\":\"uint\",\"a\":\"string\"}");
    mola_manifest m = tiny(state), back;
    mola_manifest_encode(&out, &m);
    ck_assert(!out.failed);
    mola_str image = golden("manifest_inline_1.bin", mola_buf_str(&out));
    ck_assert_int_eq(decode(image, &back), MOLA_OK);
    assert_manifest_eq(&m, &back);
    mola_state_unref(back.state);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_OK);
    assert_manifest_eq(&m, &back);
    mola_state_unref(back.state);
    mola_state_unref(state);
}
END_TEST

START_TEST(every_flipped_bit_and_truncation_is_corrupt)
{
    mola_state *state = state_of("{\"id\":\"uint\",\"a\":\"string\"}");
    mola_manifest cases[] = {full(state), tombstone(), tiny(state)}, back;
    for (int i = 0; i < 3; i++) {
        out.len = 0;
        mola_manifest_encode(&out, &cases[i]);
        for (size_t bit = 0; bit < out.len * 8; bit++) {
            out.data[bit / 8] ^= (char)(1 << bit % 8);
            ck_assert_msg(decode(mola_buf_str(&out), &back) == MOLA_CORRUPT, "bit %zu", bit);
            out.data[bit / 8] ^= (char)(1 << bit % 8);
        }
        for (size_t len = 0; len < out.len; len++)
            ck_assert_int_eq(decode((mola_str){out.data, len}, &back), MOLA_CORRUPT);
        mola_buf_add_zeros(&out, 1);
        ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_CORRUPT);
    }
    mola_state_unref(state);
}
END_TEST

static void seal_again(void)
{
    uint8_t sum[16];
    mola_sum128((mola_str){out.data, out.len - 16}, sum);
    memcpy(out.data + out.len - 16, sum, 16);
}

START_TEST(flipped_bits_under_a_good_sum_stay_consistent)
{
    mola_state *state = state_of("{\"id\":\"uint\",\"a\":\"string\"}");
    mola_manifest m = full(state), back;
    mola_manifest_encode(&out, &m);
    mola_buf again;
    mola_buf_init(&again, &heap);
    uint32_t accepted = 0;
    for (size_t bit = 0; bit < (out.len - 16) * 8; bit++) {
        out.data[bit / 8] ^= (char)(1 << bit % 8);
        seal_again();
        mola_err err = decode(mola_buf_str(&out), &back);
        ck_assert(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID);
        if (err == MOLA_OK && !back.newer) { /* what reads is written again as the same bytes */
            again.len = 0;
            mola_manifest_encode(&again, &back);
            ck_assert_msg(mola_str_eq(mola_buf_str(&again), mola_buf_str(&out)), "bit %zu", bit);
            accepted++;
        }
        if (err == MOLA_OK)
            mola_state_unref(back.state);
        out.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    ck_assert_uint_gt(accepted, 100);
    mola_buf_free(&again);
    mola_state_unref(state);
}
END_TEST

START_TEST(segments_must_tile_and_sections_be_in_order)
{
    mola_state *state = state_of("{\"id\":\"uint\"}");
    mola_manifest m = full(state), back;
    mola_manifest_encode(&out, &m);
    /* 160: LINEAGE 16 + 2 * 24; SEGMENTS 16 + 3 * 64: seq_from of the second is at 32 of its record
     */
    size_t lineage_at = 160, segments_at = lineage_at + 16 + 48, second = segments_at + 16 + 64;
    static const struct {
        size_t at;
        uint64_t value;
    } damages[] = {{64, 401}, {64, 399}, {64, 0}, {72, 401}};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        uint64_t was = mola_load_u64(out.data + damages[i].at);
        memcpy(out.data + damages[i].at, &damages[i].value, 8);
        seal_again();
        ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_CORRUPT);
        memcpy(out.data + damages[i].at, &was, 8);
    }
    static const uint64_t wrong[] = {10, 12, 0};
    for (size_t i = 0; i < 3; i++) {
        memcpy(out.data + second + 32, &wrong[i], 8);
        seal_again();
        ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_CORRUPT);
    }
    uint64_t right = 11;
    memcpy(out.data + second + 32, &right, 8);
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_OK);
    mola_state_unref(back.state);
    out.data[segments_at] = 1; /* LINEAGE twice */
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_CORRUPT);
    mola_state_unref(state);
}
END_TEST

/* A manifest that its encoder would refuse: the encoder writes a good one, then its bytes are
 * changed. `at` counts from the record of the last segment's info, or of the first inline object.
 */
static void expect_refused(size_t at, const void *bytes, size_t size)
{
    char was[64];
    mola_manifest back;
    memcpy(was, out.data + at, size);
    memcpy(out.data + at, bytes, size);
    seal_again();
    ck_assert_msg(decode(mola_buf_str(&out), &back) == MOLA_CORRUPT, "at %zu", at);
    memcpy(out.data + at, was, size);
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_OK);
    mola_state_unref(back.state);
}

static void expect_refused_u64(size_t at, uint64_t value, size_t size)
{
    expect_refused(at, &value, size);
}

/* Where `needle` begins, which stands there once. */
static size_t place_of(const void *needle, size_t size)
{
    char *at = memmem(out.data, out.len, needle, size);
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(memmem(at + 1, out.len - (size_t)(at + 1 - out.data), needle, size));
    return (size_t)(at - out.data);
}

START_TEST(what_is_said_of_segments_must_fit_the_table)
{
    mola_state *state = state_of("{\"id\":\"uint\"}");
    mola_manifest m = full(state);
    mola_manifest_encode(&out, &m);
    size_t first = place_of(infos, sizeof infos), second = first + 32, third = first + 64;
    expect_refused_u64(first, 0, 4);             /* rows 0, and objects */
    expect_refused_u64(first, (1 << 24) + 1, 4); /* more rows than a segment has */
    expect_refused_u64(first + 4, 1, 4);         /* dead rows without a delete vector */
    expect_refused_u64(second + 4, 0, 4);        /* and the reverse */
    expect_refused_u64(second + 4, 81, 4);       /* more dead than rows */
    expect_refused_u64(first + 8, 0, 8);         /* no head */
    expect_refused_u64(first + 16, 0, 8);        /* no data */
    expect_refused_u64(first + 24, 0, 4);        /* no objects */
    expect_refused_u64(third, 1, 4);             /* rows without objects */
    expect_refused_u64(third + 8, 1, 8);         /* objects without rows */
    expect_refused_u64(first - 16 + 4, 2, 4);    /* count */
    expect_refused_u64(first - 16, 5, 2);        /* STATE twice */
    out.len -= 16 + 32;                          /* the last info is gone */
    uint64_t body = mola_load_u64(out.data + 104) - 32, bytes = 64;
    memcpy(out.data + 104, &body, 8);
    memcpy(out.data + first - 16 + 4, &(uint32_t){2}, 4);
    memcpy(out.data + first - 16 + 8, &bytes, 8);
    mola_buf_add_zeros(&out, 16);
    seal_again();
    mola_manifest back;
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_CORRUPT);
    mola_state_unref(state);
}
END_TEST

START_TEST(inline_objects_must_be_of_the_table)
{
    mola_state *state = state_of("{\"id\":\"uint\"}");
    mola_manifest m = tiny(state), back;
    mola_inline_object small[3];
    mola_segment_info of[3];
    memcpy(small, m.inlines, sizeof small);
    memcpy(of, infos, sizeof of);
    of[1].data_bytes = 500; /* so that the body stands raw */
    small[1].bytes.len = 500;
    m.inlines = small;
    m.infos = of;
    mola_manifest_encode(&out, &m);
    size_t first = place_of("namespace number\4\0\0\0\0\0\0\0\xef\xbe\0\0\0\0\0\0h", 33);
    size_t second = first + 48, third = first + 96;
    expect_refused(first, "another number..", 16);
    expect_refused_u64(first + 16, 5, 8);
    expect_refused_u64(first + 24, 5, 8);
    expect_refused_u64(first + 32, 'g', 4);
    expect_refused_u64(first + 32, 'h' + 256, 4);
    expect_refused_u64(first + 36, 1, 4);
    expect_refused_u64(first + 40, 319, 8);
    expect_refused_u64(first + 40, UINT64_MAX, 8);
    expect_refused_u64(second + 36, 1, 4);
    expect_refused_u64(second + 40, 499, 8);
    expect_refused_u64(third + 16, 7, 8);
    expect_refused_u64(third + 36, 1, 4);
    expect_refused_u64(third + 40, 0, 8);
    expect_refused_u64(first - 12, 2, 4); /* count */
    expect_refused_u64(first - 12, UINT32_MAX, 4);
    m.inline_count = 3;
    small[2] = small[1]; /* the same object twice */
    small[2].number = 0;
    out.len = 0;
    of[1].object_count = 2;
    small[2].number = 1;
    mola_manifest_encode(&out, &m);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_OK);
    mola_state_unref(back.state);
    expect_refused_u64(third + 36, 0, 4);
    mola_state_unref(state);
}
END_TEST

/* As much as may stand inline does; a byte more is refused. */
START_TEST(inline_bytes_are_limited)
{
    enum { MOST = MOLA_INLINE_BYTES_MAX };
    mola_state *state = state_of("{\"id\":\"uint\"}");
    chance c = {5};
    char *bytes = mola_arena_alloc(&arena, MOST + 1, 1, 8);
    for (uint32_t i = 0; i < MOST; i++)
        bytes[i] = (char)below(&c, 256);
    mola_manifest m = full(state), back;
    mola_inline_object one = {"parent of parent", 1, 0xfeed, 'o', 1, {bytes, MOST}};
    m.inlines = &one;
    m.inline_count = 1;
    mola_manifest_encode(&out, &m);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_OK);
    assert_manifest_eq(&m, &back);
    mola_state_unref(back.state);
    size_t at = place_of("parent of parent\1\0\0\0\0\0\0\0\xed\xfe\0\0\0\0\0\0o", 33);
    out.len -= 16;
    mola_buf_add_zeros(&out, 1 + 16);
    uint64_t body = mola_load_u64(out.data + 104) + 1, section = 48 + MOST + 1, size = MOST + 1;
    memcpy(out.data + 104, &body, 8);
    memcpy(out.data + at - 8, &section, 8);
    memcpy(out.data + at + 40, &size, 8);
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_CORRUPT);
    mola_state_unref(state);
}
END_TEST

/* Another section behind those we know. */
static void add_section(uint16_t kind, uint16_t flags)
{
    out.len -= 16;
    uint64_t body = mola_load_u64(out.data + 104) + 16 + 5;
    memcpy(out.data + 104, &body, 8);
    mola_add_u16(&out, kind);
    mola_add_u16(&out, flags);
    mola_add_u32(&out, 1);
    mola_add_u64(&out, 5);
    mola_buf_add_str(&out, MOLA_STR("hello"));
    mola_buf_add_zeros(&out, 16);
    seal_again();
}

START_TEST(unknown_sections_are_refused_unless_they_may_be_ignored)
{
    mola_manifest m = blank(), back;
    mola_manifest_encode(&out, &m);
    add_section(9, 0);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_INVALID);
    ck_assert_str_eq(said(), "section 9 of a manifest needs a newer mola");
    out.len = 0;
    mola_manifest_encode(&out, &m);
    add_section(9, 1);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_OK);
    ck_assert(back.newer); /* read, but never published upon */
    back.newer = false;
    assert_manifest_eq(&m, &back);
}
END_TEST

START_TEST(newer_formats_and_encryption_are_refused_politely)
{
    mola_manifest m = blank(), back;
    mola_manifest_encode(&out, &m);
    out.data[4] = out.data[6] = 2;
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_INVALID);
    ck_assert_str_eq(said(), "format 2 of a manifest needs a newer mola (this one reads up to 1)");
    out.data[6] = 1;
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_OK);
    ck_assert(back.newer);
    out.data[4] = 1;
    out.data[8] = 2;
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_INVALID);
    ck_assert_str_eq(said(), "an encrypted namespace needs a newer mola");
    out.data[8] = 4;
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_CORRUPT);
}
END_TEST

START_TEST(large_bodies_are_packed)
{
    enum { SEGMENTS = 3000 };
    mola_state *state = state_of("{\"id\":\"uint\"}");
    mola_manifest m = full(state), back;
    m.segments = mola_new(&arena, mola_segment_ref, SEGMENTS);
    for (uint32_t i = 0; i < SEGMENTS; i++)
        m.segments[i] =
            (mola_segment_ref){.base = i, .rand = i * 7919, .seq_from = i + 1, .seq_to = i + 1};
    m.infos = mola_new(&arena, mola_segment_info, SEGMENTS);
    m.segment_count = SEGMENTS;
    m.indexed_seq = SEGMENTS;
    mola_manifest_encode(&out, &m);
    ck_assert_uint_lt(out.len, SEGMENTS * sizeof *m.segments / 2);
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_OK);
    assert_manifest_eq(&m, &back);
    mola_state_unref(back.state);
    uint64_t claim = UINT64_C(1) << 40; /* more than the stored bytes can hold */
    memcpy(out.data + 104, &claim, 8);
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), &back), MOLA_CORRUPT);
    mola_state_unref(state);
}
END_TEST

START_TEST(no_memory_is_told_and_leaks_nothing)
{
    mola_state *state = state_of("{\"id\":\"uint\",\"a\":\"string\"}");
    mola_manifest m = full(state), back;
    mola_manifest_encode(&out, &m);
    size_t limit = heap.limit, used = atomic_load(&heap.used);
    uint32_t refused = 0;
    for (size_t more = 0;; more += 64) {
        mola_arena small;
        mola_arena_init(&small, &heap, 1 << 20);
        heap.limit = used + more;
        mola_err err = mola_manifest_decode(mola_buf_str(&out), &small, &heap, &back, &why);
        if (!err)
            mola_state_unref(back.state);
        mola_arena_reset(&small);
        ck_assert_uint_eq(atomic_load(&heap.used), used);
        if (!err)
            break;
        ck_assert_int_eq(err, MOLA_NO_MEMORY);
        refused++;
    }
    heap.limit = limit;
    ck_assert_uint_gt(refused, 5);
    mola_state_unref(state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("manifest");
    TCase *manifests = tcase_create("manifests");
    tcase_add_checked_fixture(manifests, set_up, tear_down);
    tcase_set_timeout(manifests, 60);
    tcase_add_test(manifests, golden_images_read_and_are_written_the_same);
    tcase_add_test(manifests, the_golden_tiny_namespace_reads);
    tcase_add_test(manifests, what_is_said_of_segments_must_fit_the_table);
    tcase_add_test(manifests, inline_objects_must_be_of_the_table);
    tcase_add_test(manifests, inline_bytes_are_limited);
    tcase_add_test(manifests, every_flipped_bit_and_truncation_is_corrupt);
    tcase_add_test(manifests, flipped_bits_under_a_good_sum_stay_consistent);
    tcase_add_test(manifests, segments_must_tile_and_sections_be_in_order);
    tcase_add_test(manifests, unknown_sections_are_refused_unless_they_may_be_ignored);
    tcase_add_test(manifests, newer_formats_and_encryption_are_refused_politely);
    tcase_add_test(manifests, large_bodies_are_packed);
    tcase_add_test(manifests, no_memory_is_told_and_leaks_nothing);
    suite_add_tcase(suite, manifests);
    return run(suite);
}
